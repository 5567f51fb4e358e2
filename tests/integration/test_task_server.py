"""Batches that are recorded while the next one is decided, and batches that grow with the queue."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
import pytest

from config.settings import Settings
from database.connection import Database, DatabaseUnavailable
from database.queue import Task, TaskQueue
from database.tracked_accounts import tracked_accounts
from execution_router import ExecutionRouter
from routing.behind import Behind
from routing.parts import router_parts
from routing.retry import RetryPolicy
from routing.task_server import TaskServer
from tests.conftest import Sql
from tests.processes import ROUTED, wait_until

LOGGER = logging.getLogger("execution_router")
WAITING = """
    INSERT INTO execution_tasks (trade_id, event_type, payload)
    SELECT 'T' || n, 'ENTRY', '{"direction": "LONG", "entry_price": 16500, "stop_loss": 16475, "symbol": "NQ"}'
    FROM generate_series(1, %s) n
"""
CLAIMS = "SELECT count(*) AS size FROM execution_tasks GROUP BY last_attempt_at ORDER BY last_attempt_at"


@contextmanager
def nothing_can_be_logged(url: str) -> Iterator[None]:
    """Hold a lock that every new log row has to wait for."""
    connection = psycopg2.connect(url)
    try:
        connection.cursor().execute("LOCK TABLE execution_logs IN SHARE MODE")
        yield
    finally:
        connection.close()


@pytest.fixture
def impatient(database_url: str, sql: Sql) -> Iterator[Database]:
    opened = Database(database_url, statement_timeout=0.3)
    yield opened
    opened.close()


@pytest.fixture
def queue(impatient: Database) -> TaskQueue:
    return TaskQueue(impatient, worker="me", lease=10.0)


@pytest.fixture
def server(impatient: Database, queue: TaskQueue) -> TaskServer:
    settings = Settings.from_env(ROUTED)
    states = tracked_accounts(settings, impatient)
    parts = router_parts(settings, states, impatient, dry_run=True, worker="me", logger=LOGGER)
    return TaskServer(
        queue,
        parts.processor(settings, LOGGER, before_entries=lambda: None),
        retry=RetryPolicy(max_attempts=3, base=0.01),
        logger=LOGGER,
        stopping=lambda: False,
    )


def logged(sql: Sql) -> list[int]:
    return [row["task_id"] for row in sql("SELECT task_id FROM execution_logs WHERE status = 'SUCCESS' ORDER BY id")]


def ids(tasks: list[Task]) -> list[int]:
    return [task.id for task in tasks]


def test_a_batch_is_recorded_while_the_next_one_is_decided_and_held_until_then(
    sql: Sql, queue: TaskQueue, server: TaskServer, database_url: str
) -> None:
    sql(WAITING, 4)
    first, second = queue.claim(2), queue.claim(2)
    with nothing_can_be_logged(database_url):
        server.serve_behind(first)
        assert logged(sql) == []
        # Its leases are renewed for as long as it is not on record.
        assert ids(server.in_hand()) == ids(first)
    server.serve_behind(second)
    server.settle()
    assert logged(sql) == [*ids(first), *ids(second)]
    assert server.in_hand() == []


def test_a_batch_that_could_not_be_recorded_is_told_of_and_takes_no_other_with_it(
    sql: Sql, queue: TaskQueue, server: TaskServer, database_url: str
) -> None:
    sql(WAITING, 4)
    first, second = queue.claim(2), queue.claim(2)
    with nothing_can_be_logged(database_url):
        server.serve_behind(first)
        time.sleep(0.5)
    with pytest.raises(DatabaseUnavailable):
        server.serve_behind(second)
    assert logged(sql) == ids(second)
    # Still claimed: another worker takes it over when the lease ends.
    rows = sql("SELECT id FROM execution_tasks WHERE status = 'PROCESSING' ORDER BY id")
    assert [row["id"] for row in rows] == ids(first)
    assert server.in_hand() == []
    server.settle()


@pytest.mark.parametrize(("gives_way", "largest"), [(False, 100), (True, 20)])
def test_batches_grow_with_the_queue_unless_the_process_has_more_urgent_work(
    database: Database, sql: Sql, *, gives_way: bool, largest: int
) -> None:
    sql(WAITING, 250)
    busy = iter([gives_way] * 10_000)
    router = ExecutionRouter(settings=Settings.from_env(ROUTED), database=database, give_way=lambda: next(busy))
    router.start()
    wait_until(lambda: len(logged(sql)) == 250, what="all tasks to be logged", seconds=30)
    router.stop()
    sizes = [row["size"] for row in sql(CLAIMS)]
    assert sizes[0] == 20
    assert max(sizes) == largest


def test_work_behind_goes_one_after_another_and_its_error_is_raised_once() -> None:
    behind, done = Behind("behind"), []

    def slow() -> None:
        time.sleep(0.1)
        done.append("slow")

    def broken() -> None:
        raise ValueError("broken")

    behind.start(slow)
    assert done == []
    behind.start(lambda: done.append("next"))
    assert done[0] == "slow"
    behind.start(broken)
    with pytest.raises(ValueError, match="broken"):
        behind.start(lambda: done.append("never"))
    behind.settle()
    assert done == ["slow", "next"]
