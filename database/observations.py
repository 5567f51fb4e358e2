"""Reads what health, metrics and alerts are worked out from."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from database.connection import Database, Row, Transaction
from domain.account import AccountKey
from domain.observed import (
    AccountAlert,
    AccountSeen,
    Counted,
    FailedTask,
    Observed,
    OrderSeen,
    ProcessSeen,
    Sends,
    Strayed,
    Tasks,
)
from domain.order_rows import HELD_BACK
from domain.stage_times import StageCounts

WINDOW_SECONDS = 3600.0
# Of a window that holds more, the newest count: what is asked here has to be answered at once.
MOST_TASKS = 5000
MOST_DECISIONS = 500
MOST_ORDERS = 2000
MOST_LISTED = 200

TAKEN = frozenset({"ACCEPTED", "PARTIALLY_FILLED", "FILLED"})


def observe(database: Database) -> Observed:
    """Return what is seen now. Raises DatabaseUnavailable."""
    with database.transaction() as transaction:
        return observed(transaction)


def observed(transaction: Transaction) -> Observed:
    """Return what is seen within a transaction: only what is committed, or what it wrote itself."""
    return Observed(
        tasks=_tasks(transaction.rows("observe_tasks", window=WINDOW_SECONDS, most_tasks=MOST_TASKS)[0]),
        given_up=tuple(
            FailedTask(
                id=row["id"],
                trade_id=row["trade_id"],
                event_type=row["event_type"],
                error=row["last_error"],
            )
            for row in transaction.rows("observe_failed_tasks", limit=MOST_LISTED)
        ),
        decisions=tuple(
            Counted(
                check=row["name"],
                firm_code=row["firm_code"] or "",
                program_id=row["program_id"],
                status=row["status"] or "",
                rule=row["rule"],
                count=row["n"],
                contracts=row["contracts"],
            )
            for row in transaction.rows("observe_decisions", window=WINDOW_SECONDS, most_decisions=MOST_DECISIONS)
        ),
        sends=_sends(transaction.rows("observe_sends", window=WINDOW_SECONDS, most_orders=MOST_ORDERS)),
        unresolved=tuple(_order(row) for row in transaction.rows("observe_unresolved", limit=MOST_LISTED)),
        unprotected=tuple(_order(row) for row in transaction.rows("observe_unprotected", limit=MOST_LISTED)),
        accounts=tuple(
            AccountSeen(
                account=_key(row),
                age=_seconds(row["age"]),
                no_data=row["no_data"],
                reset_lag=_seconds(row["reset_lag"]),
            )
            for row in transaction.rows("observe_accounts")
        ),
        alerts=tuple(
            AccountAlert(
                account=_key(row),
                rule=row["rule"],
                mark=row["mark"],
                severity=row["severity"],
                value=row["value"],
                limit=row["limit_value"],
            )
            for row in transaction.rows("observe_account_alerts")
        ),
        processes=tuple(
            ProcessSeen(
                name=row["process"],
                kind=row["kind"],
                routes=row["routes"],
                age=float(row["age"]),
                stages={
                    stage: StageCounts(tuple(counted["counts"]), counted["seconds"])
                    for stage, counted in row["stages"].items()
                },
            )
            for row in transaction.rows("observe_processes")
        ),
        strayed=tuple(
            Strayed(table=row["divided"], moment=row["moment"]) for row in transaction.rows("observe_strayed")
        ),
    )


def _tasks(row: Row) -> Tasks:
    seconds = ("oldest_pending_seconds", "mean_seconds", "worst_seconds", "last_signal_seconds")
    values: dict[str, Any] = {name: _seconds(value) if name in seconds else value for name, value in row.items()}
    return Tasks(**values)


def _sends(rows: list[Row]) -> tuple[Sends, ...]:
    counts: dict[AccountKey, dict[str, int]] = {}
    for row in rows:
        outcome = _outcome(row)
        if outcome is not None:
            of_account = counts.setdefault(_key(row), {"taken": 0, "failed": 0, "unresolved": 0})
            of_account[outcome] += row["n"]
    return tuple(Sends(account=account, **count) for account, count in sorted(counts.items()))


def _outcome(row: Row) -> str | None:
    """Return what an order's state says of its connector; None where it says nothing, or nothing yet."""
    state = row["state"]
    if state == "UNRESOLVED":
        return "unresolved"
    if state in TAKEN or (state == "CANCELLED" and row["some_filled"]):
        return "taken"
    # Whoever was held back by us never met the venue, and an order that is cancelled unfilled was taken first.
    if state == "REJECTED" or (state == "NOT_SENT" and row["cause"] not in HELD_BACK):
        return "failed"
    return None


def _order(row: Row) -> OrderSeen:
    return OrderSeen(
        id=row["id"],
        trade_id=row["trade_id"],
        account=_key(row),
        symbol=row["symbol"],
        age=_seconds(row.get("age")),
        words=row.get("message"),
    )


def _key(row: Row) -> AccountKey:
    return AccountKey(row["firm_code"], row["program_id"])


def _seconds(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
