"""Old finished trades move into the archive whole, nothing is lost on the way, and the audit goes on covering them."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from config.settings import Settings
from database import archive
from database.archiving import Archive, Busy
from database.audit_check import Fault, Finding, Tally, check_audit
from database.connection import Database
from database.replay import Replays
from domain.order_rows import connector_row
from execution_router import ExecutionRouter
from tests.audits import SameTransaction, decide, findings_of, seal_all, tally_of
from tests.conftest import Sql, repository
from tests.integration.conftest import MakeApp
from tests.orders import APEX_2, FTMO_1, Bench, entry_leg, exit_leg
from tests.processes import ROUTED, entry, exit_of, wait_until

WEBHOOK = "/api/automated-signals/webhook"
MOVED = ("execution_tasks", "execution_logs", "automated_signals", "decision_facts")
TIMES = {
    "execution_tasks": ("created_at", "finished_at", "updated_at", "due_at"),
    "execution_logs": ("created_at",),
    "automated_signals": ("received_at",),
    "execution_orders": ("created_at", "updated_at"),
}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command within the test and return its exit status, output and errors."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.chdir("/")

    def run(*arguments: str) -> tuple[int, str, str]:
        status = archive.main(["--older-than", "90d", *arguments])
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


@pytest.fixture
def router(database: Database, database_url: str) -> ExecutionRouter:
    return ExecutionRouter(settings=Settings.from_env({**ROUTED, "DATABASE_URL": database_url}), database=database)


def age(sql: Sql, days: int = 100, trades: str = "%") -> None:
    """Let everything of these trades have happened so much earlier, past the triggers that keep times true."""
    sql("SET session_replication_role = replica")
    for table, columns in TIMES.items():
        changes = ", ".join(f"{column} = {column} - make_interval(days => %s)" for column in columns)
        sql(f"UPDATE {table} SET {changes} WHERE trade_id LIKE %s", *[days] * len(columns), trades)
    sql("RESET session_replication_role")


def everything(sql: Sql, *schemas: str) -> dict[str, list[Any]]:
    """All rows of the four tables in these schemas together."""
    return {
        table: sorted(
            str(row["row"]) for schema in schemas for row in sql(f"SELECT to_jsonb(t) AS row FROM {schema}.{table} t")
        )
        for table in MOVED
    }


SIGNAL = """
    INSERT INTO automated_signals (trade_id, lifecycle, event_key, content_digest, source, raw_body)
    VALUES ('{trade}', 'ENTRY', '{trade}', 'd', 'test', '{{}}')
