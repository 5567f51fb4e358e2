"""What became of an order at cTrader: found by its client order id, by its number, or by the positions it closed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

from connectors.platforms.ctrader_answers import answered, report
from connectors.platforms.ctrader_orders import HeldPosition, PlacedOrder
from connectors.platforms.ctrader_record import Record
from connectors.platforms.ctrader_sent import Sent
from connectors.platforms.ctrader_symbols import Symbols
from connectors.platforms.ctrader_wire import OrderType
from connectors.venue import STOP_OF, NotSent, OrderReport, Unclear

# The venue's clock and this machine's may differ, and which of an order's times the list goes by is not documented.
MARGIN_MS = 120_000
# A closing may have been made so long after its exit was written down as about to be sent.
LONGEST_SENDING_MS = 120_000
# An exit's closing is not older than the exit but for the clocks.
CLOCKS_DIFFER_MS = 10_000


class Lookup:
    """Reads the record; sends nothing. Every method raises NotSent and Unclear."""

    def __init__(self, record: Record, symbols: Symbols, sent: Sent) -> None:
        self._record = record
        self._symbols = symbols
        self._sent = sent

    def by_number(self, account: int, tag: str, order_id: str) -> OrderReport:
        """Return what became of an order whose number is known; several are joined by ``+``."""
        orders = []
        for number in numbers(order_id):
            order = self._record.order(account, number)
            if order is None:
                raise Unclear(f"the venue does not show order {number}")
            orders.append(order)
        return self._report(account, tag, orders)

    def by_tag(self, account: int, tag: str, sent_at: datetime, entries: Sequence[str]) -> OrderReport | None:
        """Return what became of an order, None where neither an entry nor an exit of that id was taken.

        Orders that wait and positions are current; the list of past orders may lag. An exit is told by the closing
        orders of positions with the labels ``entries`` (those it was sent with, where they are not given). Raises
        Unclear where closing orders are about that may be an exit's of this id and cannot be told apart.
        """
        now = self._record.open(account)
        waiting = [order for order in now.orders if order.tag == tag]
        if waiting:
            return self._report(account, tag, waiting)
        sent_ms = int(sent_at.timestamp() * 1000)
        end_ms = max(int(time.time() * 1000), sent_ms) + MARGIN_MS
        listed = self._record.orders(account, sent_ms - MARGIN_MS, end_ms)
        found = _entries(listed, tag) or self._entries_of_positions(account, tag, now.positions)
        if found:
            return self._report(account, tag, found)
        if self._sent.is_entry(tag):
            return None
        return self._exit(account, tag, _closings(listed, sent_ms), tuple(entries) or self._sent.entries_of(tag))

    def stop_of(self, account: int, name: str, sent_at: datetime) -> OrderReport | None:
        """Return what the stop of an entry's position has closed, None where it has not, or where that cannot be told.

        ``name``: the entry's client order id and ``STOP_OF``. On netted accounts a stop is of all trades together.
        """
        if self._record.netted(account):
            return None
        tag = name.removesuffix(STOP_OF)
        sent_ms = int(sent_at.timestamp() * 1000)
        entries = _entries(self._record.orders(account, sent_ms - MARGIN_MS, sent_ms + LONGEST_SENDING_MS), tag)
        positions = {order.position_id for order in entries if order.position_id is not None}
        stops = [
            order
            for position in sorted(positions)
            for order in self._record.orders_of(account, position)
            if order.closing and order.kind is OrderType.STOP_LOSS_TAKE_PROFIT
        ]
        return self._report(account, name, stops) if stops else None

    def _entries_of_positions(self, account: int, tag: str, positions: list[HeldPosition]) -> list[PlacedOrder]:
        for position in positions:
            if position.entry_tag == tag:
                found = _entries(self._record.orders_of(account, position.id), tag)
                if not found:
                    raise Unclear(f"position {position.id} is of this order, which the venue does not list yet")
                return found
        return []

    def _exit(
        self, account: int, tag: str, closings: list[PlacedOrder], entries: tuple[str, ...]
    ) -> OrderReport | None:
        known = [order for order in closings if self._sent.exit_of(order.id) == tag]
        strange = [order for order in closings if self._sent.exit_of(order.id) is None]
        if entries and not self._record.netted(account):
            of_trade = [order for order in strange if order.entry_tag in entries]
            for order in of_trade:
                self._sent.closing(order.id, tag)
            known += of_trade
            strange = [order for order in strange if order.entry_tag is None]
        if known:
            return self._report(account, tag, known)
        if strange:
            ids = [order.id for order in strange]
            raise Unclear(f"whether the closing orders {ids} are of {tag} cannot be told", {"orders": ids})
        return None

    def _report(self, account: int, tag: str, orders: list[PlacedOrder]) -> OrderReport:
        answers = [
            answered(order, order.state, None, order.lots_per_contract, self._symbols.of(account, order.symbol_id))
            for order in orders
        ]
        return report(answers, tag)


def numbers(order_id: str) -> list[int]:
    """Return the venue's numbers of orders in the text that reports give. Raises NotSent."""
    pieces = order_id.split("+")
    if not all(piece.isdecimal() for piece in pieces):
        raise NotSent(f"{order_id!r} is no order number of cTrader", final=True)
    return [int(piece) for piece in pieces]


def _entries(orders: list[PlacedOrder], tag: str) -> list[PlacedOrder]:
    tagged = [order for order in orders if order.tag == tag]
    return tagged or [order for order in orders if order.entry_tag == tag and not order.closing]


def _closings(orders: list[PlacedOrder], sent_ms: int) -> list[PlacedOrder]:
    window = range(sent_ms - CLOCKS_DIFFER_MS, sent_ms + LONGEST_SENDING_MS)
    return [
        order
        for order in orders
        if order.closing and order.kind is OrderType.MARKET and not order.stop_out and order.opened in window
    ]
