"""What is stored is told to other processes after its commit: together, at once after a quiet time, none forgotten."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from database.announcer import FLOOD_A_SECOND, LONGEST_GAP_SECONDS, Announcer, rest
from database.connection import Database, StatementRefused
from database.events import EventListener
from database.signals import SignalStore
from signals.live_signal import parse_live_signal
from signals.payload import parse_signal
from tests.conftest import Sql, administrator
from tests.integration.conftest import MakeApp
from tests.processes import entry, wait_until, web_process, worker_process
from web_server import service_of

LOGGER = logging.getLogger("announcer")


class Ear:
    """A listener of another process; it keeps what it hears, and does what ``then`` says with each event."""

    def __init__(self, url: str) -> None:
        self.heard: list[str] = []
        self.then: Callable[[str], None] = lambda _: None
        self.connected = threading.Event()
        self.listener = EventListener(url, on_event=self._hear, on_connect=self.connected.set, logger=LOGGER)

    def _hear(self, text: str) -> None:
        self.heard.append(text)
        self.then(text)


@pytest.fixture
def ear(database_url: str) -> Iterator[Ear]:
    ear = Ear(database_url)
    ear.listener.start()
    assert ear.connected.wait(10)
    yield ear
    ear.listener.stop()


@pytest.fixture
def announcer(database_url: str) -> Iterator[Announcer]:
    announcer = Announcer(database_url, logger=LOGGER, most=5)
    announcer.start()
    yield announcer
    announcer.stop()


def xids(sql: Sql) -> int:
    [row] = sql("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next")
    return int(row["next"])


def is_logged(sql: Sql, trade_id: str) -> bool:
    return bool(sql("SELECT id FROM execution_logs WHERE trade_id = %s", trade_id))


def test_an_event_is_handed_over_once_when_its_signal_is_committed_and_not_told_by_the_commit(
    database: Database, sql: Sql, ear: Ear, announcer: Announcer
) -> None:
    seen: list[tuple[str, int]] = []

    def announce(events: Sequence[str]) -> None:
        [row] = sql("SELECT count(*) AS n FROM automated_signals")
        seen.extend((orjson.loads(event)["event"], row["n"]) for event in events)

    store = SignalStore(database, announce)
    for body in (entry("T1"), entry("T1"), entry("T1", entry_price=16501.0), entry("T2")):
        store.store(parse_signal(body), source="test", raw_body="{}")
    live = parse_live_signal({"symbol": "NQ", "action": "buy", "price": 16500, "stop": 16475}, datetime.now(UTC))
    for _ in range(2):
        store.store_live(live, raw_body="{}")
    with pytest.raises(StatementRefused):
        store.store(parse_signal(entry("T3")), source="test", raw_body="{")
    assert seen == [("signal_stored", 1), ("signal_stored", 2), ("signal_stored", 3)]
    announcer.announce(["mark"])
    wait_until(lambda: "mark" in ear.heard, what="the mark")
    assert ear.heard == ["mark"]


def test_the_first_event_of_a_quiet_time_goes_at_once_and_a_burst_goes_together(
    database_url: str, sql: Sql, ear: Ear
) -> None:
    announcer = Announcer(database_url, logger=LOGGER)
    announcer.start()
    announcer.announce(["warm"])
    wait_until(lambda: ear.heard == ["warm"], what="the first connection")
    time.sleep(0.05)
    before, told = xids(sql), [f"e{n}" for n in range(400)]
    began = time.monotonic()
    for event in told:
        announcer.announce([event])
        time.sleep(0.0005)
    seconds = time.monotonic() - began
    wait_until(lambda: len(ear.heard) == 401, what="all events")
    time.sleep(0.05)
    began_to_stop = time.monotonic()
    announcer.stop()
    assert time.monotonic() - began_to_stop < 0.5
    assert ear.heard == ["warm", *told]
    assert xids(sql) - before <= seconds / LONGEST_GAP_SECONDS + 6


def test_a_burst_that_ends_right_after_a_notify_still_wakes_within_the_window(ear: Ear, announcer: Announcer) -> None:
    # Each event is announced in the moment in which the one before it was heard: between two transactions, always.
    links = 60
    ear.then = lambda text: announcer.announce([str(int(text) + 1)]) if int(text) < links else None
    began = time.monotonic()
    announcer.announce(["1"])
    wait_until(lambda: len(ear.heard) >= links, what="the last link", seconds=10)
    assert ear.heard == [str(number) for number in range(1, links + 1)]
    # A window, and what the listener lets gather, each with as much again for a loaded machine.
    assert time.monotonic() - began < links * 2 * (LONGEST_GAP_SECONDS + 0.02)


def test_no_burst_of_many_writers_is_forgotten_wherever_it_ends(database_url: str, ear: Ear) -> None:
    announcers = [Announcer(database_url, logger=LOGGER) for _ in range(3)]
    for announcer in announcers:
        announcer.start()
    told: list[str] = []

    def write(writer: int) -> None:
        for number in range(25):
            event = f"{burst}.{writer}.{number}"
            announcers[writer % 3].announce([event])
            told.append(event)
            time.sleep(random.random() * 0.001)

    with ThreadPoolExecutor(6) as threads:
        for burst in range(15):
            list(threads.map(write, range(6)))
            wait_until(lambda: len(ear.heard) == len(told), what=f"the end of burst {burst}", seconds=2)
    assert sorted(ear.heard) == sorted(told)
    for announcer in announcers:
        announcer.stop()


def test_what_gathered_is_told_before_the_process_ends(database_url: str, ear: Ear) -> None:
    announcer = Announcer(database_url, logger=LOGGER)
    announcer.announce(["before the start"])
    announcer.start()
    announcer.announce([f"e{n}" for n in range(50)])
    announcer.stop()
    announcer.stop()
    wait_until(lambda: len(ear.heard) == 51, what="what was told last", seconds=2)
    assert ear.heard[0] == "before the start"


def test_a_lost_connection_costs_no_event(sql: Sql, ear: Ear, announcer: Announcer) -> None:
    announcer.announce(["before"])
    wait_until(lambda: ear.heard == ["before"], what="the first event")
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'execution-router-announcer'")
    announcer.announce(["after"])
    wait_until(lambda: ear.heard == ["before", "after"], what="the event after the loss", seconds=2)


def test_with_the_database_away_the_newest_events_wait_and_the_oldest_are_dropped_with_a_word(
    postgres: Any, sql: Sql, ear: Ear, announcer: Announcer, caplog: pytest.LogCaptureFixture
) -> None:
    [row] = sql("SELECT current_database() AS name")
    with administrator(postgres.url) as cursor:
        # Who listens already goes on listening.
        cursor.execute(f"ALTER DATABASE {row['name']} ALLOW_CONNECTIONS false")
        announcer.announce(["0", "1", "2", "3"])
        wait_until(lambda: caplog.text.count("not told yet") == 1, what="the first failure")
        announcer.announce(["4", "5", "6", "7"])
        # From here on nobody announces anything: it has to go on trying by itself.
        wait_until(lambda: caplog.text.count("not told yet") == 2, what="the second failure")
        cursor.execute(f"ALTER DATABASE {row['name']} ALLOW_CONNECTIONS true")
    wait_until(lambda: len(ear.heard) == 5, what="the newest five")
    assert ear.heard == ["3", "4", "5", "6", "7"]
    assert "3 events were dropped untold" in caplog.text


def test_an_event_that_postgresql_refuses_holds_back_no_other(
    ear: Ear, announcer: Announcer, caplog: pytest.LogCaptureFixture
) -> None:
    announcer.announce(["one", "x" * 9000, "two"])
    wait_until(lambda: ear.heard == ["one", "two"], what="its neighbours")
    assert "cannot be told" in caplog.text


@pytest.mark.parametrize(("events", "seconds", "rested"), [(19, 0.05, 0.02), (20, 0.05, 0.02), (21, 0.05, 0.05)])
def test_only_a_flood_is_told_less_often(events: int, seconds: float, rested: float) -> None:
    """Two hundred signals a second, the most that has to be decided in time, are none."""
    assert FLOOD_A_SECOND == 400
    assert rest(events, seconds, 0.02) == rested


def test_a_web_process_that_ends_has_told_what_it_stored(ear: Ear, make_app: MakeApp) -> None:
    app = make_app(ROUTER_ENABLED="false")
    with app.test_client() as client:
        for number in range(20):
            assert client.post("/api/automated-signals/webhook", json=entry(f"T{number}")).status_code == 200
    service_of(app).stop()
    assert "announcer" not in {thread.name for thread in threading.enumerate()}
    wait_until(lambda: len(ear.heard) == 20, what="each signal", seconds=2)


def test_a_worker_hears_at_once_of_a_signal_at_the_web_process(database_url: str, sql: Sql, tmp_path: Path) -> None:
    with (
        web_process(database_url, tmp_path / "web.log", ROUTER_ENABLED="false") as web,
        worker_process(database_url, tmp_path / "worker.log", ROUTER_POLL_INTERVAL="60"),
    ):
        time.sleep(0.5)
        for number in range(3):
            web.post(entry(f"T{number}"))
            wait_until(partial(is_logged, sql, f"T{number}"), what="the verdict", seconds=2)
