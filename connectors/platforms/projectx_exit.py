"""An exit at ProjectX: never larger than what is held, never the other way round, at most once, and found again.

Two kinds of calls close a position. ``closeContract`` and ``partialCloseContract`` only ever reduce, but carry no tag:
an answer that is lost cannot be looked up, and a partial close that a proxy repeats closes twice and takes another
trade's contracts. ``Order/place`` carries our tag: the service takes a tag once for all time, so an exit that is sent
or repeated a second time is refused, and its order is found by the tag for ever. It can turn a position, though, if the
position shrinks between reading and filling. What shrinks it is the trade's own stop: that one is cancelled and seen to
be cancelled first, the position is read after it, and two exits of one contract never run at a time in this process.
So an exit is an order for the smaller of what was asked for and what is held.

What stays possible: a person, or another process, closes the same position in the instant between reading and filling.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

from connectors.platforms.projectx_answers import SIDE_CODES, report_of
from connectors.platforms.projectx_brackets import Parents
from connectors.platforms.projectx_names import Names, nothing_sent
from connectors.platforms.projectx_orders import Orders
from connectors.platforms.projectx_placing import Placing, contracts, market_order
from connectors.platforms.projectx_positions import Positions
from connectors.platforms.projectx_session import Call
from connectors.platforms.projectx_stops import Reduced, Stops
from connectors.tickets import ExitTicket
from connectors.venue import NotSent, OrderReport, Unclear
from domain.order_state import FINAL, OrderState, Side


class Exits:
    """Exits of one login. Their calls come first at the rate limit."""

    def __init__(self, call: Call, orders: Orders, names: Names, parents: Parents) -> None:
        self._orders = orders
        self._names = names
        self._positions = Positions(call)
        self._stops = Stops(orders, parents)
        self._placing = Placing(call, orders)
        self._guard = threading.Lock()
        self._locks: dict[tuple[int, str], threading.Lock] = {}

    def close(self, ticket: ExitTicket) -> OrderReport:
        """Close a part of a position, its protective orders first.

        Where the venue is out of reach before the closing order nothing is closed and NotSent says so: the exit may
        be tried again, and what was cancelled by then is not cancelled twice. An exit that the venue refuses leaves
        what its protective orders protected without them: the report says that too.
        """
        with nothing_sent():
            account_id = self._names.account(ticket.account)
            contract_id = self._names.instrument(ticket.contract.symbol).id
            wanted = contracts(ticket.quantity)
        with self._guard:
            one_at_a_time = self._locks.setdefault((account_id, contract_id), threading.Lock())
        with one_at_a_time:
            return self._close(ticket, account_id, contract_id, wanted)

    def _close(self, ticket: ExitTicket, account_id: int, contract_id: str, wanted: int) -> OrderReport:
        reduced = Reduced()
        with _saying(reduced), nothing_sent():
            stops = self._stops.of_trade(account_id, contract_id, ticket)
            held = self._held(account_id, contract_id, ticket.side, late=bool(stops))
            keep = min(int(ticket.remaining), max(held - wanted, 0))
            self._stops.reduce(account_id, stops, keep, reduced)
            if held and reduced.touched:
                held = self._held(account_id, contract_id, ticket.side)
        if not held:
            self._stops.cancel_again(account_id, reduced)
            return _told(_nothing_held(ticket), reduced)
        body = market_order(account_id, contract_id, SIDE_CODES[ticket.side], min(wanted, held), ticket.client_order_id)
        with _saying(reduced):
            sent = self._placing.send(body)
        report = self._settled(account_id, sent)
        if report.state is not OrderState.REJECTED:
            self._stops.cancel_again(account_id, reduced)
        elif reduced.lost:
            reduced.notes.append(reduced.lost)
        return _told(report, reduced)

    def _held(self, account_id: int, contract_id: str, side: Side, *, late: bool = False) -> int:
        """Return how many contracts an order of ``side`` can close, 0 where it would open or add.

        ``late``: a stop protects what is not in the list, which may only be late; it is read again for a second.
        """
        for _ in self._orders.looks():
            quantity = self._positions.held(account_id).get(contract_id, Decimal(0))
            held = int(max(quantity if side is Side.SELL else -quantity, Decimal(0)))
            if held or not late:
                return held
        return 0

    def _settled(self, account_id: int, report: OrderReport) -> OrderReport:
        """Return the report with what has filled within a second; the next exit reads the position after that."""
        if report.state in FINAL or report.order_id is None:
            return report
        for _ in self._orders.looks():
            try:
                row = self._orders.by_id(account_id, report.order_id)
            except (NotSent, Unclear):
                break
            report = report if row is None else report_of(row, report.message)
            if report.state in FINAL:
                break
        return report


def _nothing_held(ticket: ExitTicket) -> OrderReport:
    return OrderReport(
        state=OrderState.CANCELLED,
        order_id=None,
        client_order_id=ticket.client_order_id,
        message=f"the account holds no {ticket.contract.symbol} that a {ticket.side} would close",
    )


@contextmanager
def _saying(reduced: Reduced) -> Iterator[None]:
    """Add to an error of the closing order that the position is without its protective orders."""
    try:
        yield
    except (NotSent, Unclear) as error:
        if not reduced.lost:
            raise
        message = f"{error}; {reduced.lost}"
        if isinstance(error, Unclear):
            raise Unclear(message, error.raw) from error
        raise NotSent(message, final=error.final, retry_after=error.retry_after) from error


def _told(report: OrderReport, reduced: Reduced) -> OrderReport:
    """Return the report with what there is to say of the protective orders."""
    said = [*([report.message] if report.message else []), *reduced.notes]
    return replace(report, message="; ".join(said)) if reduced.notes else report
