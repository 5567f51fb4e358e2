"""Routers as real processes: several on one database, killed in the middle, stopped gently."""

from __future__ import annotations

import ctypes
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg2
import pytest

from database.connection import Database
from database.signals import SignalStore
from signals.payload import parse_signal
from tests.conftest import Sql
from tests.live import live_environment, tradovate
from tests.processes import entry, exit_of, wait_until, web_process, worker_process


def store(database: Database, *bodies: dict[str, object]) -> list[int]:
    signals = SignalStore(database)
    tasks = [signals.store(parse_signal(body), source="test", raw_body="{}").task_id for body in bodies]
    return [task for task in tasks if task is not None]


def unfinished(sql: Sql) -> int:
    return int(sql("SELECT count(*) AS n FROM execution_tasks WHERE status <> 'SUCCESS'")[0]["n"])


def success_logs(sql: Sql) -> Counter[int]:
    rows = sql("SELECT task_id FROM execution_logs WHERE status = 'SUCCESS'")
    return Counter(row["task_id"] for row in rows)


@contextmanager
def held_records(database_url: str) -> Iterator[None]:
    """Hold every worker between its claim and its record, at the moment in which it writes its log row."""
    connection = psycopg2.connect(database_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION hold_record() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END';"
            "CREATE OR REPLACE TRIGGER hold_record BEFORE INSERT ON execution_logs "
            "FOR EACH ROW EXECUTE FUNCTION hold_record();"
            "SELECT pg_advisory_lock(1)"
        )
        yield
    connection.close()


def lose_connections_of_workers(sql: Sql) -> None:
    """End the server's side of dead workers, as TCP does for a machine that is gone."""
    sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = 'execution-router-worker'"
    )


def test_a_worker_killed_in_the_middle_leaves_its_task_to_another(
    database_url: str, database: Database, sql: Sql, tmp_path: Path
) -> None:
    with (
        held_records(database_url),
        worker_process(database_url, tmp_path / "first.log", TASK_LEASE_SECONDS="2") as first,
    ):
        [task] = store(database, entry("KILLED"))
        wait_until(lambda: sql("SELECT status FROM execution_tasks")[0]["status"] == "PROCESSING", what="the claim")
        time.sleep(0.2)
        first.kill()
        first.wait()
        lose_connections_of_workers(sql)
    assert success_logs(sql) == {}
    with worker_process(database_url, tmp_path / "second.log", TASK_LEASE_SECONDS="2"):
        wait_until(lambda: unfinished(sql) == 0, what="the second worker to take the task up")
    assert success_logs(sql) == {task: 1}
    logs = sql("SELECT status FROM execution_logs ORDER BY id")
    assert [log["status"] for log in logs] == ["RETRY", "SUCCESS"]
    assert sql("SELECT attempts FROM execution_tasks")[0]["attempts"] == 2


def test_workers_killed_at_random_lose_nothing_and_double_nothing(
    database_url: str, database: Database, sql: Sql, tmp_path: Path
) -> None:
    chance = random.Random(20251122)
    tasks: list[int] = []
    settings = {"TASK_LEASE_SECONDS": "1", "TASK_MAX_ATTEMPTS": "50", "ROUTER_BATCH_SIZE": "7"}
    with ExitStack() as stack:

        def worker(name: str) -> subprocess.Popen[bytes]:
            return stack.enter_context(worker_process(database_url, tmp_path / f"{name}.log", **settings))

        workers = [worker(f"start{n}") for n in range(2)]
        for kill in range(8):
            with held_records(database_url):
                pairs = [(entry(f"T{kill}_{n}"), exit_of(f"T{kill}_{n}")) for n in range(20)]
                tasks += store(database, *(body for pair in pairs for body in pair))
                time.sleep(chance.uniform(0.0, 0.2))
                victim = workers.pop(0)
                victim.kill()
                victim.wait()
                # Without this, PostgreSQL still carries out what the dead worker had sent: both must end well.
                if kill % 2:
                    lose_connections_of_workers(sql)
            workers.append(worker(f"again{kill}"))
        wait_until(lambda: unfinished(sql) == 0, what="all tasks to be finished", seconds=60)
    retaken = sql("SELECT count(*) AS n FROM execution_logs WHERE status = 'RETRY'")[0]["n"]
    assert retaken > 0, "no kill hit a task in the middle; the test proved nothing"
    assert success_logs(sql) == dict.fromkeys(tasks, 1)


