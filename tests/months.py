"""Databases from before the months, and months in the past, for tests."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from database import migrations
from database.connection import Database
from database.migrations import FILES, migrate
from tests.conftest import Sql

BY_MONTH = {"execution_logs": "created_at", "account_snapshots": "observed_at"}


def migrate_to_before_months(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bring an empty database to the schema that an installation had before its logs lay in months."""
    database = Database(url)
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "FILES", FILES[: FILES.index("schema/decided_tasks.sql")])
        migrate(database)
    database.close()


def start_of_month(since: int) -> datetime:
    """Return when the month began that was ``since`` months ago, in UTC."""
    now = datetime.now(UTC)
    months = now.year * 12 + now.month - 1 - since
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


def months_since(sql: Sql, months: int) -> None:
    """Let the tables lie in months for so many of them already: the first part ends where the oldest begins."""
    first = start_of_month(months)
    for table, column in BY_MONTH.items():
        sql(f"ALTER TABLE {table} DETACH PARTITION months.{table}_before")
        sql(
            f"ALTER TABLE {table} ATTACH PARTITION months.{table}_before FOR VALUES FROM (MINVALUE) TO ('{first}')",
        )
        made = sql("SELECT min(since) AS first FROM months.parts WHERE divided = %s", table)[0]["first"]
        for month in range(months, -2, -1):
            if start_of_month(month) < made:
                sql("SELECT months.make(%s, %s, %s)", table, column, start_of_month(month))


def parts_of(sql: Sql, table: str) -> list[str]:
    """Return the names of a table's parts, the oldest first, without the table's own."""
    rows = sql("SELECT name FROM months.parts WHERE divided = %s ORDER BY until NULLS LAST", table)
    return [str(row["name"]).removeprefix(f"{table}_") for row in rows]


def name_of(month: datetime) -> str:
    """Return how a month's part ends."""
    return f"{month:%Y_%m}"
