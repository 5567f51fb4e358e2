"""The page from which a person sends a test signal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request, url_for

from domain.acts import Signature
from domain.order import Direction
from domain.test_signal import PREFIX
from signals.model import EntrySignal
from signals.payload import parse_signal
from signals.problem import FieldProblem, InvalidSignal
from web.formats import number
from web.pages.confirmation import Confirmation
from web.pages.forms import filled_in, form
from web.pages.gate import signature
from web.test_signals import TestSignals

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
        self._signals = TestSignals(
            site.router.take, site.desk, armed=lambda: site.frame.status().live_anywhere, clock=site.clock
        )

    def asked(self, fields: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the form for a signal, and what sending it would do once it is given."""
        problems: tuple[FieldProblem, ...] = ()
        act, why_not = None, self._signals.why_not()
        given = filled_in(fields, *FIELDS)
        if given and why_not is None:
            try:
                act = self._confirmed(parse_signal(self._signals.body(given, signature())), given)
            except InvalidSignal as error:
                problems = tuple(problem for problem in error.problems if problem.field in FIELDS)
        return form(
            act=act,
            problems=problems,
            refused=why_not,
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
        given = filled_in(request.form, *FIELDS)
        answer = self._signals.send(given, Signature(signature(), REASON), source="page")
        return url_for("pages.signal", signal_id=answer["signal_id"])

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
