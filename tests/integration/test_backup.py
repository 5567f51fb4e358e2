"""Backup and restore: made beside a working router, restored whole, and nothing that was in flight is sent again."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from config.settings import Settings
from database.audit_chain import AuditChain
from database.backup import NOT_KEPT
from database.connection import Database
from database.orders import OrderLedger
from database.signals import SignalStore
from execution_router import ExecutionRouter
from signals.payload import parse_signal
from tests.audits import findings_of, seal_all
from tests.backups import SIGNED, Run, answer, ask
from tests.conftest import Sql, repository
from tests.orders import APEX_1, Bench, entry_leg, exit_leg
from tests.processes import ROUTED, entry, wait_until, worker_process

# What a restore itself puts on record, so that it is more than was in the backup.
GROWS = {
    *("trading_halts", "operator_acts", "audit_events", "audit_chain", "execution_logs", "execution_order_events"),
    *NOT_KEPT,
}
Control = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def control(tmp_path: Path) -> Control:
    """Run the command as a process on a database."""

    def run(url: str, *arguments: object, stderr: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "control", *map(str, arguments)],
            cwd=tmp_path,
            env={**ROUTED, "DATABASE_URL": url, "PYTHONPATH": str(repository()), "PATH": os.environ["PATH"]}
            | {"TERM": "xterm", "COLUMNS": "100"},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def told(done: subprocess.CompletedProcess[str], status: int = 0) -> dict[str, Any]:
    assert (done.returncode, done.stderr) == (status, ""), done
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def rows_of(url: str) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'archive') ORDER BY 1, 2"
        )
        found = {}
        for schema, table in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{schema}"."{table}" t ORDER BY 1')
            found[table if schema == "public" else f"{schema}.{table}"] = [row[0] for row in cursor.fetchall()]
    connection.close()
    return found


def test_a_backup_beside_a_working_router_is_restored_whole_and_a_router_starts_on_it(
    control: Control, database: Database, database_url: str, other_url: str, sql: Sql, tmp_path: Path
) -> None:
    router = ExecutionRouter(settings=Settings.from_env({**ROUTED, "DATABASE_URL": database_url}), database=database)
    over = threading.Event()
    made: list[int] = []

    def route() -> None:
        while not over.is_set():
            made.append(router.handle_entry_signal(entry(f"BESIDE-{len(made)}"))["task_id"])

    sql("INSERT INTO router_heartbeats VALUES ('p', 'WORKER', true, true, '{}', now())")
    file = tmp_path / "one.dump"
    beside = threading.Thread(target=route)
    beside.start()
    wait_until(lambda: len(made) > 5, what="the router to work")
    seal_all(database)
    terminal, its_end = pty.openpty()
    done = control(database_url, "backup", file, "--json", stderr=its_end)
    over.set()
    beside.join()
    os.close(its_end)
    drawn = os.read(terminal, 100_000).decode()
    os.close(terminal)
    assert ("━━━━" in drawn, done.returncode) == (True, 0), drawn
    backed_up = json.loads(done.stdout)
    assert backed_up["status"] == "backed_up"
    assert backed_up["bytes"] == file.stat().st_size > 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["one.dump"]

    restored = told(control(other_url, "restore", file, "--head", backed_up["audit_head"]["hash"], *SIGNED, "--json"))
    before, after = rows_of(database_url), rows_of(other_url)
    assert set(before) == set(after)
    tasks = restored["tables"]["public.execution_tasks"]
    # At one moment: each task with its log and its facts, but for the one that was being decided; and no later one.
    assert 5 < tasks < len(made)
    waiting = restored["set_aside"]["waiting_tasks"]
    assert waiting in {0, 1}
    logs = sum(rows for name, rows in restored["tables"].items() if name.startswith("months.execution_logs_"))
    assert logs == restored["tables"]["public.decision_facts"] == tasks - waiting
    for name, rows in after.items():
        assert name in GROWS | {"ledger_identity", "audit_horizon", "execution_tasks"} or set(rows) <= set(before[name])
    assert (restored["audit"]["clean"], restored["schema"]) == (True, {"missing": [], "unknown": []})
    assert ask(other_url, "SELECT count(*) FROM router_heartbeats") == [(0,)]
    again = Database(other_url)
    assert findings_of(again) == []

    # A router that starts on it decides what is new, and nothing else.
    tables = ("execution_tasks", "execution_logs", "execution_orders", "decision_facts")
    counts = [ask(other_url, f"SELECT count(*) FROM {table}")[0][0] for table in tables]
    store = SignalStore(again)
    with worker_process(other_url, tmp_path / "worker.log"):
        fields = {**entry("NEW"), "event_type": "ENTRY"}
        store.store(parse_signal(fields), source="test", raw_body=json.dumps(fields))
        finished = "SELECT count(*) FROM execution_tasks WHERE status = 'SUCCESS' AND trade_id = 'NEW'"
        wait_until(lambda: ask(other_url, finished) == [(1,)], what="the new task")
    again.close()
    grown = [ask(other_url, f"SELECT count(*) FROM {table}")[0][0] for table in tables]
    assert [new - old for new, old in zip(grown, counts, strict=True)] == [1, 1, 0, 1]


def in_flight(database: Database, sql: Sql) -> dict[str, int]:
    """A ledger with one of each that was in the middle of something when the backup was made."""
    bench = Bench(database, sql)
    held = bench.filled_entry("HELD")
    (closing,) = bench.plan("HELD", exit_leg())
    (sending,) = bench.plan("SENDING", entry_leg())
    assert [order.id for order in bench.claim()] == [sending]
    (waiting,) = bench.plan("WAITING", entry_leg())
    for trade, event, changes in (
        ("PENDING-IN", "ENTRY", ""),
        ("PENDING-OUT", "EXIT", ""),
        ("CLAIMED", "EXIT", ", status = 'PROCESSING', attempts = 1, worker = 'w', lease_until = now()"),
    ):
        sql("INSERT INTO execution_tasks (trade_id, event_type) VALUES (%s, %s)", trade, event)
        sql(f"UPDATE execution_tasks SET due_at = now(){changes} WHERE trade_id = %s", trade)
    sql("INSERT INTO trading_halts (level, firm_code, reason, set_by) VALUES ('FLATTEN', 'FTMO', 'x', 'y')")
    sql("INSERT INTO halt_actions (halt_id, firm_code, program_id, action) VALUES (1, 'FTMO', 1, 'FLATTEN')")
    return {"held": held, "closing": closing, "sending": sending, "waiting": waiting}


def test_what_was_in_flight_is_never_sent_from_a_restored_record(
    on: Run, database: Database, database_url: str, other_url: str, sql: Sql, tmp_path: Path
) -> None:
    ids = in_flight(database, sql)
    file = tmp_path / "one.dump"
    answer(on, database_url, "backup", file)
    restored = answer(on, other_url, "restore", file, *SIGNED)
    assert restored["set_aside"] == {
        "planned_orders": 2,
        "orders_on_their_way": 1,
        "waiting_tasks": 3,
        "halt_actions": 1,
    }
    database = Database(other_url)
    ledger = OrderLedger(database, worker="w2")
    states = {name: ledger.read(order_id) for name, order_id in ids.items()}
    assert {name: (str(order.state), order.cause) for name, order in states.items() if order} == {
        "held": ("FILLED", "TEST"),
        "closing": ("NOT_SENT", "RESTORED"),
        "sending": ("UNRESOLVED", "RESTORED"),
        "waiting": ("NOT_SENT", "RESTORED"),
    }
    # The log of each says the same as the ledger.
    logged = ask(
        other_url,
        "SELECT trade_id, response_body #>> '{connector_results,0,status}',"
        " response_body #>> '{connector_results,0,details,state}' FROM execution_logs"
        " WHERE response_body ? 'connector_results' AND trade_id <> 'HELD' ORDER BY id",
    )
    assert logged == [("SENDING", "UNRESOLVED", "UNRESOLVED"), ("WAITING", "SKIPPED", "NOT_SENT")]
    assert ledger.claim_entries([APEX_1], lambda order, _: {}, limit=9, lease=9.0) == ([], [])
    assert ledger.exits_due([APEX_1], limit=9).orders == []
    assert ask(other_url, "SELECT count(*) FROM halt_actions WHERE done_at IS NULL") == [(0,)]
    assert ask(other_url, "SELECT DISTINCT status FROM execution_tasks WHERE event_type <> 'MFE_UPDATE'"
               " AND trade_id IN ('PENDING-IN', 'PENDING-OUT', 'CLAIMED')") == [("FAILED",)]  # fmt: skip
    assert AuditChain(database).seal() == 0

    letters = answer(on, other_url, "deadletters")["dead_letters"]
    assert {row["trade_id"] for row in letters} == {"HELD", "WAITING", "PENDING-IN", "PENDING-OUT", "CLAIMED"}
    # The names of orders to come are others than those that the old service went on to use.
    assert ledger.identity != OrderLedger(Database(database_url), worker="w1").identity

    # An entry that comes now is not claimed, also not from another process, until a person has looked.
    bench = Bench(database, lambda text, *values: sql_on(other_url, text, values))
    (later,) = bench.plan("LATER", entry_leg())
    assert bench.claim() == []
    assert bench.order(later).cause == "TRADING_HALTED"
    halt = restored["halt"]
    in_force = "SELECT id, level, firm_code FROM trading_halts WHERE released_at IS NULL AND firm_code IS NULL"
    assert ask(other_url, in_force) == [(halt["id"], "ENTRIES", None)]
    assert f"{halt['id']}" in on(other_url, "halts")[1]
    assert "compare positions and orders at every venue" in halt["reason"]
    released = on(other_url, "release", halt["id"], "--phrase", halt["release_phrase"], *SIGNED)
    assert released[0] == 0
    database.close()


def sql_on(url: str, text: str, values: tuple[Any, ...]) -> list[dict[str, Any]]:
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(text, values or None)
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()] if names else []
    connection.close()
    return rows
