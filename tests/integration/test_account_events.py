"""Changed accounts over NOTIFY: other processes' caches hear of them, and so does every page."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from flask_socketio import SocketIO, SocketIOTestClient

from account_engine.standing import StandingState
from config.settings import Settings
from database.connection import Database
from database.events import EventListener
from database.queue import EVENT_BYTES, event_text
from tests.integration.test_account_endpoints import APEX, SIGNED, UPDATE, Site, message
from tests.integration.test_account_tracker import KEY, Clock
from tests.processes import ROUTED, wait_until
from web.live import LiveFeed
from web.sessions import install_sessions


class Page:
    """A browser's Socket.IO connection to one process, and the process's feed."""

    def __init__(self, site: Site, url: str) -> None:
        app = Flask(__name__)
        install_sessions(app, site.keeper)
        self.socketio = SocketIO(app, async_mode="threading")
        settings = Settings.from_env({**ROUTED, "API_TOKEN": "right-token"})
        self.feed = LiveFeed(self.socketio, settings, lambda _: None, site.tracker)
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.app = app
        self.client: SocketIOTestClient | None = None
        self.listening = False
        self.listener = EventListener(
            url, on_event=self.feed.deliver, on_connect=self._connected, logger=logging.getLogger("test")
        )

    def _connected(self) -> None:
        self.listening = True

    def open(self) -> None:
        self.client = self.socketio.test_client(self.app, auth={"token": "right-token"})

    def of(self, name: str) -> list[dict[str, Any]]:
        if self.client is not None:
            self.heard += [(event["name"], event["args"][0]) for event in self.client.get_received()]
        return [data for heard, data in self.heard if heard == name]


@contextmanager
def page_of(site: Site, url: str, *, opened: bool = True) -> Iterator[Page]:
    page = Page(site, url)
    if opened:
        page.open()
    page.listener.start()
    wait_until(lambda: page.listening, what="the listener to listen")
    try:
        yield page
    finally:
        page.listener.stop()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_page_hears_the_standing_and_each_alert_once(database: Database, database_url: str, clock: Clock) -> None:
    site = Site(database, clock)
    with page_of(site, database_url) as page:
        site.told(UPDATE, message(0, 50000))
        site.told(UPDATE, message(1, 49400))
        site.told(UPDATE, message(2, 49300))
        site.told(UPDATE, message(3, 49900))
        wait_until(lambda: len(page.of("account_update")) == 4, what="four standings")
        updates, alerts, cleared = (page.of(name) for name in ("account_update", "alert", "alert_cleared"))
    assert [(row["version"], row["equity"], row["state"]) for row in updates] == [
        (1, 50000, "ACTIVE"),
        (2, 49400, "ACTIVE"),
        (3, 49300, "ACTIVE"),
        (4, 49900, "ACTIVE"),
    ]
    assert (updates[0]["firm_code"], updates[0]["program_id"]) == KEY
    assert [(row["firm_code"], row["rule"], row["mark"], row["value"]) for row in alerts] == [
        ("APEX", "DAILY_LOSS_USED", "50", 600)
    ]
    assert cleared == [{"firm_code": "APEX", "program_id": 1, "rule": "DAILY_LOSS_USED", "mark": "50"}]


def test_another_process_hears_of_a_change_while_no_page_is_open(
    database: Database, database_url: str, clock: Clock
) -> None:
    one, other = Site(database, clock), Site(database, clock)
    one.told(UPDATE, message(0, 50000))
    other.tracker.view(KEY)
    with page_of(other, database_url, opened=False):
        one.told(f"{APEX}/flags", {**SIGNED, "paused": True})
        wait_until(lambda: other.tracker.view(KEY).standing.state is StandingState.HALTED, what="the pause")
        one.told(UPDATE, message(1, 49000))
        wait_until(lambda: other.tracker.view(KEY).standing.equity == 49000, what="the new figures")


def test_what_a_person_orders_is_shown_with_the_standing_after_it(
    database: Database, database_url: str, clock: Clock
) -> None:
    site = Site(database, clock)
    site.told(UPDATE, message(0, 50000))
    with page_of(site, database_url) as page:
        site.told(f"{APEX}/flags", {**SIGNED, "halted": True})
        wait_until(lambda: len(page.of("account_update")) == 1, what="the standing")
        [update] = page.of("account_update")
    assert (update["state"], update["version"], update["equity"]) == ("HALTED", 2, 50000)


def test_a_standing_that_does_not_fit_is_looked_up(
    database: Database, database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("database.queue.EVENT_BYTES", 600)
    site = Site(database, clock)
    with page_of(site, database_url) as page:
        site.told(UPDATE, message(0, 50000))
        site.told(UPDATE, message(1, 49400))
        wait_until(lambda: len(page.of("alert")) == 1, what="the alert")
        updates = page.of("account_update")
    assert updates[-1]["equity"] == 49400


@pytest.mark.parametrize(("length", "fits"), [(EVENT_BYTES, True), (EVENT_BYTES + 1, False)])
def test_an_event_of_an_account_leaves_out_its_standing_where_it_is_too_long(length: int, fits: bool) -> None:
    event = {"event": "account_changed", "version": 7, "standing": {"reasons": [""]}, "raised": [{"mark": "50"}]}
    event["standing"] = {"reasons": ["x" * (length - len(event_text(event)))]}

    told = json.loads(event_text(event))

    assert len(event_text(event)) <= EVENT_BYTES
    assert told == event if fits else told == {**event, "standing": None}


def test_a_feed_without_accounts_lets_their_events_pass(database: Database, clock: Clock) -> None:
    feed = LiveFeed(SocketIO(async_mode="threading"), Settings.from_env(ROUTED), lambda _: None)
    feed.deliver('{"event": "account_changed", "firm_code": "APEX", "program_id": 1, "version": 1}')


def test_a_signal_that_only_mentions_the_word_is_none_of_an_account(
    database: Database, database_url: str, clock: Clock
) -> None:
    site = Site(database, clock)
    page = Page(site, database_url)
    text = json.dumps({"event": "signal_stored", "trade_id": "account_changed", "firm_code": "APEX"})
    page.feed.deliver(text)
    page.open()
    page.feed.deliver(text)
    assert [row["trade_id"] for row in page.of("signal_stored")] == ["account_changed"]
    assert page.of("account_update") == []
