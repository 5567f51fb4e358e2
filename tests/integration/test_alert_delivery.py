"""Alerts from the fact to a channel that is a real HTTP server: told once, at least, and never at an order's cost."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from alerts.channels import channels_of
from alerts.delivery import Delivery
from alerts.evaluator import Evaluator
from config.settings import Settings
from database.alert_outbox import AlertOutbox
from database.connection import Database
from database.observations import MOST_LISTED
from domain.day_span import day_span
from tests.conftest import Sql, repository
from tests.integration.conftest import MakeApp
from tests.processes import entry, wait_until

LOGGER = logging.getLogger("alerts.test")
CANARY = "canary-token-of-a-channel"
NIGHT = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)
DAY = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


class Channel:
    """A channel that keeps what it was sent; ``status`` is its answer, ``hangs`` lets it never come."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.status = 200
        self.hangs = False
        self.asked = threading.Event()
        self.released = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.set()
                if outer.hangs:
                    outer.released.wait(30)
                if outer.status == 200:
                    outer.messages.append(body)
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=lambda: self.server.serve_forever(poll_interval=0.01), daemon=True)
        self.thread.start()

    @property
    def address(self) -> str:
        return f"json://user:{CANARY}@127.0.0.1:{self.server.server_address[1]}/{CANARY}?rto=60"

    def titles(self) -> list[str]:
        return [message["title"] for message in self.messages]

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@contextmanager
def channel() -> Iterator[Channel]:
    made = Channel()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def phone() -> Iterator[Channel]:
    with channel() as made:
        yield made


class Watch:
    """Evaluation and delivery by hand, with a clock that is set."""

    def __init__(self, database: Database, *addresses: str, now: datetime = DAY, settled: float = 0.0) -> None:
        settings = Settings.from_env({"ALERT_URLS": " ".join(addresses)})
        self.outbox = AlertOutbox(database)
        self.channels = channels_of(settings.alert_urls or (), LOGGER)
        self.evaluator = Evaluator(settings, self.outbox, tell=bool(self.channels), logger=LOGGER, settled=settled)
        self.seconds = 0.0
        self.now = now
        self.delivery = Delivery(
            self.outbox,
            self.channels,
            quiet=day_span("22:00-07:00 America/New_York"),
            logger=LOGGER,
            now=lambda: self.now,
            clock=lambda: self.seconds,
            gather=0.0,
        )

    def round(self, *, later: float = 0.0) -> None:
        self.seconds += later
        self.evaluator.evaluate()
        for each in self.channels:
            self.delivery.deliver(each)


@pytest.fixture
def watch(database: Database, phone: Channel) -> Watch:
    return Watch(database, phone.address)


def fail_tasks(sql: Sql, *trades: str) -> None:
    for trade in trades:
        sql(
            "INSERT INTO execution_tasks (trade_id, event_type, status, attempts, last_error, finished_at)"
            " VALUES (%s, 'ENTRY', 'FAILED', 5, 'ValueError: odd', now())",
            trade,
        )


def silence_a_process(sql: Sql) -> None:
    sql(
        "INSERT INTO router_heartbeats (process, kind, routes, dry_run, armed, started_at, beat_at) VALUES"
        " ('a', 'WORKER', true, true, '{}', now(), now()),"
        " ('b', 'WORKER', true, true, '{}', now(), now() - interval '1 min')"
    )


def test_a_fact_is_told_once_and_its_end_too(watch: Watch, phone: Channel, sql: Sql) -> None:
    watch.round()
    assert phone.messages == []
    fail_tasks(sql, "T1", "T2", "T3")
    watch.round()
    watch.round(later=100)
    assert phone.titles() == ["Execution router: 3 critical"]
    assert "trade T2, was given up: ValueError: odd" in phone.messages[0]["message"]
    assert "docs/operations.md#task-failed" in phone.messages[0]["message"]
    sql("UPDATE execution_tasks SET dealt_with_at = now()")
    watch.round()
    assert phone.titles()[1:] == ["Execution router: 3 resolved"]
    assert sql("SELECT id FROM service_alerts WHERE resolved_at IS NULL") == []


def test_a_storm_that_goes_on_rests_between_messages(watch: Watch, phone: Channel, sql: Sql) -> None:
    fail_tasks(sql, "T0")
    watch.round()
    for number in range(1, 6):
        fail_tasks(sql, f"T{number}")
        watch.round(later=5)
    assert len(phone.messages) == 1
    watch.round(later=60)
    assert phone.titles() == ["Execution router: 1 critical", "Execution router: 5 critical"]


def test_what_flickers_stays_one_alert(database: Database, phone: Channel, sql: Sql) -> None:
    watch = Watch(database, phone.address, settled=60.0)
    fail_tasks(sql, "T1")
    watch.round()
    sql("UPDATE execution_tasks SET dealt_with_at = now()")
    watch.round(later=100)
    sql("UPDATE execution_tasks SET dealt_with_at = NULL")
    watch.round(later=100)
    assert len(sql("SELECT id FROM service_alerts")) == len(phone.messages) == 1


