"""The order ledger as people look through it: unresolved orders first, then all of them page by page. Read only."""

from __future__ import annotations

from database.connection import Database, Row
from database.feed import PAGE, FeedPage
from database.order_inspection import order_row
from signals.order_list import OrderList

# Of the filters only a trade has an index of its own: the others look through this many orders a page.
MOST_LOOKED_AT = 5000
MOST_UNRESOLVED = 100


class OrderFeed:
    """Reads. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def unresolved(self) -> list[Row]:
        """Return orders that nobody knows the fate of, the oldest first."""
        rows = self._database.run("unresolved_orders", again=True, limit=MOST_UNRESOLVED)
        return [order_row(row) for row in rows]

    def page(self, query: OrderList, *, limit: int = PAGE) -> FeedPage:
        """Return the next orders that the query asks for, at most ``limit``."""
        most = MOST_LOOKED_AT if query.filtered else limit + 1
        told = self._database.run(
            "order_list",
            again=True,
            trade_id=query.trade,
            before=query.before,
            firm_code=query.account.firm_code,
            program_id=query.account.program_id,
            state=None if query.state is None else str(query.state),
            most=most,
            limit=limit,
        )
        found = tuple(order_row(row) for row in told if row["id"] is not None)
        looked_at, older = told[0]["looked_at"], None
        if len(found) == limit and looked_at > limit:
            older = found[-1]["id"]
        elif len(found) < limit and looked_at == most:
            older = told[0]["last_looked_at"]
        return FeedPage(rows=found, older=older, looked_at=looked_at, back_to=told[0]["looked_back_to"])
