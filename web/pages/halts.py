"""Halts: what is stopped and what was, what a halt would do before it is set, and its release by a typed phrase."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request, url_for

from database.halts import HaltRecord
from database.operator_acts import NotKnown
from domain.acts import HIGHEST_ID
from domain.halt import ALL, HaltLevel, Scope, release_phrase
from signals.order_acts import parse_halt, parse_release
from web.pages.account_reader import AccountReader
from web.pages.account_rows import AccountRow
from web.pages.forms import form, signed
from web.pages.gate import signature

if TYPE_CHECKING:
    from web.pages.site import Site

MOST_LISTED = 1000
HALT = f"/halts/<int(max={HIGHEST_ID}):halt_id>"
# One click must do where seconds count; who has the time says more.
USUAL_REASON = "halted on the page"
STOPS = "No entry goes out any more, from any process: each is refused with TRADING_HALTED until the halt is released."
STAYS = "Exits and protective orders still go out."
DOES = {
    HaltLevel.ENTRIES: (STOPS, STAYS, "Open positions, and entries that are working at a venue, stay as they are."),
    HaltLevel.CANCEL: (
        STOPS,
        STAYS,
        "Entries that are working at a venue are taken back. What of them has filled stays open, with its stop.",
    ),
    HaltLevel.FLATTEN: (
        STOPS,
        "Entries that are working at a venue are taken back.",
        "Then all positions there are closed at the market and all orders taken back, also those opened by hand.",
        "Only accounts that a router trades live, or has traded live, are looked at. Close by hand what another holds.",
    ),
}


def add_halts(routes: Blueprint, site: Site) -> None:
    """Add ``/halts``, ``/halts/17`` with its release, and ``/halts/new?level=cancel&scope=APEX``, which sets one.

    Forms stand on pages of a person's own: what is live is the same for everybody.
    """
    pages = _HaltPages(site)

    @routes.get("/halts")
    def halts() -> Response:
        return site.frame.show("halts.html", pages.listed)

    @routes.get(HALT)
    def halt(halt_id: int) -> Response:
        return site.frame.show("halt.html", lambda: pages.one(halt_id), own=True)

    @routes.get("/halts/new")
    def halt_form() -> Response:
        return site.frame.show("halt_form.html", lambda: pages.asked(request.args), own=True)

    @routes.post("/halts")
    def set_halt() -> Response:
        return site.forms.act(pages.set, "halt_form.html", lambda: pages.asked(request.form))

    # To the page's own address, which it fetches again while it is open.
    @routes.post(HALT)
    def release_halt(halt_id: int) -> Response:
        return site.forms.act(lambda: pages.release(halt_id), "halt.html", lambda: pages.one(halt_id))


class _HaltPages:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._record = HaltRecord(site.database)
        self._rows = AccountReader(site)

    def listed(self) -> Mapping[str, Any]:
        """Return every halt in force, and past ones."""
        halts = self._record.listed(limit=MOST_LISTED)
        return {
            "in_force": [halt for halt in halts if halt["in_force"]],
            "past": [halt for halt in halts if not halt["in_force"]],
        }

    def one(self, halt_id: int) -> Mapping[str, Any]:
        """Return a halt, where its accounts stand, and what releases it. Raises NotKnown."""
        halts = self._record.listed(limit=MOST_LISTED)
        halt = next((halt for halt in halts if halt["id"] == halt_id), None)
        if halt is None:
            raise NotKnown(f"there is no halt {halt_id}, or it was long ago")
        scope = Scope.of(halt["scope"])
        typed = {name: request.form.get(name, "") for name in ("phrase", "reason")}
        return {
            "halt": halt,
            "accounts": self._covered(scope),
            "does": DOES[HaltLevel(halt["level"])],
            "phrase": release_phrase(scope),
            "typed": typed,
            **form(),
        }

    def asked(self, fields: Mapping[str, str]) -> Mapping[str, Any]:
        """Return what a halt would do, by the address or by the form that could not be read. Raises InvalidSignal."""
        asked = {name: fields[name] for name in ("scope", "level") if fields.get(name)}
        scope, level, _ = parse_halt({**asked, "by": signature(), "reason": USUAL_REASON}, self._site.clock())
        keys = self._site.settings.accounts
        accounts = self._covered(scope)
        if not accounts and scope != Scope():
            raise NotKnown(f"no account is in {scope}, so it would stop nobody; the accounts are {_names(keys)}")
        return {
            "scope": scope,
            "scopes": [ALL, *dict.fromkeys(key.firm_code for key in keys), *map(str, keys)],
            "level": level,
            "levels": HaltLevel,
            "does": DOES[level],
            "accounts": accounts,
            "reason": fields.get("reason", USUAL_REASON),
            **form(),
        }

    def set(self) -> str:
        """Halt as the form says; return where that is shown. Raises InvalidSignal and NotKnown."""
        told = parse_halt(signed("scope", "level", "reason"), self._site.clock())
        return url_for("pages.halt", halt_id=self._site.desk.halt(*told)["id"])

    def release(self, halt_id: int) -> str:
        """Release as the form says; return where that is shown.

        Raises InvalidSignal, WrongPhrase, NotKnown and NotPossible.
        """
        told = parse_release(signed("phrase", "reason"), self._site.clock())
        self._site.desk.release(halt_id, *told)
        return url_for("pages.halts")

    def _covered(self, scope: Scope) -> list[AccountRow]:
        return self._rows.read([key for key in self._site.settings.accounts if scope.covers(key)])


def _names(keys: Any) -> str:
    return ", ".join(map(str, keys)) or "none"
