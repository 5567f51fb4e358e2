"""PostgreSQL goes away and comes back: 503 with nothing stored, and everything recovers by itself."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from database.embedded import _package
from tests.folders import data_folder
from tests.processes import entry, wait_until, web_process, worker_process


class Postgres:
    """A PostgreSQL of its own that can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self._server = _package().get_server(folder, cleanup_mode="stop")
        self.url: str = self._server.get_uri()

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def scalar(self, text: str) -> int:
        with psycopg2.connect(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(text)
            row = cursor.fetchone()
        connection.close()
        assert row is not None
        return int(row[0])


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    folder = data_folder("outage")
    server = Postgres(folder / "data")
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


def test_web_and_worker_survive_an_outage_and_recover(own_postgres: Postgres, tmp_path: Path) -> None:
    with (
        web_process(own_postgres.url, tmp_path / "web.log", ROUTER_ENABLED="false") as web,
        worker_process(own_postgres.url, tmp_path / "worker.log") as worker,
    ):
        assert web.post(entry("BEFORE"))[0] == 200
        own_postgres.stop()
        began = time.monotonic()
        status, answer = web.post(entry("DURING"))
        assert (status, answer["code"]) == (503, "database_unavailable")
        assert time.monotonic() - began < 3, "TradingView would have given up"
        assert web.post(b"rubbish")[0] == 400
        assert web.health()[0] == 503
        time.sleep(1)
        own_postgres.start()
        assert web.post(entry("AFTER"))[0] == 200
        logged = "SELECT count(*) FROM execution_logs WHERE status = 'SUCCESS'"
        wait_until(lambda: own_postgres.scalar(logged) == 2, what="the worker to recover", seconds=10)
        assert own_postgres.scalar("SELECT count(*) FROM automated_signals WHERE trade_id = 'DURING'") == 0
        assert web.process.poll() is None
        assert worker.poll() is None


def test_lost_connections_are_replaced_without_a_failed_answer(own_postgres: Postgres, tmp_path: Path) -> None:
    with web_process(own_postgres.url, tmp_path / "web.log") as web:
        for n in range(5):
            assert web.post(entry(f"A{n}"))[0] == 200
        own_postgres.scalar(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND application_name LIKE 'execution-router%'"
        )
        for n in range(5):
            assert web.post(entry(f"B{n}"))[0] == 200
        logged = "SELECT count(DISTINCT task_id) FROM execution_logs WHERE status = 'SUCCESS'"
        wait_until(lambda: own_postgres.scalar(logged) == 10, what="the router to go on", seconds=15)


def test_a_web_process_that_starts_before_its_database_waits_for_it(own_postgres: Postgres, tmp_path: Path) -> None:
    own_postgres.stop()
    with web_process(own_postgres.url, tmp_path / "web.log") as web:
        assert web.post(entry("EARLY"))[0] == 503
        own_postgres.start()
        wait_until(lambda: web.post(entry("LATER"))[0] == 200, what="the web process to recover", seconds=10)
        logged = "SELECT count(*) FROM execution_logs WHERE status = 'SUCCESS'"
        wait_until(lambda: own_postgres.scalar(logged) == 1, what="the router to start", seconds=10)


def test_a_worker_that_waits_for_its_database_still_ends_on_sigterm(own_postgres: Postgres, tmp_path: Path) -> None:
    with worker_process(own_postgres.url, tmp_path / "worker.log") as worker:
        own_postgres.stop()
        time.sleep(1)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(10) == 0
