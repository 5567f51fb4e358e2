"""Which stop at ProjectX belongs to which entry.

A bracket's order names its entry in ``parentOrderId`` (in the API's description without a word on it; live records of
2026-08 have the entry's number there) and carries a tag of the platform's own, never ours.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.platforms.projectx_answers import AT_REST, STOPS, Row, decimal_of
from connectors.platforms.projectx_orders import Orders

# How soon after its entry a bracket's order arrives.
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


def parent_of(row: Row) -> str | None:
    """Return the number of the order that an order belongs to."""
    parent = row.get("parentOrderId") or row.get("linkedOrderId")
    return str(parent) if parent else None


def is_stop_of(row: Row, entry: Row) -> bool:
    """Return whether an order is the stop of an entry's bracket.

    Where orders name no parent it is known by what a bracket's stop cannot differ in: the entry's contract, the other
    side, a stop's type, no more contracts than the entry, and an arrival within seconds after the entry's.
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
        and decimal_of(row.get("size")) <= decimal_of(entry.get("size"))
        and arrived is not None
        and entered is not None
        and timedelta(0) <= arrived - entered <= BRACKET_WITHIN
    )


def of_entries(stops: Iterable[Row], listed: Iterable[Row], tags: Collection[str]) -> list[Row]:
    """Return which stops without a parent belong to the orders of some tags.

    A stop is held to be of the last order before it that ``is_stop_of`` allows, whosever that is; an order has one, and
    one that came to nothing has none.
    """
    candidates = [row for row in listed if row.get("fillVolume") or row.get("status") not in AT_REST]
    found = []
    for stop in sorted(stops, key=number_of):
        entry = max((row for row in candidates if is_stop_of(stop, row)), key=number_of, default=None)
        if entry is not None:
            candidates.remove(entry)
            if entry.get("customTag") in tags:
                found.append(stop)
    return found


def number_of(row: Row) -> int:
    """Return an order's number; later orders have higher ones."""
    return int(row["id"])


def arrived_at(row: Mapping[str, Any]) -> datetime | None:
    """Return when an order arrived, None where that is not told."""
    try:
        at = datetime.fromisoformat(str(row.get("creationTimestamp")))
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
