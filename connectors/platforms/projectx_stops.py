"""How a trade's protective orders at ProjectX go before what they protect.

Closing a position leaves its bracket's orders working: on the live service such a stop filled 86 ms after its position
had been closed, and opened a new one. So it is cancelled, and seen to be cancelled, before the position is closed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from connectors.platforms.projectx_answers import SIDE_CODES, STOPS, Row
from connectors.platforms.projectx_brackets import Parents, number_of, of_entries, parent_of
from connectors.platforms.projectx_orders import Orders, open_size, order_ids
from connectors.tickets import ExitTicket
from connectors.venue import NotSent, Unclear

# How far back the entries of an open trade are looked for.
TRADE_WITHIN = timedelta(days=7)


@dataclass(slots=True)
class Reduced:
    """What became of protective orders. ``alive``: numbers of those that were to go and may still fill."""

    touched: list[str] = field(default_factory=list)
    alive: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def lost(self) -> str | None:
        """Return what a position that stays open after all is to be told, None where it lost no protection."""
        gone = [order_id for order_id in self.touched if order_id not in self.alive]
        return f"protective orders were cancelled or made smaller before: {', '.join(gone)}" if gone else None


def sizes(stops: Sequence[Row], keep: int) -> list[tuple[Row, int]]:
    """Return what is to stay of each protective order so that together they close ``keep``; the oldest stay first."""
    planned = []
    for row in sorted(stops, key=number_of):
        stays = min(open_size(row), max(keep, 0))
        keep -= stays
        planned.append((row, stays))
    return planned


class Stops:
    """The protective orders of trades."""

    def __init__(self, orders: Orders, parents: Parents) -> None:
        self._orders = orders
        self._parents = parents

    def of_trade(self, account_id: int, contract_id: str, ticket: ExitTicket) -> list[Row]:
        """Return the working orders that close what a trade's entries opened.

        One that names an entry as its parent is that entry's, and no other trade's is ever taken for ours. Where none
        of ours names one, those without a parent are matched by ``of_entries``. Where nothing of the trade is to stay,
        what is left of an entry that filled in part goes too: it would open the trade again.
        """
        working = [row for row in self._orders.working(account_id) if row.get("contractId") == contract_id]
        closing = [row for row in working if row.get("side") == SIDE_CODES[ticket.side]]
        stops = [row for row in closing if self._names_entry(account_id, row, ticket.entries)]
        nameless = [row for row in closing if parent_of(row) is None and row.get("type") in STOPS]
        if nameless and not stops:
            listed = self._orders.since(account_id, datetime.now(UTC) - TRADE_WITHIN).rows
            stops = of_entries(nameless, listed, ticket.entries)
        if ticket.remaining:
            return stops
        return stops + [row for row in working if row not in closing and row.get("customTag") in ticket.entries]

    def reduce(self, account_id: int, stops: Sequence[Row], keep: int, reduced: Reduced) -> None:
        """Cancel protective orders or make them smaller until they close no more than ``keep`` contracts.

        What the venue refuses or leaves open is noted and does not keep an exit back. Raises NotSent where the venue
        is out of reach: then it is for the exit too.
        """
        cancelled = []
        for row, stays in sizes(stops, keep):
            (order_id,) = order_ids([row])
            if stays == open_size(row):
                continue
            reduced.touched.append(order_id)
            if stays:
                self._resize(account_id, row, stays + int(row.get("fillVolume") or 0), reduced)
            elif self._cancel(account_id, order_id, reduced):
                cancelled.append(order_id)
            else:
                reduced.alive.append(order_id)
        reduced.alive += self._unseen(account_id, cancelled)

    def cancel_again(self, account_id: int, reduced: Reduced) -> None:
        """Try once more, with the position closed, what could not be cancelled before; note what is left."""
        for order_id in reduced.alive:
            with suppress(NotSent):
                self._cancel(account_id, order_id, Reduced())
        reduced.alive = self._unseen(account_id, reduced.alive)
        if reduced.alive:
            reduced.notes.append(
                f"NOT SEEN TO BE CANCELLED, WITH NOTHING LEFT TO PROTECT: order {', '.join(reduced.alive)}"
            )

    def _cancel(self, account_id: int, order_id: str, reduced: Reduced) -> bool:
        try:
            refused = self._orders.cancel(account_id, order_id)
        except Unclear as error:
            reduced.notes.append(f"whether order {order_id} is cancelled is not known: {error}")
            return False
        if refused is not None:
            reduced.notes.append(f"order {order_id} was not cancelled: {refused}")
        return refused is None

    def _resize(self, account_id: int, row: Row, size: int, reduced: Reduced) -> None:
        try:
            refused = self._orders.resize(account_id, row, size)
        except Unclear as error:
            reduced.notes.append(f"whether order {row['id']} is down to {size} is not known: {error}")
            return
        if refused is not None:
            reduced.notes.append(f"order {row['id']} is not down to {size}: {refused}")

    def _unseen(self, account_id: int, cancelled: Collection[str]) -> list[str]:
        """Return which cancelled orders are not seen to be at rest."""
        try:
            return self._orders.still_working(account_id, cancelled)
        except (NotSent, Unclear):
            return list(cancelled)

    def _names_entry(self, account_id: int, row: Row, entries: Collection[str]) -> bool:
        parent = parent_of(row)
        return parent is not None and self._parents.tag_of(self._orders, account_id, parent) in entries
