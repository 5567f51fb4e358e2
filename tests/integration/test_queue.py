"""The queue's promises: order, leases, fences, retries, dead letters."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from database.connection import Database, connect
from database.queue import Result, TaskQueue
from database.signals import SignalStore
from database.statements import statements
from signals.payload import parse_signal
from tests.conftest import Sql
from tests.processes import entry, exit_of

UPDATE = {"event_type": "MFE_UPDATE", "trade_id": "T1", "be_mfe": 1}


def store(database: Database, *bodies: dict[str, Any]) -> list[int]:
    signals = SignalStore(database)
    tasks = [signals.store(parse_signal(body), source="test", raw_body="{}").task_id for body in bodies]
    return [task for task in tasks if task is not None]


def queue(database: Database, worker: str = "one", lease: float = 30.0) -> TaskQueue:
    return TaskQueue(database, worker=worker, lease=lease)


def finish(tasks: TaskQueue, claimed: Any) -> set[int]:
    event = {"event": "task_finished", "task_id": claimed.id, "verdicts": []}
    return tasks.record([Result(task=claimed, body=json.dumps({"by": tasks.worker}), event=event)])


def names(claimed: list[Any]) -> list[tuple[str, str]]:
    return [(str(task.event_type), task.trade_id) for task in claimed]


def test_exits_of_finished_entries_are_claimed_before_new_entries(database: Database) -> None:
    tasks = queue(database)
    store(database, entry("T1"))
    finish(tasks, tasks.claim(1)[0])
    store(database, entry("T2"), UPDATE, exit_of("T1"))
    assert names(tasks.claim(10)) == [("EXIT", "T1"), ("ENTRY", "T2"), ("MFE_UPDATE", "T1")]


def test_an_exit_waits_until_its_entry_is_finished(database: Database) -> None:
    first, second = queue(database, "one"), queue(database, "two")
    store(database, entry("T1"), exit_of("T1"), UPDATE)
    [claimed] = first.claim(10)
    assert second.claim(10) == []
    finish(first, claimed)
    assert names(second.claim(10)) == [("EXIT", "T1"), ("MFE_UPDATE", "T1")]


def test_an_entry_that_waits_for_its_retry_still_holds_its_exit(database: Database) -> None:
    tasks = queue(database)
    store(database, entry("T1"), exit_of("T1"))
    [claimed] = tasks.claim(10)
    tasks.record_failure(claimed, error="no", final=False, delay=60)
    assert tasks.claim(10) == []


def test_the_exit_of_a_dead_entry_passes(database: Database) -> None:
    tasks = queue(database)
    store(database, entry("T1"), exit_of("T1"))
    [claimed] = tasks.claim(10)
    tasks.record_failure(claimed, error="no", final=True, delay=0)
    assert names(tasks.claim(10)) == [("EXIT", "T1")]


def test_an_update_that_waits_for_its_retry_never_holds_an_exit(database: Database) -> None:
    tasks = queue(database)
    store(database, entry("T1"))
    finish(tasks, tasks.claim(1)[0])
    store(database, UPDATE)
    tasks.record_failure(tasks.claim(1)[0], error="no", final=False, delay=60)
    store(database, exit_of("T1"))
    assert names(tasks.claim(10)) == [("EXIT", "T1")]


def test_an_entry_after_its_exit_is_known_to_be_late(database: Database) -> None:
    tasks = queue(database)
    store(database, exit_of("T1"), entry("T1"), entry("T2"))
    closed = {(str(task.event_type), task.trade_id): task.trade_closed for task in tasks.claim(10)}
    assert closed == {("EXIT", "T1"): False, ("ENTRY", "T1"): True, ("ENTRY", "T2"): False}


def test_a_backlog_that_no_statistics_know_of_is_not_sorted(database_url: str) -> None:
    connection = connect(database_url)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE execution_tasks SET (autovacuum_enabled = false)")
        cursor.execute(
            "INSERT INTO execution_tasks (trade_id, event_type) "
            "SELECT 'T' || n, CASE WHEN n % 10 = 0 THEN 'ENTRY' ELSE 'EXIT' END FROM generate_series(1, 5000) n"
        )
        values = {"limit": 20, "only": None, "worker": "one", "lease": 30.0}
        cursor.execute("EXPLAIN " + statements()["claim_tasks"], values)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    connection.close()
    assert "Sort" not in plan
    assert "Index Scan using idx_execution_tasks_waiting" in plan
    assert "Join" not in plan


def test_a_claim_is_committed_before_work_begins(database: Database, sql: Sql) -> None:
    store(database, entry("T1"))
    [claimed] = queue(database, "one", lease=30).claim(1)
    [row] = sql(
        "SELECT status, attempts, worker, last_attempt_at IS NOT NULL AS tried, "
        "extract(epoch FROM lease_until - now())::float AS lease FROM execution_tasks"
    )
    assert (row["status"], row["attempts"], row["worker"], row["tried"]) == ("PROCESSING", 1, "one", True)
    assert 28 < row["lease"] <= 30
    assert claimed.attempt == 1


def test_a_row_that_somebody_holds_is_skipped_not_waited_for(database: Database) -> None:
    held, free = store(database, entry("T1"), entry("T2"))
    with database.transaction() as transaction:
        transaction.script(f"SELECT 1 FROM execution_tasks WHERE id = {held} FOR UPDATE")
        assert [task.id for task in queue(database).claim(10)] == [free]


def test_a_worker_believed_dead_cannot_record_over_its_successor(database: Database, sql: Sql) -> None:
    slow, quick = queue(database, "slow", lease=0.1), queue(database, "quick")
    store(database, entry("T1"))
    [old] = slow.claim(1)
    assert quick.take_back_expired(5) == []
    time.sleep(0.15)
    [expired] = quick.take_back_expired(5)
    assert (expired.task_id, expired.status) == (old.id, "PENDING")
    [new] = quick.claim(1)
    assert finish(slow, old) == set()
    assert finish(quick, new) == {new.id}
    assert finish(slow, old) == set()
    logs = sql("SELECT status, response_body FROM execution_logs ORDER BY id")
    assert [log["status"] for log in logs] == ["RETRY", "SUCCESS"]
    assert "slow" in logs[0]["response_body"]["error"]
    assert logs[1]["response_body"] == {"by": "quick"}


def test_the_same_worker_cannot_record_an_earlier_attempt(database: Database) -> None:
    tasks = queue(database, lease=0.1)
    store(database, entry("T1"))
    [old] = tasks.claim(1)
    time.sleep(0.15)
    tasks.take_back_expired(5)
    [new] = tasks.claim(1)
    assert finish(tasks, old) == set()
    assert finish(tasks, new) == {new.id}


def test_a_task_that_kills_its_workers_ends_as_a_dead_letter(database: Database, sql: Sql) -> None:
    store(database, entry("T1"))
    tasks = queue(database, lease=0.05)
    for expected in ("PENDING", "PENDING", "FAILED"):
        tasks.claim(1)
        time.sleep(0.08)
        [expired] = tasks.take_back_expired(3)
        assert expired.status == expected
    [dead] = sql("SELECT * FROM dead_letter_tasks")
    assert dead["attempts"] == 3
    assert "did not finish before its lease ended" in dead["last_error"]
    assert [log["status"] for log in sql("SELECT status FROM execution_logs ORDER BY id")] == [
        "RETRY",
        "RETRY",
        "FAILED",
    ]


def test_what_is_given_back_is_as_if_never_claimed(database: Database, sql: Sql) -> None:
    tasks = queue(database)
    store(database, entry("T1"), entry("T2"))
    claimed = tasks.claim(2)
    tasks.give_back(claimed[1:])
    rows = sql("SELECT status, attempts, worker FROM execution_tasks ORDER BY id")
    assert [(row["status"], row["attempts"], row["worker"]) for row in rows] == [
        ("PROCESSING", 1, "one"),
        ("PENDING", 0, None),
    ]


def test_renewing_prolongs_only_what_is_held(database: Database, sql: Sql) -> None:
    tasks = queue(database, lease=0.2)
    store(database, entry("T1"), entry("T2"))
    held, left = tasks.claim(2)
    for _ in range(4):
        time.sleep(0.1)
        tasks.renew([held])
    assert [expired.task_id for expired in tasks.take_back_expired(5)] == [left.id]


@pytest.mark.parametrize("final", [True, False])
def test_a_failure_is_logged_with_its_error(database: Database, sql: Sql, final: bool) -> None:
    tasks = queue(database)
    store(database, entry("T1"))
    [claimed] = tasks.claim(1)
    assert tasks.record_failure(claimed, error="ValueError: no", final=final, delay=60)
    assert not tasks.record_failure(claimed, error="again", final=final, delay=60)
    [row] = sql(
        "SELECT status, last_error, finished_at IS NOT NULL AS finished, due_at > now() AS waits FROM execution_tasks"
    )
    assert row == {
        "status": "FAILED" if final else "PENDING",
        "last_error": "ValueError: no",
        "finished": final,
        "waits": not final,
    }
    [log] = sql("SELECT status, response_code, response_body FROM execution_logs")
    assert log == {
        "status": "FAILED" if final else "RETRY",
        "response_code": 500,
        "response_body": {"error": "ValueError: no", "attempt": 1},
    }