def test_two_workers_and_a_web_router_never_claim_the_same_task(
    database_url: str, database: Database, sql: Sql, tmp_path: Path
) -> None:
    tasks = store(database, *(entry(f"T{n}") for n in range(300)))
    with (
        worker_process(database_url, tmp_path / "one.log", ROUTER_BATCH_SIZE="5"),
        worker_process(database_url, tmp_path / "two.log", ROUTER_BATCH_SIZE="5"),
        web_process(database_url, tmp_path / "web.log", ROUTER_BATCH_SIZE="5"),
    ):
        wait_until(lambda: unfinished(sql) == 0, what="all tasks to be finished", seconds=60)
    assert success_logs(sql) == dict.fromkeys(tasks, 1)
    assert sql("SELECT DISTINCT attempts FROM execution_tasks") == [{"attempts": 1}]


def test_an_exit_never_overtakes_its_entry_with_several_workers(
    database_url: str, database: Database, sql: Sql, tmp_path: Path
) -> None:
    with (
        worker_process(database_url, tmp_path / "one.log", ROUTER_BATCH_SIZE="3"),
        worker_process(database_url, tmp_path / "two.log", ROUTER_BATCH_SIZE="3"),
    ):
        bodies = [body for n in range(150) for body in (entry(f"T{n}"), exit_of(f"T{n}"))]
        store(database, *bodies)
        wait_until(lambda: unfinished(sql) == 0, what="all tasks to be finished", seconds=60)
    overtaken = sql(
        "SELECT x.trade_id FROM execution_logs x JOIN execution_logs e USING (trade_id) "
        "WHERE x.event_type = 'EXIT' AND e.event_type = 'ENTRY' AND x.created_at < e.created_at"
    )
    assert overtaken == []
    closed = sql("SELECT count(*) AS n FROM execution_enforcement_checks WHERE rule = 'TRADE_CLOSED'")
    assert closed == [{"n": 0}]


def test_a_hundred_concurrent_posts_are_all_answered_and_processed(database_url: str, sql: Sql, tmp_path: Path) -> None:
    with web_process(database_url, tmp_path / "web.log") as web:
        with ThreadPoolExecutor(100) as threads:
            answers = list(threads.map(lambda n: web.post(entry(f"T{n}")), range(100)))
        assert [status for status, _ in answers] == [200] * 100
        wait_until(lambda: sum(success_logs(sql).values()) == 100, what="100 SUCCESS logs")
    assert sorted(success_logs(sql)) == sorted(answer["task_id"] for _, answer in answers)


def test_fifty_deliveries_at_the_same_moment_make_one_task(database_url: str, sql: Sql, tmp_path: Path) -> None:
    with web_process(database_url, tmp_path / "web.log") as web:
        with ThreadPoolExecutor(50) as threads:
            answers = list(threads.map(lambda _: web.post(entry("SAME")), range(50)))
        assert {status for status, _ in answers} == {200}
        outcomes = Counter(answer["status"] for _, answer in answers)
        assert outcomes == {"accepted": 1, "duplicate": 49}
        assert len({answer["task_id"] for _, answer in answers}) == 1
    assert sql("SELECT count(*) AS n FROM execution_tasks") == [{"n": 1}]
    assert sql("SELECT count(*) AS n FROM automated_signals") == [{"n": 1}]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_ends_within_ten_seconds_and_gives_back_what_it_did_not_do(
    number: signal.Signals, database_url: str, database: Database, sql: Sql, tmp_path: Path
) -> None:
    # A hundred accounts make a batch of 400 entries long enough to be interrupted in the middle.
    many = {"FTMO_PROGRAM_IDS": ",".join(map(str, range(1, 101))), "ROUTER_BATCH_SIZE": "400"}
    tasks = store(database, *(entry(f"T{n}") for n in range(400)))
    with worker_process(database_url, tmp_path / "worker.log", TASK_LEASE_SECONDS="60", **many) as worker:
        claimed = "SELECT count(*) AS n FROM execution_tasks WHERE status = 'PROCESSING'"
        wait_until(lambda: sql(claimed)[0]["n"] == 400, what="the claim")
        time.sleep(0.3)
        began = time.monotonic()
        worker.send_signal(number)
        assert worker.wait(10) == 0
        assert time.monotonic() - began < 10
    left = sql("SELECT status, attempts, count(*)::int AS n FROM execution_tasks GROUP BY 1, 2 ORDER BY 1")
    assert [(row["status"], row["attempts"]) for row in left] == [("PENDING", 0), ("SUCCESS", 1)]
    assert set(success_logs(sql).values()) == {1}
    assert sum(row["n"] for row in left) == len(tasks)


