"""PostgreSQL is killed in the middle of a burst and comes back: what was stored is there, and nothing doubles."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extras
import pytest

from database.connection import Database, DatabaseUnavailable
from database.embedded import _package
from database.migrations import migrate
from tests.brokers.tradovate import TradovateServer
from tests.chaos.invariants import at_all_times, closed, once_settled
from tests.chaos.rig import Launcher, Rig, rig_of
from tests.folders import data_folder
from tests.live import live_entry, live_exit
from tests.processes import wait_until

MOST_CONTRACTS = 10
KILLS = 3


class Postgres:
    """A PostgreSQL of its own, with fsync on, whose processes can be killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = _package().get_server(folder, cleanup_mode="stop")
        self.url: str = self._server.get_uri()

    def kill(self) -> None:
        """SIGKILL to the postmaster; its children end when they notice."""
        os.kill(int((self._folder / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    def start(self) -> None:
        """Start again; what is left of the killed one may be in the way for a moment."""
        deadline = time.monotonic() + 20
        while True:
            try:
                self._server.ensure_postgres_running()
                self.sql("SELECT 1")
                return
            except Exception:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def stop(self) -> None:
        self._server.stop()

    def sql(self, text: str, *values: Any) -> list[dict[str, Any]]:
        """Run one statement on a connection of its own."""
        with closing(psycopg2.connect(self.url)) as connection:
            connection.autocommit = True
            with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
                cursor.execute(text, values or None)
                return [dict(row) for row in cursor.fetchall()] if cursor.description else []


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    folder = data_folder("chaos")
    server = Postgres(folder / "data")
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


def deliver(rig: Rig, body: dict[str, Any]) -> None:
    """Store a signal, as a sender does that tries again until it is told that it was taken."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(DatabaseUnavailable):
            rig.store(body)
            return
        time.sleep(0.1)
    raise AssertionError("the database stays away")


def test_a_killed_postgres_doubles_and_loses_nothing(
    launcher: Launcher, own_postgres: Postgres, broker: TradovateServer, tmp_path: Path
) -> None:
    database = Database(own_postgres.url)
    migrate(database)
    database.close()
    assert own_postgres.sql("SHOW fsync") == [{"fsync": "on"}]
    # A server that was made fast in this way forgets the last commits; ours must not be among them.
    own_postgres.sql("ALTER SYSTEM SET synchronous_commit = off")
    own_postgres.sql("SELECT pg_reload_conf()")
    chance = random.Random(20261121)
    with rig_of(Rig(launcher, own_postgres.url, own_postgres.sql, broker, tmp_path)) as rig:
        for _ in range(3):
            rig.start()
        rig.until_figures_are_known()
        for kill in range(KILLS):
            trades = [f"T{kill}_{number}" for number in range(4)]
            for trade in trades:
                deliver(rig, live_entry(trade, contracts=chance.randint(1, 3)))
            wait_until(lambda kill=kill: len(broker.book.orders) > 8 * kill, what="the burst")  # type: ignore[misc]
            time.sleep(chance.uniform(0.0, 0.1))
            own_postgres.kill()
            time.sleep(chance.uniform(0.1, 0.8))
            own_postgres.start()
            for trade in trades:
                deliver(rig, live_exit(trade, exit_contracts=1))
                deliver(rig, live_exit(trade))
            assert at_all_times(broker.book, own_postgres.sql, most_contracts=MOST_CONTRACTS) == []
        rig.until_settled()
        rig.until_nothing_differs()
        assert once_settled(broker.book, own_postgres.sql, most_contracts=MOST_CONTRACTS) == []
        assert closed(broker.book) == []
        assert len(rig.living()) == 3, "no worker minds"
        assert (tmp_path / "workers.log").read_text().count("no database") >= KILLS
        entered = own_postgres.sql("SELECT count(*)::int AS n FROM execution_orders WHERE purpose = 'ENTRY'")
        assert entered[0]["n"] >= 6 * KILLS
