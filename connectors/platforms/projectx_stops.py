"""Which protective orders at ProjectX belong to a trade, and how they go before what they protect.

A bracket's order names its entry in ``parentOrderId`` (in the API's description without a word on it; live records of
2026-08 have the entry's number there) and carries a tag of the platform's own, never ours. Closing a position leaves it
working: on the live service such a stop filled 86 ms after its position had been closed, and opened a new one. So it is
cancelled, and seen to be cancelled, before the position is closed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.platforms.projectx_answers import SIDE_CODES, STOPS, Row
from connectors.platforms.projectx_orders import Orders, open_size, order_ids
from connectors.tickets import ExitTicket
from connectors.venue import NotSent, Unclear

# How far back the entries of an open trade are looked for; and how soon after its entry a bracket's order arrives.
TRADE_WITHIN = timedelta(days=7)
BRACKET_WITHIN = timedelta(seconds=10)


class Parents:
    """The tags of entries by the venue's numbers: as sent by this process, else as the venue has them."""

    def __init__(self) -> None:
        self._tags: dict[str, str] = {}

    def remember(self, order_id: str, tag: str) -> None:
        self._tags[order_id] = tag

    def tag_of(self, orders: Orders, account_id: int, order_id: str) -> str | None:
        """Return an order's tag, None where it has none."""
        if order_id not in self._tags:
            row = orders.by_id(account_id, order_id)
            if row is None or row.get("customTag") is None:
                return None
            self._tags[order_id] = str(row["customTag"])
        return self._tags[order_id]


@dataclass(slots=True)
class Reduced:
    """What became of protective orders. ``alive``: numbers of those that were to go and may still fill."""

    touched: list[str] = field(default_factory=list)
    alive: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def parent_of(row: Row) -> str | None:
    """Return the number of the order that an order belongs to."""
    parent = row.get("parentOrderId") or row.get("linkedOrderId")
    return str(parent) if parent else None


def is_stop_of(row: Row, entry: Row) -> bool:
    """Return whether an order is the stop of an entry's bracket.

    Where orders name no parent it is known by what a bracket's stop cannot differ in: the entry's contract, the other
    side, a stop's type, the entry's size, and an arrival within seconds after the entry's.
    """
    if row.get("type") not in STOPS:
        return False
    parent = parent_of(row)
    if parent is not None:
        return parent == str(entry.get("id"))
    arrived, entered = arrived_at(row), arrived_at(entry)
    return (
        row.get("contractId") == entry.get("contractId")
        and row.get("side") != entry.get("side")
        and row.get("size") in (entry.get("size"), entry.get("fillVolume"))
        and arrived is not None
        and entered is not None
        and timedelta(0) <= arrived - entered <= BRACKET_WITHIN
    )


def sizes(stops: Sequence[Row], keep: int) -> list[tuple[Row, int]]:
    """Return what is to stay of each protective order so that together they close ``keep``; the oldest stay first."""
    planned = []
    for row in sorted(stops, key=lambda row: int(row["id"])):
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
        of ours names one, those without a parent are held against the entries by ``is_stop_of``; each entry has one.
        Where nothing of the trade is to stay, what is left of an entry that filled in part goes too: it would open the
        trade again.
        """
        working = [row for row in self._orders.working(account_id) if row.get("contractId") == contract_id]
        closing = [row for row in working if row.get("side") == SIDE_CODES[ticket.side]]
        stops = [row for row in closing if self._names_entry(account_id, row, ticket.entries)]
        nameless = [row for row in closing if parent_of(row) is None and row.get("type") in STOPS]
        if nameless and not stops:
            stops = self._like_brackets(account_id, nameless, ticket.entries)
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
        """Try once more, after the position is closed, what could not be cancelled before; note what is left."""
        left = []
        for order_id in reduced.alive:
            try:
                done = self._cancel(account_id, order_id, Reduced())
            except NotSent:
                done = False
            if not done or self._unseen(account_id, [order_id]):
                left.append(order_id)
        if left:
            reduced.notes.append(f"STILL WORKING, WITHOUT A POSITION TO PROTECT: order {', '.join(left)}")
        reduced.alive = left

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

    def _like_brackets(self, account_id: int, nameless: Iterable[Row], entries: Collection[str]) -> list[Row]:
        listed = self._orders.since(account_id, datetime.now(UTC) - TRADE_WITHIN).rows
        left = sorted(nameless, key=lambda row: int(row["id"]))
        found = []
        for entry in (row for row in listed if row.get("customTag") in entries):
            stop = next((row for row in left if is_stop_of(row, entry)), None)
            if stop is not None:
                left.remove(stop)
                found.append(stop)
        return found


def arrived_at(row: Mapping[str, Any]) -> datetime | None:
    """Return when an order arrived, None where that is not told."""
    try:
        at = datetime.fromisoformat(str(row.get("creationTimestamp")))
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
