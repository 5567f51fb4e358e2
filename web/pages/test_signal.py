"""A test signal: a person's own entry, taken in as the webhook takes one, to see the whole way in dry-run."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request, url_for

from database.operator_acts import NotPossible
from domain.acts import Signature
from domain.json_text import json_text
from domain.order import Direction
from domain.test_signal import PREFIX, new_trade_id
from signals.model import EntrySignal
from signals.payload import parse_signal
from signals.problem import FieldProblem, InvalidSignal
from web.formats import number
from web.pages.confirmation import Confirmation
from web.pages.forms import filled_in, form
from web.pages.gate import signature

if TYPE_CHECKING:
    from web.pages.site import Site

FIELDS = ("symbol", "direction", "entry_price", "stop_loss")
USUAL = {"direction": str(Direction.LONG), "entry_price": "16500", "stop_loss": "16475"}
REASON = "test signal of the page"


def add_test_signal(routes: Blueprint, site: Site) -> None:
    """Add ``/signals/test``: GET asks, POST sends."""
    bench = _TestBench(site)

    @routes.get("/signals/test")
    def test_form() -> Response:
        return site.frame.show("test_signal.html", lambda: bench.asked(request.args), own=True)

    @routes.post("/signals/test")
    def send_test() -> Response:
        return site.forms.act(bench.send, "test_signal.html", lambda: bench.asked(request.form))


class _TestBench:
    def __init__(self, site: Site) -> None:
        self._site = site

    def asked(self, fields: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the form for a signal, and what sending it would do once it is given."""
        problems: tuple[FieldProblem, ...] = ()
        act, armed = None, self._site.frame.status().live_anywhere
        given = filled_in(fields, *FIELDS)
        if given and not armed:
            try:
                act = self._confirmed(parse_signal(self._body(given)), given)
            except InvalidSignal as error:
                problems = tuple(problem for problem in error.problems if problem.field in FIELDS)
        return form(
            act=act,
            problems=problems,
            refused=_why_not(armed),
            typed={
                "symbol": self._site.settings.default_symbol,
                **USUAL,
                **{name: fields.get(name, "") for name in given},
            },
            directions=list(Direction),
            accounts=len(self._site.settings.accounts),
        )

    def send(self) -> str:
        """Send it as the form says; return where it is shown. Raises InvalidSignal, Refused and NotPossible."""
        why_not = _why_not(self._site.frame.status().live_anywhere)
        if why_not is not None:
            raise NotPossible(why_not.removesuffix("."))
        body = self._body(filled_in(request.form, *FIELDS))
        answer = self._site.router.take(body, json_text(body), source="page")
        signed = Signature(signature(), REASON)
        self._site.desk.test_signal(answer["task_id"], answer["trade_id"], signed)
        return url_for("pages.signal", signal_id=answer["signal_id"])

    def _body(self, given: Mapping[str, str]) -> dict[str, Any]:
        now = self._site.clock()
        return {
            **given,
            "event_type": "ENTRY",
            "trade_id": new_trade_id(now, secrets.token_hex(4)),
            "alert_time": now.isoformat(),
            "test": True,
            "sent_by": signature(),
        }

    def _confirmed(self, signal: Any, given: Mapping[str, str]) -> Confirmation:
        assert isinstance(signal, EntrySignal)  # noqa: S101 - the body says so
        what = f"{str(signal.direction).lower()} {signal.symbol} at {number(signal.entry_price)}"
        count = len(self._site.settings.accounts)
        accounts = "1 account" if count == 1 else f"{count} accounts"
        return Confirmation(
            title="Send a test signal",
            does=(
                f"An entry is stored as the webhook stores one: {what}, stop {number(signal.stop_loss)}.",
                f"It gets a trade id of its own that begins with {PREFIX}.",
                f"A router decides it for {accounts} by all checks; feed, log and audit have it, with your name.",
                "No order is sent, because nothing is armed. Nor is one later, whoever arms what.",
            ),
            button="Send the test signal",
            address=url_for("pages.send_test"),
            back=url_for("pages.signals"),
            kept=given,
            reason=None,
        )


def _why_not(armed: tuple[str, ...]) -> str | None:
    if not armed:
        return None
    verb = "trades" if len(armed) == 1 else "trade"
    return f"{', '.join(armed)} {verb} live, and a test signal is for dry-run alone: set EXECUTION_DRY_RUN first."
