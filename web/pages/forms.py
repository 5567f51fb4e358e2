"""The way of a form: it acts once however often it is sent, and what is refused is said where it was asked."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, redirect, request

from database.connection import Database, StatementRefused
from database.forms import Sent, SentForms
from database.halts import WrongPhrase
from database.operator_acts import NotKnown, NotPossible
from signals.problem import FieldProblem, InvalidSignal
from web.pages.frame import Frame, Load
from web.pages.gate import form_token, signature
from web.refusals import Refused

CSRF, NUMBER = "csrf_token", "once"
LONGEST_NUMBER = 100
# A second click, or a browser that asks again. What comes later is a person with an old page before him.
SAME_CLICK_SECONDS = 60
PATIENCE_SECONDS, PAUSE_SECONDS = 3.0, 0.05


class Forms:
    """Takes forms in. ``act`` does what one asks and returns where that is shown."""

    def __init__(self, frame: Frame, database: Database) -> None:
        self._frame = frame
        self._sent = SentForms(database)

    def act(self, act: Callable[[], str], template: str, again: Load) -> Response:
        """Act once, and go where that is shown. A form that is refused is shown ``again``, with why; nothing was done.

        ``act`` may raise what an API route may, NotPossible and WrongPhrase. A form without a number of its own, as a
        script sends it, acts each time.
        """
        return self._frame.give(lambda: self._once(act, template, again))

    def _once(self, act: Callable[[], str], template: str, again: Load) -> Response:
        key = _key()
        if key is None:
            return self._answer(act, template, again, lambda: None)
        try:
            ticket = self._sent.begin(key)
        except StatementRefused:
            # A role that was not given the new table yet (database/roles.sql): rather halt twice than not at all.
            return self._answer(act, template, again, lambda: None)
        if ticket is None:
            return self._sent_before(key)
        given = ticket

        def done() -> str:
            location = act()
            self._sent.done(key, given, location)
            return location

        return self._answer(done, template, again, lambda: self._sent.forget(key, given))

    def _answer(self, act: Callable[[], str], template: str, again: Load, take_back: Callable[[], None]) -> Response:
        problems: tuple[FieldProblem, ...] = ()
        refused, status = None, 409
        try:
            return redirect(act(), 303)  # type: ignore[return-value]
        except InvalidSignal as error:
            problems, status = error.problems, 400
        except WrongPhrase as error:
            problems, status = (FieldProblem(field="phrase", given=None, accepted=str(error)),), 400
        except NotPossible as error:
            refused = f"{error}."
        except Refused as error:
            refused, status = error.message, error.status_code
        except NotKnown:
            take_back()
            raise
        take_back()
        told = {"problems": problems, "refused": refused}
        return self._frame.show(template, lambda: {**again(), **told}, own=True, status=status)

    def _sent_before(self, key: str) -> Response:
        """Answer a form that was sent before: as it was answered then, or with what is known of it."""
        sent, until = self._sent.sent(key), time.monotonic() + PATIENCE_SECONDS
        while sent is not None and sent.location is None and time.monotonic() < until:
            time.sleep(PAUSE_SECONDS)
            sent = self._sent.sent(key)
        if sent is not None and sent.location is not None and sent.age < SAME_CLICK_SECONDS:
            return redirect(sent.location, 303)  # type: ignore[return-value]
        return self._frame.show("sent_before.html", lambda: _told(sent), own=True, status=409)


def form(**shown: Any) -> dict[str, Any]:
    """Return what every form is written with, beside ``shown``. Raises DatabaseUnavailable."""
    return {"token": form_token(), "once": secrets.token_urlsafe(16), "problems": (), "refused": None, **shown}


def signed(*names: str, by: str = "by") -> dict[str, str]:
    """Return those of these fields that the current form has, and who sends it."""
    return {**{name: request.form[name] for name in names if name in request.form}, by: signature()}


def filled_in(fields: Mapping[str, str], *names: str) -> dict[str, str]:
    """Return those of the fields in which something stands."""
    return {name: fields[name] for name in names if fields.get(name, "").strip()}


def _told(sent: Sent | None) -> Mapping[str, Any]:
    return {"sent": sent}


def _key() -> str | None:
    number = request.form.get(NUMBER, "")
    if not 0 < len(number) <= LONGEST_NUMBER:
        return None
    fields = sorted((name, text) for name, text in request.form.items(multi=True) if name != CSRF)
    return hashlib.sha256(repr((request.path, signature(), fields)).encode()).hexdigest()
