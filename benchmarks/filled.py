"""A database as it is after a long time: finished tasks with everything that the service keeps of them.

The real router decides a few trades; their rows are then repeated by set-based SQL under other ids, trades and times.
So each row has the size and the content that the service gives it, and a year is there within a minute or two.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.stage import Stage, Tables
from benchmarks.stored_tasks import model_database
from config.settings import Settings
from database.connection import Database
from execution_router import ExecutionRouter
from tests.processes import ROUTED, entry, exit_of, wait_until

SQL = Path(__file__).parent / "filled_sql"
# Each list by a connection of its own, at the same time.
PARTS = (("logs", "signals"), ("tasks", "events", "facts", "chain", "orders", "accounts"))
QUEUE_PARTS = (("logs",), ("tasks", "signals"))
# The planner's figures of so many long bodies take as long as all that the other tables need.
TABLES = (
    (
        "execution_tasks",
        "audit_chain",
        "decision_facts",
        "execution_orders",
        "execution_order_events",
        "automated_signals",
        "audit_events",
        "account_alerts",
        "refused_webhooks",
    ),
    ("execution_logs", "decided_tasks"),
)
# Indexes that do not belong to a constraint: made after the rows are in, each in one go.
INDEXES = """
    SELECT i.indexrelid::regclass::text, replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON '),
           i.indrelid::regclass::text
    FROM pg_index i
    LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u')
    WHERE i.indrelid = ANY (%(tables)s::regclass[]) AND c.oid IS NULL
"""
# While it is filled nothing is at stake; all of it is as it was before anything is measured.
CARELESS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "'8GB'",
    "wal_init_zero": "off",
    "autovacuum": "off",
}
SESSION = (
    "SET session_replication_role = replica",
    # Rows shall lie in the order in which they came, as the service writes them, and not example by example.
    "SET synchronize_seqscans = off",
    "SET enable_mergejoin = off",
    "SET maintenance_work_mem = '256MB'",
    "SET statement_timeout = 0",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """How many finished tasks, spread over how many days until now; a trade is an entry, an update and an exit.

    One entry in five was refused, one task in 2,000 failed for good, one exit in 500 was of an unknown trade; the
    newest tenth of the trades went to a venue on one account. ``queue_alone``: only tasks, logs and signals.
    """

    tasks: int
    days: int = 365
    queue_alone: bool = False


@cache
def filled(stage: Stage, history: History) -> tuple[Tables, float]:
    """Return a database with this history, and the seconds that making it took: made once for all who ask in this run.

    Besides it has the one decided entry of ``model_database``.
    """
    name = f"record_{history.tasks}"
    model_database(stage, name)
    tables = Tables(stage.url.replace("/postgres?", f"/{name}?"))
    return tables, _fill(stage, tables, history)


def _fill(stage: Stage, tables: Tables, history: History) -> float:
    """Fill a database that has hardly any tasks and leave it as autovacuum would."""
    began = time.monotonic()
    _decide_examples(tables.url)
    tables.rows("SET statement_timeout = 0")
    with _carelessly(stage):
        definitions: dict[str, list[str]] = {table: [] for half in TABLES for table in half}
        for index, definition, table in tables.rows(INDEXES, tables=list(definitions)):
            definitions[table].append(definition)
            tables.rows(f"DROP INDEX {index}")
        tables.rows(_text("examples"), tasks=history.tasks, days=history.days)
        lists = QUEUE_PARTS if history.queue_alone else PARTS
        _together(tables.url, [[_text(part) for part in parts] for parts in lists])
        _together(
            tables.url,
            [
                [text for table in half for text in (*definitions[table], f"VACUUM (ANALYZE, PARALLEL 0) {table}")]
                for half in TABLES
            ],
        )
        tables.rows(_text("afterwards"))
    return time.monotonic() - began


def _decide_examples(url: str) -> None:
    database = Database(url)
    quiet = logging.getLogger("benchmarks.filled")
    quiet.setLevel(logging.CRITICAL)
    settings = Settings.from_env({**ROUTED, "DATABASE_URL": url})
    router = ExecutionRouter(settings=settings, database=database, logger=quiet)
    router.handle_entry_signal(entry("APPROVED", contracts=1, session="NY AM"))
    router.handle_mfe_update({"trade_id": "APPROVED", "be_mfe": 1.5, "no_be_mfe": 2.5})
    router.handle_exit_signal(exit_of("APPROVED"))
    router.handle_entry_signal(entry("REFUSED", contracts=50))
    database.close()


@contextmanager
def _carelessly(stage: Stage) -> Iterator[None]:
    server = Tables(stage.url)
    server.rows("SET statement_timeout = 0")
    for name, value in CARELESS.items():
        server.rows(f"ALTER SYSTEM SET {name} = {value}")
    server.rows("SELECT pg_reload_conf()")
    wait_until(lambda: server.value("SHOW fsync") == "off", what="the careless settings")
    try:
        yield
    finally:
        for name in CARELESS:
            server.rows(f"ALTER SYSTEM RESET {name}")
        server.rows("SELECT pg_reload_conf()")
        wait_until(lambda: server.value("SHOW fsync") == "on", what="the careful settings")
        server.rows("CHECKPOINT")
        # What the server wrote without waiting for the disk must not be written while something is measured.
        os.sync()
        server.close()


def _together(url: str, lists: Sequence[Sequence[str]]) -> None:
    def run(statements: Sequence[str]) -> None:
        tables = Tables(url)
        for statement in (*SESSION, *statements):
            tables.rows(statement)
        tables.close()

    with ThreadPoolExecutor(len(lists)) as threads:
        for done in [threads.submit(run, statements) for statements in lists]:
            done.result()


def _text(name: str) -> str:
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")