def test_nothing_is_told_before_the_fact_is_committed(watch: Watch, phone: Channel, database: Database) -> None:
    with database.transaction() as other:
        gone = {"process": "gone", "kind": "WEB", "started_at": datetime.now(UTC), "stages": "{}"}
        other.rows("beat", **gone, routes=False, dry_run=True, armed=[])
        watch.round()
        assert phone.messages == []
    watch.round()
    assert phone.titles() == ["Execution router: 1 critical"]


def test_what_falls_off_a_full_list_is_not_told_as_resolved(watch: Watch, phone: Channel, sql: Sql) -> None:
    sql(
        "INSERT INTO execution_tasks (trade_id, event_type, status, attempts, last_error, created_at, finished_at)"
        " SELECT 'T' || n, 'ENTRY', 'FAILED', 5, 'odd', now() - interval '1 h', now() FROM generate_series(1, %s) n",
        MOST_LISTED,
    )
    watch.round()
    fail_tasks(sql, "NEWER")
    watch.round(later=100)
    assert phone.titles() == [f"Execution router: {MOST_LISTED} critical", "Execution router: 1 critical"]


def test_an_evaluation_that_fails_leaves_nothing(watch: Watch, sql: Sql) -> None:
    fail_tasks(sql, "T1")
    sql("ALTER TABLE alert_outbox ADD CONSTRAINT never CHECK (kind <> 'RAISED')")
    with pytest.raises(Exception, match="never"):
        watch.round()
    assert sql("SELECT id FROM service_alerts") == []


def test_a_channel_that_refuses_is_tried_again_and_the_other_is_not_told_twice(
    database: Database, phone: Channel, sql: Sql
) -> None:
    with channel() as dead:
        dead.status = 500
        watch = Watch(database, dead.address, phone.address)
        fail_tasks(sql, "T1")
        watch.round()
        watch.round(later=4)
        assert (len(dead.messages), len(phone.messages)) == (0, 1)
        assert sql("SELECT attempts, last_error, delivered_at FROM alert_outbox") == [
            {"attempts": 2, "last_error": "json#1 did not take the message", "delivered_at": None}
        ]
        watch.round(later=100)
        assert len(phone.messages) == 1
        dead.status = 200
        watch.round(later=100)
        watch.round(later=100)
        assert (len(dead.messages), len(phone.messages)) == (1, 1)
    assert sql("SELECT id FROM alert_outbox WHERE delivered_at IS NULL") == []


def test_in_quiet_hours_warnings_wait_and_critical_alerts_go(database: Database, phone: Channel, sql: Sql) -> None:
    watch = Watch(database, phone.address, now=NIGHT)
    silence_a_process(sql)
    sql("INSERT INTO execution_tasks (trade_id, event_type, created_at) VALUES ('T', 'EXIT', now() - interval '9 s')")
    watch.round()
    watch.round(later=100)
    assert phone.titles() == ["Execution router: 1 critical"]
    watch.now = DAY
    watch.round(later=100)
    assert phone.titles()[1:] == ["Execution router: 1 warning"]


def test_without_a_channel_nothing_piles_up(database: Database, sql: Sql) -> None:
    watch = Watch(database)
    fail_tasks(sql, "T1")
    watch.round()
    assert len(sql("SELECT id FROM service_alerts")) == 1
    assert sql("SELECT id FROM alert_outbox") == []


def test_a_channel_that_hangs_delays_no_signal(
    make_app: MakeApp, phone: Channel, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    phone.hangs = True
    caplog.set_level(logging.DEBUG)
    fail_tasks(sql, "LOST")
    client = make_app(ALERT_URLS=phone.address).test_client()
    assert phone.asked.wait(20), "the channel to be asked"
    began = time.monotonic()
    assert client.post("/api/automated-signals/webhook", json=entry("T1")).status_code == 200
    look = "SELECT id FROM execution_logs WHERE trade_id = 'T1'"
    wait_until(lambda: bool(sql(look)), what="the signal to be decided")
    assert time.monotonic() - began < 2.0
    assert client.get("/readyz").status_code == 200
    assert phone.messages == []
    written = json.dumps(sql("SELECT * FROM service_alerts, alert_outbox"), default=str)
    assert CANARY not in written + caplog.text + client.get("/health").get_data(as_text=True)


def test_the_test_command_says_who_took_it(phone: Channel) -> None:
    environment = {"ALERT_URLS": f"{phone.address} nonsense://x", "PYTHONPATH": str(repository())}
    done = subprocess.run(
        [sys.executable, "-m", "alerts", "test"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "json#1 took the message" in done.stdout
    assert "channel nonsense#2 cannot be read" in done.stdout
    assert phone.titles() == ["Execution router: test"]
    assert CANARY not in done.stdout + done.stderr
