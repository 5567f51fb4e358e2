"""What all pages share: who may look, the bar on top, one answer for each kind of trouble, live fetches.

A page is a template over ``frame`` and a function that reads what it shows; ``Frame.show`` does the rest.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Response, current_app, render_template, request, url_for

from config.settings import Settings
from database.connection import DatabaseUnavailable, StatementRefused
from database.operator_acts import NotKnown
from signals.problem import InvalidSignal
from web.assets import Assets
from web.changes import ChangeFeed
from web.formats import chosen_theme, page_now, viewer_zone
from web.pages.gate import may_act, turned_away
from web.pages.readings import Readings
from web.pages.status import Status, StatusReader
from web.refusals import Refused
from web.sessions import SAFE, current_person

# A page's own script sends the newest change it knows of with it: "<boot>:<number>". Every page's answer has it.
NUMBER_HEADER = "X-Page-Number"
# In this order; a page that does not exist is left out.
NAVIGATION = (
    ("pages.overview", "Overview"),
    ("pages.signals", "Signals"),
    ("pages.orders", "Orders"),
    ("pages.dead_letters", "Dead letters"),
    ("pages.halts", "Halts"),
    ("pages.analytics", "Analytics"),
    ("pages.search", "Search"),
    ("pages.configuration", "Configuration"),
)
# What ``load`` may raise; every other error is a fault of ours.
TOLD = (InvalidSignal, NotKnown, Refused, DatabaseUnavailable, StatementRefused)

Load = Callable[[], Mapping[str, Any]]


class Frame:
    """Answers requests for pages. ``status`` reads what the bar on top of every page says."""

    def __init__(
        self, settings: Settings, feed: ChangeFeed, assets: Assets, status: StatusReader, *, logger: logging.Logger
    ) -> None:
        self._settings = settings
        self._feed = feed
        self._assets = assets
        self._status = status
        self._logger = logger
        self._readings = Readings(lambda: feed.number)

    def show(self, template: str, load: Load, *, own: bool = False, status: int = 200) -> Response:
        """Answer with a page: ``template`` over what ``load`` returns. ``load`` may raise what an API route may.

        ``own``: there is something in it of the person who asks, such as a form; nobody else is given this reading.
        """
        try:
            away = turned_away()
            if away is not None:
                return away if away.status_code == 303 else self.as_page(away)
            if NUMBER_HEADER in request.headers and not own:
                return self._live(template, load)
            return self._whole(template, load, status)
        except TOLD as error:
            return self._told(error)
        except Exception:
            self._logger.exception("A page failed", extra={"event": "page_failed"})
            return self._trouble("That went wrong on our side", 500, message="The service's log has the reason.")

    def status(self) -> Status:
        """Return what the bar on top says now. Raises DatabaseUnavailable."""
        return self._status.read()

    def give(self, make: Callable[[], Response]) -> Response:
        """Answer with what ``make`` returns: a file, or where an act leads; in trouble the page that says so."""
        try:
            return make()
        except TOLD as error:
            return self._told(error)

    def as_page(self, answer: Response) -> Response:
        """Return what the doors answered a browser, before a page was asked for, as a page."""
        if answer.mimetype != "application/json" or "text/html" not in request.headers.get("Accept", ""):
            return answer
        if answer.status_code == 503:
            return self._trouble("The database does not answer", 503, "away.html")
        if answer.status_code not in (401, 403):
            return answer
        told = answer.get_json()
        refused = {"code": told["code"], "message": told["message"], "sent": request.method not in SAFE}
        return self._trouble("Not for everybody", answer.status_code, "refused.html", **refused, here=request.path)

    def _told(self, error: Exception) -> Response:
        match error:
            case InvalidSignal():
                return self._trouble("That cannot be read", 400, problems=error.problems)
            case NotKnown():
                return self._trouble("Not found", 404, message=f"{error}.")
            case Refused():
                title = "Not found" if error.status_code == 404 else "That is not possible"
                return self._trouble(title, error.status_code, message=error.message)
            case _:
                self._logger.error("A page could not be read: %s", error, extra={"event": "page_failed"})
                return self._trouble("The database does not answer", 503, "away.html")

    def _whole(self, template: str, load: Load, status: int) -> Response:
        number = self._feed.number
        return self._answer(self._written(template, "base.html", load, number), number, status)

    def _live(self, template: str, load: Load) -> Response:
        boot, _, told = request.headers[NUMBER_HEADER].partition(":")
        at_least = int(told) if boot == self._feed.boot and told.isdecimal() else None
        key = (request.full_path, str(viewer_zone()))
        reading = self._readings.get(
            key, at_least, lambda: self._written(template, "live.html", load, self._feed.number)
        )
        return self._answer(reading.body, reading.number)

    def _answer(self, body: str, number: int, status: int = 200) -> Response:
        answer = Response(body, status=status, mimetype="text/html")
        answer.headers[NUMBER_HEADER] = f"{self._feed.boot}:{number}"
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def _written(self, template: str, frame: str, load: Load, number: int) -> str:
        shown = {"status": self._status.read(), **load()}
        person = current_person()
        position = f"{self._feed.boot}:{number}"
        return render_template(template, frame=frame, position=position, person=person, **self._common(), **shown)

    def _trouble(self, title: str, status: int, template: str = "trouble.html", **told: Any) -> Response:
        shown = {"title": title, "message": None, "problems": (), **told}
        known = {"position": None, "status": None, "person": None}
        text = render_template(template, frame="base.html", **known, **self._common(), **shown)
        return Response(text, status=status, mimetype="text/html", headers={"Cache-Control": "no-store"})

    def _common(self) -> dict[str, Any]:
        return {
            "asset": self._assets.address,
            "assets_missing": self._assets.missing,
            "dry_run": self._settings.dry_run,
            "example": self._settings.demonstration,
            "navigation": [(url_for(name), title, name == request.endpoint) for name, title in existing(NAVIGATION)],
            "now": page_now(),
            "theme": chosen_theme(),
            "zone": str(viewer_zone()),
            "link": link,
            # For what is not live alone: a live part is the same for everybody.
            "may_act": may_act(),
        }


def existing(pages: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """Return those of the pages that the application has."""
    return [(name, title) for name, title in pages if name in current_app.view_functions]


def link(endpoint: str, otherwise: str, /, **values: Any) -> str:
    """Return the address of a page, or ``otherwise`` where the application has no such page."""
    return url_for(endpoint, **values) if endpoint in current_app.view_functions else otherwise


def address(endpoint: str, query: Mapping[str, Any]) -> str:
    """Return the address of a page with a query."""
    return url_for(endpoint) + (f"?{urlencode(query)}" if query else "")
