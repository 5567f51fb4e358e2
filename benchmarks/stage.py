"""What every benchmark stands on: a PostgreSQL of its own, the service as real processes, and the check afterwards."""

from __future__ import annotations

import atexit
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks import bare_app
from benchmarks.load import Connection
from database.connection import Database, connect
from database.embedded import start_embedded
from database.migrations import migrate
from tests.processes import REPOSITORY, free_port, wait_until

WEBHOOK = "/api/automated-signals/webhook"


class BrokenInvariant(Exception):
    """The service lost a task or decided one twice: the benchmark fails, whatever it measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A PostgreSQL server with default durability, and a folder for the logs of processes."""

    url: str
    folder: Path

    @classmethod
    def build(cls) -> Self:
        """Start the server in a temporary folder; both are gone when this process ends."""
        # As root the server runs as another user, who has to be able to look in.
        folder = Path(tempfile.mkdtemp(prefix="router-benchmark-"))
        folder.chmod(0o755)
        # Registered before the server's own, so that it runs after it: the server stops first.
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return cls(url=start_embedded(folder / "postgres").url, folder=folder)

    def database(self, name: str) -> Tables:
        """Create a database with the service's schema."""
        Tables(self.url).rows(f"CREATE DATABASE {name}")
        url = self.url.replace("/postgres?", f"/{name}?")
        migrating = Database(url)
        migrate(migrating)
        migrating.close()
        return Tables(url)

    def clear(self) -> None:
        """Drop all databases and write everything out: the next one to measure finds the server as if it were new."""
        server = Tables(self.url)
        made = "SELECT datname FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1')"
        for (name,) in server.rows(made):
            server.rows(f"DROP DATABASE {name} WITH (FORCE)")
        server.rows("CHECKPOINT")
        server.close()

    @contextmanager
    def slow_flush(self, milliseconds: float = 2.0) -> Iterator[None]:
        """Imitate a disk whose flush takes longer: each commit waits that much more before it is flushed."""
        tables = Tables(self.url)
        settings = {"commit_delay": f"{milliseconds * 1000:.0f}", "commit_siblings": "0"}
        try:
            for name, value in settings.items():
                tables.rows(f"ALTER SYSTEM SET {name} = {value}")
            tables.rows("SELECT pg_reload_conf()")
            wait_until(lambda: tables.value("SHOW commit_siblings") == "0", what="the slower flush")
            yield
        finally:
            for name in settings:
                tables.rows(f"ALTER SYSTEM RESET {name}")
            tables.rows("SELECT pg_reload_conf()")

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def facts(self) -> dict[str, str]:
        """Return what a reader has to know about the server: version, durability, the price of one commit."""
        tables = Tables(self.url)
        names = ("server_version", "fsync", "synchronous_commit", "wal_sync_method", "full_page_writes")
        shown = {name: str(tables.value(f"SHOW {name}")) for name in names}
        return {**shown, "commit_ms": f"{_commit_ms(tables):.2f}"}


class Tables:
    """One connection to a database, for statements of the benchmarks' own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = connect(url, name="benchmark")

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall() if cursor.description else []

    def value(self, sql: str, **values: Any) -> Any:
        """Run a statement and return the first column of its first row, None where there is no row."""
        return next((row[0] for row in self.rows(sql, **values)), None)

    def close(self) -> None:
        """Close the connection: a database can only be copied or dropped when nobody is connected."""
        self._connection.close()

    def unfinished(self) -> int:
        """Return how many tasks wait or are in hand."""
        return int(self.value("SELECT count(*) FROM execution_tasks WHERE status IN ('PENDING', 'PROCESSING')"))

    def wait_until_drained(self, seconds: float = 300.0) -> float:
        """Wait until no task is left and return the seconds that took, to about 20 ms."""
        return wait_until(lambda: self.unfinished() == 0, what="the queue to be empty", seconds=seconds)

    def check(self, accepted: int) -> None:
        """Check that each of the accepted signals made one task, with exactly one SUCCESS log, and that none is left.

        Raises BrokenInvariant.
        """
        (tasks, done, logged, once), *_ = self.rows(
            """
            SELECT count(*), count(*) FILTER (WHERE t.status = 'SUCCESS'), count(l.n), count(*) FILTER (WHERE l.n = 1)
            FROM execution_tasks t
            LEFT JOIN (SELECT task_id, count(*) AS n FROM execution_logs WHERE status = 'SUCCESS' GROUP BY task_id) l
              ON l.task_id = t.id
            """
        )
        others = self.value("SELECT count(*) FROM execution_logs WHERE status <> 'SUCCESS'")
        if (tasks, done, logged, once, others) != (accepted, accepted, accepted, accepted, 0):
            raise BrokenInvariant(
                f"{accepted} signals were accepted, but there are {tasks} tasks, {done} finished, {logged} with a "
                f"SUCCESS log, {once} with exactly one; {others} logs tell of failed tries"
            )


@contextmanager
def bare_process(database_url: str, log: Path) -> Iterator[int]:
    """Run the bare endpoint under the service's own gunicorn configuration; give its port."""
    port = free_port()
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment = {**inherited, "DATABASE_URL": database_url, "HOST": "127.0.0.1", "PORT": str(port)}
    command = [sys.executable, "-m", "gunicorn", "--config", str(REPOSITORY / "gunicorn.conf.py")]
    command += ["--chdir", str(REPOSITORY), f"{bare_app.__name__}:create_app()"]
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment, cwd=REPOSITORY)
    try:
        wait_until(lambda: _answers(port), what=f"the bare endpoint to start; its log: {log}")
        yield port
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        return bool(Connection(port).ask(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"))
    except OSError:
        return False


def _commit_ms(tables: Tables, commits: int = 200) -> float:
    tables.rows("CREATE TABLE commits (n INTEGER)")
    taken: list[int] = []
    for number in range(commits):
        began = time.perf_counter_ns()
        tables.rows("INSERT INTO commits VALUES (%(n)s)", n=number)
        taken.append(time.perf_counter_ns() - began)
    tables.rows("DROP TABLE commits")
    return statistics.median(taken) / 1e6
