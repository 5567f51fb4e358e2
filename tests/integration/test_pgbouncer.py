"""PostgreSQL behind a real pgbouncer: what works, what needs its own session, and what refuses to start."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from database.connection import Database, DatabaseUnavailable, SessionNotKept
from database.driver import connect, connect_for_long
from database.events import EventListener
from database.leadership import Leadership
from database.startup import StartRefused
from tests.conftest import Sql
from tests.integration.conftest import MakeApp
from tests.integration.test_prepared_statements import EMPTY
from tests.pgbouncer import pgbouncer
from tests.processes import REPOSITORY, entry, wait_until, web_process, worker_process

LOGGER = logging.getLogger("pgbouncer")
# What each write found in force, whoever wrote.
WITNESS = """
    CREATE TABLE seen (program TEXT, synchronous_commit TEXT, statement_timeout TEXT, silence TEXT, timezone TEXT);
    CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO seen VALUES (
            current_setting('application_name'), current_setting('synchronous_commit'),
            current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout'),
            current_setting('timezone'));
        RETURN NULL;
    END $$;
    CREATE TRIGGER witness AFTER INSERT ON automated_signals FOR EACH ROW EXECUTE FUNCTION witness();
    CREATE TRIGGER witness AFTER INSERT OR UPDATE ON execution_tasks FOR EACH ROW EXECUTE FUNCTION witness();
    CREATE TRIGGER witness AFTER INSERT ON execution_logs FOR EACH ROW EXECUTE FUNCTION witness();
"""
LOGGED = "SELECT count(*)::int AS n FROM execution_logs WHERE status = 'SUCCESS'"
# Only a wake-up makes a router look before this is over.
SELDOM = "60"


@pytest.fixture
def shared(database_url: str) -> Iterator[str]:
    """The address of a pgbouncer in transaction mode as it is installed: it refuses settings at the start."""
    with pgbouncer(database_url, "transaction") as url:
        yield url


@pytest.fixture
def kept(database_url: str) -> Iterator[str]:
    """The address of a pgbouncer in session mode that drops settings at the start without a word."""
    with pgbouncer(database_url, "session", ignore_startup_parameters="options") as url:
        yield url


def test_processes_share_sessions_and_keep_every_promise(
    database_url: str, shared: str, sql: Sql, tmp_path: Path
) -> None:
    sql(WITNESS)
    changes = {"DATABASE_DIRECT_URL": database_url, "ROUTER_POLL_INTERVAL": SELDOM, "ROUTER_ENABLED": "false"}
    with (
        web_process(shared, tmp_path / "web.log", configured=True, **changes) as web,
        worker_process(shared, tmp_path / "worker.log", **changes),
    ):
        assert web.post(entry("BEFORE"))[0] == 200
        wait_until(lambda: sql(LOGGED)[0]["n"] == 1, what="the verdict of a worker that was woken", seconds=3)
        # A server that restarts: sessions that were shared die, and so do those of listener and leader.
        sql(
            "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        wait_until(lambda: web.post(entry("AFTER"))[0] == 200, what="the web process to go on", seconds=5)
        wait_until(lambda: sql(LOGGED)[0]["n"] == 2, what="the worker to go on", seconds=5)

    seen = {(row["program"], row["statement_timeout"]) for row in sql("SELECT DISTINCT * FROM seen")}
    assert seen == {("execution-router-web", "1200ms"), ("execution-router-worker", "30s")}
    others = sql("SELECT DISTINCT synchronous_commit, silence, timezone FROM seen")
    assert others == [{"synchronous_commit": "on", "silence": "10s", "timezone": "UTC"}]


def test_a_shared_session_is_given_back_as_it_was(shared: str, sql: Sql) -> None:
    with closing(Database(shared, size=2, statement_timeout=0.2)) as one, closing(Database(shared)) as other:
        for _ in range(3):
            # What PostgreSQL would prepare for a session of ours.
            assert one.run("write_accounts", **EMPTY) == other.run("write_accounts", **EMPTY) == []
        with one.transaction() as transaction, one.transaction() as beside:
            assert beside.rows("write_accounts", **EMPTY) == []
            assert transaction.rows("write_accounts", **EMPTY) == []
        with pytest.raises(DatabaseUnavailable, match="statement timeout"), one.transaction() as transaction:
            transaction.script("SELECT pg_sleep(5)")
        with other.transaction() as transaction:
            transaction.script("SELECT pg_sleep(0.4)")
    with closing(connect(shared)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('statement_timeout'), (SELECT count(*) FROM pg_prepared_statements)")
        assert cursor.fetchone() == ("0", 0)


@pytest.mark.parametrize("in_turn", ["0", "1"])
def test_a_session_that_others_use_too_is_no_session(database_url: str, in_turn: str) -> None:
    with (
        pgbouncer(database_url, "transaction", server_round_robin=in_turn) as url,
        closing(Database(url, size=2)) as database,
    ):
        # Two sessions, which may be dealt out to two who ask in turn as if each had its own.
        with database.transaction() as one, database.transaction() as two:
            assert one.rows("ledger_identity") == two.rows("ledger_identity")
        with pytest.raises(SessionNotKept, match="set DATABASE_DIRECT_URL"):
            connect_for_long(url, name="test", statement_timeout=5.0)


def test_a_pooler_that_keeps_sessions_will_do_for_everything(database_url: str, kept: str, sql: Sql) -> None:
    heard = threading.Event()
    listener = EventListener(kept, on_event=lambda _: heard.set(), on_connect=lambda: None, logger=LOGGER)
    leader, next_one = (Leadership(kept, logger=LOGGER, idle=1.0) for _ in range(2))
    listener.start()
    try:
        assert [leader.is_leader(), next_one.is_leader()] == [True, False]
        wait_until(lambda: bool(sql("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%%'")), what="LISTEN")
        with closing(Database(kept)) as database, database.transaction() as transaction:
            transaction.script("SELECT pg_notify('router_events', 'x')")
        assert heard.wait(3)
        # A leader that is stopped: the server ends its session, although pgbouncer dropped what it asked for.
        wait_until(next_one.is_leader, what="the next leader", seconds=4)
    finally:
        listener.stop()
        leader.resign()
        next_one.resign()


def test_a_worker_does_not_start_where_nothing_would_wake_it(shared: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, str(REPOSITORY / "execution_router.py")],
        env={"DATABASE_URL": shared, "PYTHONPATH": str(REPOSITORY)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    assert "set DATABASE_DIRECT_URL to the address of PostgreSQL itself" in ended.stdout + ended.stderr


def test_a_web_process_does_not_start_either(make_app: MakeApp, shared: str) -> None:
    with pytest.raises(StartRefused, match="set DATABASE_DIRECT_URL"):
        make_app(DATABASE_URL=shared)


def test_both_addresses_have_to_be_of_one_database(
    make_app: MakeApp, shared: str, empty_database_url: str, database_url: str
) -> None:
    with pytest.raises(StartRefused, match="different databases"):
        make_app(DATABASE_URL=shared, DATABASE_DIRECT_URL=empty_database_url)
    make_app(DATABASE_URL=shared, DATABASE_DIRECT_URL=database_url)