"""


def limit_of(database: Database) -> datetime:
    limit = database.run("archive_limit", days=90)[0]["older_than"]
    assert isinstance(limit, datetime)
    return limit


def trades_in(sql: Sql, schema: str) -> set[str]:
    return {row["trade_id"] for row in sql(f"SELECT DISTINCT trade_id FROM {schema}.execution_tasks")}


def test_old_trades_move_with_all_that_is_theirs_and_the_rest_stays(
    run: Run, router: ExecutionRouter, database: Database, sql: Sql
) -> None:
    for trade in ("OLD", "SPLIT", "YOUNG"):
        router.handle_entry_signal(entry(trade, session="NY AM"))
        router.handle_mfe_update({"trade_id": trade, "be_mfe": 1.5})
    router.handle_exit_signal(exit_of("OLD"))
    age(sql)
    router.handle_exit_signal(exit_of("SPLIT"))
    age(sql, days=-100, trades="YOUNG")
    before = everything(sql, "public")
    told = run("--dry-run")
    assert (told[0], told[2]) == (0, "")
    assert told[1].splitlines()[1:] == [
        "Trades 1, tasks 3: would be moved",
        "Trades 1, tasks 2: stay: something of it is younger",
    ]
    assert everything(sql, "public") == before
    status, out, progress = run()
    assert (status, out) == (0, "Tasks moved: 3\n")
    assert progress.startswith("Tasks moved: 3, ")
    assert (trades_in(sql, "archive"), trades_in(sql, "public")) == ({"OLD"}, {"SPLIT", "YOUNG"})
    assert everything(sql, "public", "archive") == before
    assert [len(rows) for rows in everything(sql, "archive").values()] == [3, 3, 3, 1]
    assert {row["trade_id"] for row in sql("SELECT trade_id FROM execution_connector_results")} == {"SPLIT", "YOUNG"}
    # As database/queries/README.md has it, a file about a trade asks the archive as well.
    sql("SET search_path = archive, public")
    for name, rows in (("trade_logs", 3), ("task_details", 3), ("trade_decision", 3), ("audit_of_trade", 3)):
        text = (repository() / "database" / "queries" / f"{name}.sql").read_text(encoding="utf-8")
        assert len(sql(text.replace(":'trade_id'", "'OLD'"))) == rows, name
    sql("RESET search_path")
    assert run()[:2] == (0, "Tasks moved: 0\n")
    assert tally_of(database).unsealed == 0
    assert [replayed.same for replayed in Replays(database).every()] == [True, True]


UNFINISHED = "it has a task that is not finished"
OPEN = "it has a position or an order that is open or unresolved"
DEAD = "it has a dead letter that nobody has dealt with"
YOUNGER = "something of it is younger"
CONTRADICTED = "a refused body contradicts its signal"


def test_what_is_open_unresolved_or_waits_for_a_person_is_never_moved(run: Run, database: Database, sql: Sql) -> None:
    bench = Bench(database, sql)
    legs = {name: bench.plan(name, entry_leg())[0] for name in ("PLANNED", "LOST", "DEAD LEG", "DEALT WITH LEG")}
    bench.plan("EXIT PLANNED", exit_leg())
    legs["EXIT LOST"] = bench.plan("EXIT LOST", exit_leg())[0]
    bench.filled_entry("OPEN", account=FTMO_1)
    closed = bench.filled_entry("CLOSED", account=APEX_2)
    sql("UPDATE execution_orders SET closed = filled WHERE id = %s", closed)
    sql(
        "UPDATE execution_orders SET state = 'SENDING', worker = 'w', lease_until = now(), sent_at = now(),"
        " quantity = 2 WHERE id IN (%s, %s)",
        *(legs["LOST"], legs["EXIT LOST"]),
    )
    assert bench.ledger.take_over_lost(connector_row)
    for name in ("DEAD LEG", "DEALT WITH LEG"):
        sql("UPDATE execution_orders SET state = 'NOT_SENT' WHERE id = %s", legs[name])
    sql("UPDATE execution_orders SET dealt_with_at = now() WHERE id = %s", legs["DEALT WITH LEG"])
    for name, status, dealt_with in (("DEAD", "FAILED", None), ("DEALT WITH", "FAILED", "now()")):
        sql(
            "INSERT INTO execution_tasks (trade_id, event_type, status, last_error, finished_at, dealt_with_at)"
            " VALUES (%s, 'ENTRY', %s, 'no', now(), %s)",
            *(name, status, dealt_with),
        )
    for name in ("WAITING", "IN HAND", "CONTRADICTED", "GOES ON"):
        bench.task(name)
    sql("INSERT INTO execution_tasks (trade_id, event_type) VALUES ('WAITING', 'EXIT'), ('IN HAND', 'EXIT')")
    sql(
        "UPDATE execution_tasks SET status = 'PROCESSING', attempts = 1, worker = 'w', lease_until = now()"
        " WHERE trade_id = 'IN HAND' AND event_type = 'EXIT'"
    )
    sql(SIGNAL.format(trade="CONTRADICTED"))
    sql(
        "INSERT INTO refused_webhooks (endpoint, status_code, code, message, problems, body, signal_id)"
        " SELECT '/', 409, 'conflict', 'm', '[]', '', id FROM automated_signals"
    )
    age(sql)
    bench.task("GOES ON", "EXIT")
    kept = {
        **dict.fromkeys(("PLANNED", "LOST", "OPEN", "EXIT PLANNED", "EXIT LOST"), OPEN),
        **dict.fromkeys(("DEAD LEG", "DEAD"), DEAD),
        **dict.fromkeys(("WAITING", "IN HAND"), UNFINISHED),
        "CONTRADICTED": CONTRADICTED,
        "GOES ON": YOUNGER,
    }
    reasons = sql(
        "SELECT DISTINCT trade_id, archive.kept_because(trade_id, now() - interval '90 days') FROM execution_tasks"
    )
    moved = {"CLOSED", "DEALT WITH LEG", "DEALT WITH"}
    assert {row["trade_id"]: row["kept_because"] for row in reasons} == {**kept, **dict.fromkeys(moved)}
    ledger = sql("SELECT * FROM execution_orders ORDER BY id")
    assert run()[:2] == (0, "Tasks moved: 3\n")
    assert (trades_in(sql, "archive"), trades_in(sql, "public")) == (moved, set(kept))
    assert sql("SELECT * FROM execution_orders ORDER BY id") == ledger
    assert tally_of(database).unsealed == 0


def test_an_event_that_was_archived_is_known_for_ever(run: Run, make_app: MakeApp, sql: Sql) -> None:
    client = make_app(ROUTER_ENABLED="false").test_client()

    def send(body: dict[str, Any]) -> tuple[int, Any, Any]:
        answer = client.post(WEBHOOK, json=body)
        return answer.status_code, answer.get_json()["status"], answer.get_json().get("task_id")

    bodies = [entry("T1"), exit_of("T1"), exit_of("LATE")]
    tasks = [send(body)[2] for body in bodies]
    sql("UPDATE execution_tasks SET status = 'SUCCESS', finished_at = now()")
    age(sql)
    for drop in ((), ("--drop",)):
        assert run(*drop)[0] == 0
        assert [send(body) for body in bodies] == [(200, "duplicate", task) for task in tasks]
        assert send(entry("T1", entry_price=16600.0))[:2] == (409, "conflict")
        assert sql("SELECT id FROM execution_tasks") == []
    assert sql("SELECT trade_id, signal_id FROM refused_webhooks") == [{"trade_id": "T1", "signal_id": None}] * 2
    late, update = send(entry("LATE"))[2], {"event_type": "MFE_UPDATE", "trade_id": "T1", "be_mfe": 2.5}
    assert send(update)[1] == "accepted"
    assert sql("SELECT unknown_trade FROM automated_signals WHERE lifecycle = 'MFE_UPDATE'") == [
        {"unknown_trade": False}
    ]
    assert late is not None


def test_an_entry_whose_exit_was_archived_comes_too_late(run: Run, router: ExecutionRouter, sql: Sql) -> None:
    router.handle_exit_signal(exit_of("T1"))
    age(sql)
    assert run()[1] == "Tasks moved: 1\n"
    answer = router.handle_entry_signal(entry("T1"))
    assert [row["blocked_by"] for row in answer["connector_results"]] == [["TRADE_CLOSED"]] * 2


def test_a_delivery_that_waits_for_the_archive_finds_its_event_there(
    make_app: MakeApp, database: Database, sql: Sql
) -> None:
    client = make_app(ROUTER_ENABLED="false").test_client()
    first = client.post(WEBHOOK, json=entry("T1")).get_json()
    sql("UPDATE execution_tasks SET status = 'SUCCESS', finished_at = now()")
    age(sql)
    answers: list[Any] = []
    again = threading.Thread(target=lambda: answers.append(client.post(WEBHOOK, json=entry("T1")).get_json()))
    with database.transaction() as transaction:
        (found,) = transaction.rows("archivable_tasks", after=0, older_than=limit_of(database), limit=10)
        assert transaction.rows("hold_deliveries") == [{"held": True}]
        transaction.rows("archive_signals", trade_ids=found["trade_ids"])
        transaction.rows("archive_tasks", task_ids=found["task_ids"])
        again.start()
        wait_until(lambda: bool(sql("SELECT 1 FROM pg_locks WHERE NOT granted")), what="the delivery to wait")
    again.join()
    assert (answers[0]["status"], answers[0]["task_id"]) == ("duplicate", first["task_id"])
    assert sql("SELECT id FROM execution_tasks") == []


def test_a_step_gives_way_to_a_delivery_that_is_being_stored(database: Database, database_url: str, sql: Sql) -> None:
    decide(sql, 3)
    age(sql)
    steps = Archive(database=database, older_than=limit_of(database))
    storing = psycopg2.connect(database_url)
    storing.cursor().execute(SIGNAL.format(trade="NEW"))
    before = everything(sql, "public")
    with pytest.raises(Busy):
        steps.move(0)
    assert everything(sql, "public") == before
    storing.close()
    step = steps.move(0)
    assert step is not None
    assert step.tasks == 3


def test_two_runs_at_a_time_do_not_mix(run: Run, database: Database, sql: Sql) -> None:
    decide(sql, 1)
    age(sql)
    with database.transaction() as transaction:
        transaction.rows("lock_archive")
        status, _, error = run()
    assert (status, error) == (
        1,
        "The archive stopped after 0 tasks, run it again to go on: another run of the archive is under way\n",
    )
    assert len(trades_in(sql, "public")) == 1


def test_a_run_is_not_taken_for_another_one_while_alerts_are_looked_for(run: Run, database: Database, sql: Sql) -> None:
    decide(sql, 1)
    age(sql)
    with database.transaction() as transaction:
        transaction.rows("lock_alerts")
        assert run()[0] == 0
    assert trades_in(sql, "public") == set()


TAMPERED = {
    """UPDATE archive.execution_logs SET response_body = response_body || '{"dry_run": false}' WHERE id = 2""": (
        *(Fault.CHANGED_ROW, "archive.execution_logs 2 of event"),
    ),
    "UPDATE archive.execution_logs SET trade_id = 'X' WHERE id = 2": (
        *(Fault.CHANGED_ROW, "archive.execution_logs 2 of event"),
    ),
    "DELETE FROM archive.execution_logs WHERE id = 2": (Fault.MISSING_ROW, "execution_logs 2 of event"),
    "DELETE FROM archive.execution_tasks WHERE id = 2": (Fault.MISSING_ROW, "archive.execution_tasks"),
    """INSERT INTO archive.execution_logs
    SELECT (jsonb_populate_record(l, '{"id": 99}')).* FROM archive.execution_logs l WHERE id = 2""": (
        *(Fault.UNAUDITED_ROW, "archive.execution_logs 99"),
    ),
    # Moved by hand, out of sight.
    """WITH gone AS (DELETE FROM execution_logs RETURNING *)
    INSERT INTO archive.execution_logs SELECT * FROM gone""": (
        *(Fault.UNAUDITED_ROW, "archive.execution_logs 4 (SUCCESS of TRADE-1, task 4)"),
    ),
    "UPDATE archive_batches SET kind = 'DROPPED'": (Fault.CHANGED_ROW, "archive_batches [1]"),
    """INSERT INTO archive_batches (kind, older_than, tasks, logs, signals, facts, task_ids)
    VALUES ('DROPPED', now(), 0, 0, 0, 0, '{[1,9)}')""": (Fault.UNAUDITED_ROW, "archive_batches [2]"),
}


def altered(database_url: str, statement: str) -> list[Finding]:
    """What the check finds once the owner has run a statement past all triggers; nothing of it stays."""
    connection = psycopg2.connect(database_url)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement)
        cursor.execute("SET LOCAL session_replication_role = origin")
        found = list(check_audit(SameTransaction(connection), Tally()))
    connection.rollback()
    connection.close()
    return found


def test_what_is_altered_in_the_archive_is_found(run: Run, database: Database, database_url: str, sql: Sql) -> None:
    decide(sql, 3)
    age(sql)
    assert run()[0] == 0
    decide(sql, 1)
    seal_all(database)
    assert findings_of(database) == []
    for statement, (fault, where) in TAMPERED.items():
        found = altered(database_url, statement)
        assert any(one.fault is fault and one.where.startswith(where) for one in found), (statement, found)
    sql("DROP TRIGGER audited ON archive_batches")
    assert (Fault.NO_GUARD, "archive_batches") in {found[:2] for found in findings_of(database)}


def test_what_was_dropped_is_gone_for_good_and_not_missed(
    run: Run, router: ExecutionRouter, database: Database, database_url: str, sql: Sql
) -> None:
    router.handle_entry_signal(entry("T1"))
    router.handle_entry_signal(entry("T2"))
    age(sql, days=1000, trades="T1")
    assert run()[1] == "Tasks moved: 1\n"
    age(sql)
    assert run()[1] == "Tasks moved: 1\n"
    assert run("--older-than", "2y", "--drop", "--dry-run")[1].endswith(
        "Tasks of the archive that would be dropped for good: 1\n"
    )
    assert run("--older-than", "2y", "--drop")[1] == "Tasks dropped: 1\n"
    assert [len(rows) for rows in everything(sql, "archive").values()] == [1, 1, 2, 1]
    assert run("--older-than", "2y", "--drop")[1] == "Tasks dropped: 0\n"
    assert findings_of(database) == []
    found = altered(database_url, "DELETE FROM archive.execution_logs")
    assert [one.fault for one in found] == [Fault.MISSING_ROW] * 2


def archiving(database_url: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "database.archive", "--older-than", "90d"],
        env={"DATABASE_URL": database_url, "PYTHONPATH": str(repository())},
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_stopped_or_killed_in_the_middle_and_beside_a_router_nothing_is_lost(
    run: Run, router: ExecutionRouter, database: Database, database_url: str, sql: Sql, tmp_path: Path
) -> None:
    decide(sql, 4000)
    age(sql)
    before = everything(sql, "public")
    sql("ANALYZE")
    new: list[dict[str, Any]] = []
    over = threading.Event()

    def route() -> None:
        while not over.is_set():
            new.append(router.handle_entry_signal(entry(f"NEW-{len(new)}")))

    beside = threading.Thread(target=route)
    beside.start()
    for number, status in ((signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)):
        with archiving(database_url, tmp_path) as process:
            assert process.stderr is not None
            assert "Tasks moved" in process.stderr.readline()
            process.send_signal(number)
            told, _ = process.communicate(timeout=20)
        assert process.returncode == status
        assert told.endswith("stopped, run it again to go on\n") == (number == signal.SIGTERM)
        assert 0 < len(sql("SELECT id FROM archive.execution_tasks")) < 4000
    assert run()[0] == 0
    over.set()
    beside.join()
    assert len(sql("SELECT id FROM archive.execution_tasks")) == 4000
    after = everything(sql, "public", "archive")
    assert [row for row in after["execution_logs"] if "TRADE-" in row] == before["execution_logs"]
    assert [row for row in after["execution_tasks"] if "TRADE-" in row] == before["execution_tasks"]
    assert all(answer["connector_results"] for answer in new)
    assert new
    seal_all(database)
    assert tally_of(database).unsealed == 0


def test_a_column_that_the_archive_lacks_stops_it(run: Run, sql: Sql) -> None:
    assert run() == (0, "Tasks moved: 0\n", "")
    sql("ALTER TABLE execution_logs ADD COLUMN note TEXT")
    status, _, error = run()
    assert status == 1
    assert "columns of execution_logs differ between the schemas public and archive" in error


@pytest.mark.parametrize("given", ["90", "0d", "d", "-1d", "1h"])
def test_a_wrong_age_is_explained(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        archive.main([f"--older-than={given}"])
    assert "is not a time such as 90d, 26w or 2y" in capsys.readouterr().err


def test_a_task_with_orders_cannot_be_deleted_and_an_order_needs_its_task(database: Database, sql: Sql) -> None:
    bench = Bench(database, sql)
    bench.plan("T1", entry_leg())
    with pytest.raises(psycopg2.errors.ForeignKeyViolation, match="may be archived, not deleted"):
        sql("DELETE FROM execution_tasks")
    with pytest.raises(psycopg2.errors.ForeignKeyViolation, match="there is no task 99"):
        sql(
            "INSERT INTO execution_orders (task_id, trade_id, firm_code, program_id, purpose, client_order_id, symbol,"
            " contract, side, quantity, expires_at, cause, actor)"
            " VALUES (99, 'T', 'F', 1, 'ENTRY', 'aaaaaaaaaaaaaaaaaaaa', 'NQ', '{}', 'BUY', 1, now(), 'c', 'a')"
        )
