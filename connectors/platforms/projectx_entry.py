"""An entry at ProjectX with its protective stop, and the look whether the stop is there.

The stop travels as a bracket: so many ticks from the price at which the entry fills, not from the signal's price. So
the loss in points is the decided one, and the stop's price differs from the signal's by the slippage. Ticks are signed,
negative for a long trade's stop: with the other sign the service answers "Ticks should be less than zero when longing"
(seen by many on the live service; the documentation's example is unsigned). Fewer than 4 ticks it refuses.

Brackets need the account setting Auto OCO Brackets. Without it the service answers OrderRejected, and puts the refused
order on record.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from connectors.platforms.projectx_answers import SIDE_CODES, Kind, Row, Status, report_of, status_of
from connectors.platforms.projectx_brackets import Parents, arrived_at, is_stop_of
from connectors.platforms.projectx_names import Instrument, Names, nothing_sent
from connectors.platforms.projectx_orders import Orders, is_open
from connectors.platforms.projectx_placing import Placing, contracts, market_order
from connectors.platforms.projectx_session import Call
from connectors.tickets import EntryTicket
from connectors.venue import NotSent, OrderReport, Unclear
from domain.order_state import OrderState, Side

# Nothing is open, and nothing will be.
NEVER_OPEN = frozenset({OrderState.REJECTED, OrderState.CANCELLED})
UNPROTECTED = "NO STOP ORDER IS WORKING FOR THIS ENTRY"


def stop_ticks(ticket: EntryTicket, tick: Decimal) -> int | None:
    """Return the signed ticks from fill to stop, None for an entry without a stop.

    A distance between two ticks is rounded down: the stop is never farther away than asked for, and nearer by less
    than a tick, so the loss at the stop is never above the decided one. Raises NotSent, final where a distance cannot
    be told: without the entry's price, and for a stop on the wrong side or within a tick.
    """
    if ticket.stop_price is None:
        return None
    if ticket.entry_price is None:
        raise NotSent("a stop at ProjectX is a distance: it needs the entry's price", final=True)
    below = ticket.entry_price - ticket.stop_price
    distance = below if ticket.side is Side.BUY else -below
    ticks = int((distance / tick).to_integral_value(ROUND_FLOOR))
    if ticks < 1:
        raise NotSent(
            f"stop {ticket.stop_price} is not a tick of {tick} beyond the entry {ticket.entry_price} to {ticket.side}",
            final=True,
        )
    return -ticks if ticket.side is Side.BUY else ticks


def entry_body(account_id: int, instrument: Instrument, ticket: EntryTicket) -> dict[str, Any]:
    """Return the body of an entry's order. Raises NotSent, final where there is none."""
    size = contracts(ticket.quantity)
    ticks = stop_ticks(ticket, instrument.tick)
    body = market_order(account_id, instrument.id, SIDE_CODES[ticket.side], size, ticket.client_order_id)
    if ticks is not None:
        body["stopLossBracket"] = {"ticks": ticks, "type": int(Kind.STOP)}
    return body


class Entries:
    """Entries of one login."""

    def __init__(self, call: Call, orders: Orders, names: Names, parents: Parents) -> None:
        self._orders = orders
        self._names = names
        self._parents = parents
        self._placing = Placing(call, orders)

    def place(self, ticket: EntryTicket) -> OrderReport:
        """Send an entry and report it with its fill, as far as it is known within a second, and with its protection."""
        with nothing_sent():
            account_id = self._names.account(ticket.account)
            body = entry_body(account_id, self._names.instrument(ticket.contract.symbol), ticket)
        report = self._placing.send(body)
        if report.order_id is None or report.state in NEVER_OPEN:
            return report
        self._parents.remember(report.order_id, ticket.client_order_id)
        return report if ticket.stop_price is None else self._protected(account_id, report)

    def _protected(self, account_id: int, report: OrderReport) -> OrderReport:
        """Return the report with the entry's fill, and with a warning where no stop order works for it.

        The entry stands whatever this finds, so nothing is raised. No second stop is sent: the first one may only be
        late, and two stops would turn the position. Whoever reads the message closes the position or sets a stop.
        """
        problem, arrived = UNPROTECTED, arrived_at(report.raw) or datetime.now(UTC)
        for _ in self._orders.looks():
            try:
                listed = self._orders.since(account_id, arrived).rows
                entry = next((row for row in listed if str(row.get("id")) == report.order_id), {"id": report.order_id})
                if "status" in entry:
                    report = report_of(entry, report.message)
                stops = [row for row in listed if is_stop_of(row, entry)]
                if report.state in NEVER_OPEN or any(_protects(stop, report) for stop in stops):
                    return report
            except (NotSent, Unclear) as error:
                problem = f"whether a stop order is working is not known: {error}"
                break
        message = problem if report.message is None else f"{report.message}; {problem}"
        return replace(report, message=message, raw={**report.raw, "protected": False})


def _protects(stop: Row, entry: OrderReport) -> bool:
    """Return whether an entry's stop is in the market, has filled, or waits for the entry to fill."""
    if status_of(stop) is Status.SUSPENDED:
        return entry.state is OrderState.ACCEPTED
    return is_open(stop) or status_of(stop) is Status.FILLED
