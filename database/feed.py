"""The record of signals as people look through it: page by page, and one with all that came of it. Read only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from database.connection import Database, Row
from database.operator_acts import NotKnown, acts_about
from signals.feed_query import FeedQuery

PAGE = 50
# Verdicts lie inside the logs: a page that asks for a rule reads this many signals and says how far it came.
MOST_LOOKED_AT = 1000
EXPORT_PAGE = 500
MOST_OF_TRADE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """Signals, the newest first. ``older``: the signal to go on from, None where there is no more.

    ``looked_at``: how many were looked through; ``back_to``: the oldest of them was received then.
    """

    rows: tuple[Row, ...]
    older: int | None
    looked_at: int
    back_to: datetime | None


class Feed:
    """Reads. Every method raises DatabaseUnavailable; those for one thing raise NotKnown where there is none."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, query: FeedQuery, *, limit: int = PAGE) -> FeedPage:
        """Return the next signals that the query asks for, at most ``limit``."""
        most = max(MOST_LOOKED_AT, limit) if query.looks_inside else limit + 1
        told = self._database.run(
            "feed_page",
            again=True,
            trade_id=query.trade,
            since=query.since,
            until=query.until,
            before=query.before,
            most=most,
            limit=limit,
            looks_inside=query.looks_inside,
            status=None if query.status is None else str(query.status),
            rule=None if query.rule is None else str(query.rule),
            firm_code=query.account.firm_code,
            program_id=query.account.program_id,
        )
        found = tuple(row for row in told if row["id"] is not None)
        looked_at = told[0]["looked_at"]
        older = None
        if len(found) == limit and (query.looks_inside or looked_at > limit):
            older = found[-1]["id"]
        elif len(found) < limit and looked_at == most:
            older = told[0]["last_looked_at"]
        return FeedPage(rows=found, older=older, looked_at=looked_at, back_to=told[0]["looked_back_to"])

    def every(self, query: FeedQuery, *, most_looked_at: int) -> Iterator[Row]:
        """Return all that the query asks for; an empty row last where ``most_looked_at`` signals were too few."""
        looked_at = 0
        while True:
            page = self.page(query, limit=EXPORT_PAGE)
            yield from page.rows
            looked_at += page.looked_at
            if page.older is None:
                return
            if looked_at >= most_looked_at:
                yield {}
                return
            query = query.model_copy(update={"before": page.older})

    def signal(self, signal_id: int) -> Row:
        """Return a signal with its task, the record of its verdict and its orders."""
        with self._database.transaction() as transaction:
            row = transaction.row("signal_shown", signal_id=signal_id)
            if row is None:
                raise NotKnown(f"there is no signal {signal_id}")
            orders = [] if row["task_id"] is None else transaction.rows("orders_of_task", task_id=row["task_id"])
            return {**row, "orders": orders}

    def trade(self, trade_id: str) -> Row:
        """Return a trade: its signals and orders in order, and the bodies that contradicted them."""
        with self._database.transaction() as transaction:
            signals = transaction.rows("signals_of_trade", trade_id=trade_id, limit=MOST_OF_TRADE)
            conflicts = transaction.rows("conflicts_of_trade", trade_id=trade_id, limit=MOST_OF_TRADE)
            orders = transaction.rows("orders_of_trade", trade_id=trade_id, limit=MOST_OF_TRADE)
            tasks = transaction.rows("tasks_of_trade", trade_id=trade_id, limit=MOST_OF_TRADE)
        if not (signals or conflicts or orders or tasks):
            raise NotKnown(f"nothing is on record of a trade {trade_id}")
        return {"trade_id": trade_id, "signals": signals, "conflicts": conflicts, "orders": orders, "tasks": tasks}

    def task(self, task_id: int) -> Row:
        """Return a task with everything that is on record of it."""
        with self._database.transaction() as transaction:
            task = transaction.row("read_task", task_id=task_id)
            if task is None:
                raise NotKnown(f"there is no task {task_id}")
            facts = transaction.row("facts_of_task", task_id=task_id)
            return {
                "task": task,
                "signal": transaction.row("signal_of_task", task_id=task_id),
                "logs": transaction.rows("logs_of_task", task_id=task_id),
                "facts": None if facts is None else facts["facts"],
                "orders": transaction.rows("orders_of_task", task_id=task_id),
                "events": transaction.rows("events_of_task", task_id=task_id),
                "acts": acts_about(transaction, task_id=task_id),
            }
