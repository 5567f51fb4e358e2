"""Orders as ProjectX lists them, found by number, by tag and by time; cancelled and resized.

Three calls list orders. ``/api/Order/v2/query`` is only in the API's description, and the only one that can prove to be
complete: it pages and tells a total. Measured by others on the live service (2026-08): at most 100 rows an answer,
``pageOffset`` counts rows, the filter on the contract does nothing. ``/api/Order/searchOpen`` leaves out the suspended
orders of brackets, as its description says; of ``/api/Order/search`` no word says which orders it has. Those two stand
in where the first does not answer as described; what is not in them may exist all the same.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.platforms.projectx_answers import (
    AT_REST,
    CANCEL,
    MODIFY,
    ORDER_BY_ID,
    WORKING,
    Kind,
    Refusal,
    Row,
    Status,
    refusal,
    rows,
    status_of,
)
from connectors.platforms.projectx_session import Call
from connectors.venue import Unclear

QUERY = "/api/Order/v2/query"
SEARCH = "/api/Order/search"
SEARCH_OPEN = "/api/Order/searchOpen"
PAGE = 100
MOST_PAGES = 20
# Lists are asked for from a little before: the venue's clock is not ours.
CLOCKS_DIFFER = timedelta(minutes=5)
# Seconds before each look at what the venue is about to do.
LOOKS = (0.0, 0.3, 0.6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """``complete``: an order of the asked kind that is not among ``rows`` did not exist when they were listed."""

    rows: list[Row]
    complete: bool

    def tagged(self, tag: str) -> Row | None:
        """Return the order of a tag; a refused one only where there is no other, for it may be the second of two."""
        found = [row for row in self.rows if row.get("customTag") == tag]
        return min(found, key=lambda row: row.get("status") == Status.REJECTED, default=None)


class Orders:
    """The orders of one login's accounts. Every method raises NotSent and Unclear as the venue's protocol says."""

    def __init__(self, call: Call, looks: Sequence[float] = LOOKS) -> None:
        self._call = call
        self._looks = looks

    def looks(self) -> Iterator[None]:
        """Yield at each moment at which to look for what is about to happen: at once, and for about a second."""
        for pause in self._looks:
            time.sleep(pause)
            yield

    def since(self, account_id: int, moment: datetime) -> Listing:
        """Return the orders that arrived since ``moment``, whatever became of them."""
        start = (moment - CLOCKS_DIFFER).astimezone(UTC).isoformat()
        try:
            return Listing(rows=self._pages({"accountId": account_id, "createdAfter": start}), complete=True)
        except Unclear:
            listed = self._rows(SEARCH, {"accountId": account_id, "startTimestamp": start})
            return Listing(rows=_distinct(self._rows(SEARCH_OPEN, {"accountId": account_id}) + listed), complete=False)

    def working(self, account_id: int) -> list[Row]:
        """Return the orders that may still fill, among them a bracket's that waits for its entry."""
        statuses = sorted(int(status) for status in WORKING)
        try:
            listed = self._pages({"accountId": account_id, "statuses": statuses})
        except Unclear:
            listed = self._rows(SEARCH_OPEN, {"accountId": account_id})
        return [row for row in listed if row.get("status") not in AT_REST]

    def by_id(self, account_id: int, order_id: str) -> Row | None:
        """Return an order by the venue's number, None where it has none of that number."""
        reply = self._call(ORDER_BY_ID, {"accountId": account_id, "orderId": int(order_id)})
        refused = refusal(ORDER_BY_ID, reply)
        if refused is not None:
            if refused.name == "OrderNotFound":
                return None
            raise Unclear(f"{ORDER_BY_ID}: {refused}", refused.raw)
        row = reply.fields.get("order")
        if not isinstance(row, dict) or str(row.get("id")) != order_id:
            raise Unclear(f"{ORDER_BY_ID}: not order {order_id}", reply.fields)
        return row

    def find(self, account_id: int, tag: str, since: datetime, order_id: str | None = None) -> Row | None:
        """Return the order of a tag, None where the complete list does not have it.

        Where its number is known too it is asked for by that, and one that carries another tag is not it. Raises
        Unclear where it is not in a list that may be incomplete.
        """
        with suppress(Unclear):
            row = None if order_id is None else self.by_id(account_id, order_id)
            if row is not None and row.get("customTag") in (tag, None):
                return row
        listing = self.since(account_id, since)
        row = listing.tagged(tag)
        if row is None and not listing.complete:
            raise Unclear(f"{tag} is not among the {len(listing.rows)} orders listed, which need not be all")
        return row

    def cancel(self, account_id: int, order_id: str) -> Refusal | None:
        """Cancel an order; return why the venue would not, None where it did or the order is at rest already.

        Accepted does not mean done: see ``still_working``. Raises Unclear where it may still be working.
        """
        try:
            reply = self._call(CANCEL, {"accountId": account_id, "orderId": int(order_id)})
            refused = refusal(CANCEL, reply)
        except Unclear:
            if self.at_rest(account_id, order_id):
                return None
            raise
        return None if refused is None or self.at_rest(account_id, order_id) else refused

    def resize(self, account_id: int, row: Row, size: int) -> Refusal | None:
        """Change a working order's size; return why the venue would not.

        Whether a price that is left out stays as it is, is not documented: it goes along unchanged. A trailing stop's
        does not, for the service takes another figure than it lists.
        """
        body = {"accountId": account_id, "orderId": row["id"], "size": size}
        if row.get("type") != Kind.TRAILING_STOP:
            body |= {name: row[name] for name in ("limitPrice", "stopPrice") if row.get(name) is not None}
        return refusal(MODIFY, self._call(MODIFY, body))

    def at_rest(self, account_id: int, order_id: str) -> bool:
        """Return whether an order can no longer fill; one that the venue does not know cannot."""
        row = self.by_id(account_id, order_id)
        return row is None or row.get("status") in AT_REST

    def still_working(self, account_id: int, order_ids: Iterable[str]) -> list[str]:
        """Return which of some cancelled orders may still fill after a short while.

        An accepted cancellation may be PENDING_CANCELLATION for a moment, and such a stop has been seen to fill.
        """
        left = list(order_ids)
        if left:
            for _ in self.looks():
                left = [order_id for order_id in left if not self.at_rest(account_id, order_id)]
                if not left:
                    break
        return left

    def _pages(self, chosen: dict[str, Any]) -> list[Row]:
        """Return all orders of a filter. Raises Unclear where they are fewer than the total that is told."""
        listed: list[Row] = []
        total: int | None = None
        for _ in range(MOST_PAGES):
            body = {"filter": chosen, "pageSize": PAGE, "pageOffset": len(listed), "includeTotalCount": True}
            reply = self._call(QUERY, body)
            page = _numbered(QUERY, rows(QUERY, reply, "orders"))
            if total is None:
                total = reply.fields.get("totalCount")
            if not isinstance(total, int):
                raise Unclear(f"{QUERY}: no total", reply.fields)
            listed += page
            if not page or len(listed) >= total:
                break
        distinct = _distinct(listed)
        if total is None or len(distinct) < total:
            raise Unclear(f"{QUERY}: {len(distinct)} of {total} orders")
        return distinct

    def _rows(self, path: str, body: dict[str, Any]) -> list[Row]:
        return _numbered(path, rows(path, self._call(path, body), "orders"))


def order_ids(listed: Collection[Row]) -> list[str]:
    """Return the venue's numbers of orders."""
    return [str(row["id"]) for row in listed]


def open_size(row: Row) -> int:
    """Return how much of an order may still fill."""
    return int(row.get("size") or 0) - int(row.get("fillVolume") or 0)


def is_open(row: Row) -> bool:
    """Return whether an order is in the market now, as a suspended one is not."""
    return status_of(row) in {Status.OPEN, Status.PENDING}


def _numbered(path: str, listed: list[Row]) -> list[Row]:
    """Return the orders of a list. Raises Unclear where one has no number, by which all else goes."""
    if not all(isinstance(row.get("id"), int) for row in listed):
        raise Unclear(f"{path}: an order without a number", {"orders": listed})
    return listed


def _distinct(listed: Iterable[Row]) -> list[Row]:
    return list({row.get("id"): row for row in listed}.values())
