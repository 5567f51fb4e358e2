"""What the drain benchmark stands on: its stored tasks are the service's own, its yardstick writes the same rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psycopg2
import pytest

from benchmarks.drain import AS_IT_IS, SLOW, section
from benchmarks.drain_systems import BARE, OURS, PROCRASTINATE
from benchmarks.references.bare_loop import model, serve_batch
from benchmarks.stage import BrokenInvariant, Tables
from benchmarks.stored_tasks import MODEL_TRADE, check_rows, drain_seconds, store
from config.settings import Settings
from database.connection import Database
from execution_router import ExecutionRouter
from tests.conftest import Sql
from tests.processes import ROUTED, entry

# What tells one row from its neighbour.
OWN = frozenset({"id", "task_id", "trade_id", "event_key", "subject", "xact", "log_id"})
# What a delivery says of itself beside its content, and what is no longer as it was stored.
DECIDED = frozenset({"status", "attempts", "last_attempt_at", "finished_at", "content_digest"})
DAMAGES = (
    "UPDATE execution_logs SET response_body = response_body #- '{connector_results,0}' WHERE task_id = 2",
    "UPDATE execution_logs SET status = 'RETRY' WHERE task_id = 2",
    "UPDATE execution_tasks SET status = 'PENDING', finished_at = NULL WHERE id = 2",
    "DELETE FROM decision_facts WHERE task_id = 2",
    "DELETE FROM execution_logs WHERE task_id = 2",
    "DELETE FROM execution_tasks WHERE id = 2",
)


@pytest.fixture
def tables(database: Database, database_url: str) -> Iterator[Tables]:
    """A database in which the service has decided the model entry."""
    router = ExecutionRouter(settings=Settings.from_env(dict(ROUTED)), database=database)
    assert router.handle_entry_signal(entry(MODEL_TRADE))["connector_results"]
    tables = Tables(database_url)
    yield tables
    tables.close()


@pytest.fixture
def drained(tables: Tables, database_url: str) -> Iterator[Tables]:
    """Five stored tasks, finished by the bare loop in two batches."""
    store(tables, 5, "T")
    connection = psycopg2.connect(database_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        body, facts = model(cursor)
        assert [serve_batch(cursor, body, facts, limit=3) for _ in range(3)] == [3, 2, 0]
    yield tables
    connection.close()


def test_stored_tasks_are_those_that_the_service_stores(tables: Tables, database: Database, sql: Sql) -> None:
    store(tables, 2, "T")
    ExecutionRouter(settings=Settings.from_env(dict(ROUTED)), database=database).handle_entry_signal(entry("REAL"))
    for table in ("automated_signals", "execution_tasks"):
        rows = {row["trade_id"]: row for row in sql(f"SELECT * FROM {table}")}
        assert set(rows) == {MODEL_TRADE, "T1", "T2", "REAL"}
        first, second, real = (_said(rows[trade], left_out=DECIDED) for trade in ("T1", "T2", "REAL"))
        assert first == second == real
    assert sql("SELECT count(*) AS n FROM automated_signals s JOIN execution_tasks t ON t.id = s.task_id") == [{"n": 4}]


def test_the_router_decides_stored_tasks(tables: Tables, database: Database, sql: Sql) -> None:
    store(tables, 2, "T")
    router = ExecutionRouter(settings=Settings.from_env(dict(ROUTED)), database=database)
    waiting = sql("SELECT id FROM execution_tasks WHERE status = 'PENDING'")
    assert len(waiting) == 2
    assert router._worker is not None
    assert all(router._worker.serve_one(row["id"]) for row in waiting)
    check_rows(tables, 3)
    assert drain_seconds(tables, "T") > 0


def test_the_yardstick_writes_what_the_service_writes(drained: Tables, sql: Sql) -> None:
    check_rows(drained, 6)
    for table, task in (
        ("execution_tasks", "x.id"),
        ("execution_logs", "x.task_id"),
        ("decision_facts", "x.task_id"),
        ("audit_events", "x.task_id"),
    ):
        rows = sql(
            f"SELECT x.* FROM {table} x JOIN execution_tasks t ON t.id = {task} "
            "WHERE t.trade_id IN (%s, 'T1') ORDER BY t.id",
            MODEL_TRADE,
        )
        assert len(rows) == 2
        assert _said(rows[0]) == _said(rows[1])


def test_a_row_that_is_missing_or_wrong_fails_the_benchmark(drained: Tables) -> None:
    for damage in DAMAGES:
        drained.rows("BEGIN")
        drained.rows(damage)
        with pytest.raises(BrokenInvariant):
            check_rows(drained, 6)
        drained.rows("ROLLBACK")
    with pytest.raises(BrokenInvariant):
        check_rows(drained, 5)


def test_the_section_judges_what_was_measured_and_names_what_was_not() -> None:
    rate = {"least": 900.0, "median": 1000.0, "most": 1100.0}

    def figures(ratio: float) -> dict[str, Any]:
        return {"tasks": 10, "rate": rate, "service_ratio": ratio, "service_ratios": [ratio]}

    disks = {
        AS_IT_IS: {OURS: figures(1.0), BARE: figures(0.5), PROCRASTINATE: figures(7.99)},
        SLOW: {OURS: figures(1.0), BARE: figures(0.49)},
    }
    size = {"tasks": 10, "rounds": 1, "slow_rounds": 1}
    lines = section(json.loads(json.dumps({"size": size, "disks": disks, "left_out": ["a queue"]})))
    verdicts = {line.split("|")[1].strip(): line.split("|")[3].strip() for line in lines if "at least" in line}
    assert verdicts == {
        "disk as it is: at least half the rate of the bare loop, medians": "met",
        "disk 2 ms flush: at least half the rate of the bare loop, medians": "**not met**",
        "disk as it is: at least 8 times procrastinate's rate, medians": "**not met**",
    }
    assert any("make references" in line and "a queue" in line for line in lines)


def _said(value: Any, left_out: frozenset[str] = frozenset()) -> Any:
    """What a row says, times only as such."""
    if isinstance(value, dict):
        return {
            name: _said(item, left_out)
            for name, item in sorted(value.items())
            if name not in OWN and name not in left_out
        }
    if isinstance(value, list):
        return [_said(item, left_out) for item in value]
    return "a time" if isinstance(value, datetime) else value
