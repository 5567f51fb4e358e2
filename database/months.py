"""The months in which the logs and the accounts' snapshots lie: made ahead, and dropped whole once they are old."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from database.connection import Database, Row

# A service that does not run for that long finds the months it needs.
MONTHS_AHEAD = 3
LOGS, SNAPSHOTS = "execution_logs", "account_snapshots"
TRIES = 20
BUSY_SECONDS = 0.25


class MonthsBusy(Exception):
    """Somebody read or wrote all the time; nothing was made or dropped, and may be later."""


def make_months(database: Database) -> list[str]:
    """Make the months that are missing and return their names. Raises DatabaseUnavailable and MonthsBusy."""
    return _names(lambda: database.run("make_months", again=True, ahead=MONTHS_AHEAD), "months cannot be made")


def drop_empty_months(database: Database, older_than: datetime) -> list[str]:
    """Drop the months of logs that ended before a moment and hold nothing any more; return the names of the tables.

    Only the owner of the tables may. Raises DatabaseUnavailable, StatementRefused and MonthsBusy.
    """
    return _drop(database, LOGS, older_than, filled=False)


def drop_snapshots(database: Database, older_than: datetime) -> list[str]:
    """Delete the accounts' snapshots of the months that ended before a moment, for good, and return the tables' names.

    States, days, resets and alerts of accounts stay. Raises as ``drop_empty_months``.
    """
    return _drop(database, SNAPSHOTS, older_than, filled=True)


def old_snapshots(database: Database, older_than: datetime) -> list[Row]:
    """Return name, end and bytes of what ``drop_snapshots`` would look at. Raises DatabaseUnavailable."""
    return database.run("list_months", again=True, table=SNAPSHOTS, older_than=older_than)


def _drop(database: Database, table: str, older_than: datetime, *, filled: bool) -> list[str]:
    return _names(
        lambda: database.run("drop_months", table=table, older_than=older_than, filled=filled),
        f"old months of {table} cannot be dropped",
    )


def _names(change: Callable[[], list[Row]], failed: str) -> list[str]:
    for _ in range(TRIES):
        names = [row["name"] for row in change()]
        if None not in names:
            return names
        time.sleep(BUSY_SECONDS)
    raise MonthsBusy(f"{failed}, the tables are in use; they are left as they are for the next time")