def test_a_worker_ends_whichever_of_its_threads_the_system_gives_the_signal_to(
    database_url: str, tmp_path: Path
) -> None:
    """A thread that was just beginning takes a signal from the main one: nothing then wakes that one from waiting."""
    with worker_process(database_url, tmp_path / "worker.log") as worker:
        # Until the main thread has nothing left to begin, and waits.
        time.sleep(1.0)
        others = [int(task.name) for task in Path(f"/proc/{worker.pid}/task").iterdir() if task.name != str(worker.pid)]
        assert others
        assert ctypes.CDLL(None, use_errno=True).tgkill(worker.pid, max(others), signal.SIGTERM) == 0
        assert worker.wait(5) == 0
    assert "worker stopped" in (tmp_path / "worker.log").read_text()


def test_a_worker_ends_soon_while_a_firm_is_slow_to_tell_how_an_account_is(database_url: str, tmp_path: Path) -> None:
    asked = threading.Event()

    def slowly() -> None:
        asked.set()
        time.sleep(8.0)

    with tradovate("ACC1") as broker:
        broker.hooks["cashbalance/getcashbalancesnapshot"] = slowly
        live = live_environment(broker, CONNECTOR_TIMEOUT_SECONDS="20")
        with worker_process(database_url, tmp_path / "worker.log", **live) as worker:
            assert asked.wait(20.0), "the firm was not asked"
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(4) == 0


def test_the_web_process_ends_within_ten_seconds_of_sigterm(database_url: str, sql: Sql, tmp_path: Path) -> None:
    with web_process(database_url, tmp_path / "web.log") as web:
        for n in range(100):
            web.post(entry(f"T{n}"))
        web.process.send_signal(signal.SIGTERM)
        assert web.process.wait(10) == 0
    assert sql("SELECT count(*) AS n FROM execution_tasks WHERE status = 'PROCESSING'") == [{"n": 0}]
    assert "Web process stopped" in (tmp_path / "web.log").read_text()


def test_a_worker_takes_up_a_signal_of_another_process_at_once(
    database_url: str, database: Database, sql: Sql, tmp_path: Path
) -> None:
    with worker_process(database_url, tmp_path / "worker.log", ROUTER_POLL_INTERVAL="60"):
        time.sleep(0.5)
        store(database, entry("WOKEN"))
        seconds = wait_until(lambda: unfinished(sql) == 0, what="NOTIFY to wake the worker", seconds=5)
    assert seconds < 2


def test_the_poll_finds_what_no_notification_announced(database_url: str, sql: Sql, tmp_path: Path) -> None:
    with worker_process(database_url, tmp_path / "worker.log", ROUTER_POLL_INTERVAL="0.5"):
        time.sleep(0.3)
        sql(
            "INSERT INTO execution_tasks (trade_id, event_type, payload) VALUES ('BY_HAND', 'ENTRY', "
            """'{"direction": "LONG", "entry_price": 16500, "stop_loss": 16475, "symbol": "NQ"}')"""
        )
        wait_until(lambda: unfinished(sql) == 0, what="the poll to find the task", seconds=5)
