"""Numbered changes: every committed event is counted, and whoever listens hears of it once, in order and in bundles."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask_socketio import SocketIOTestClient

from database.connection import Database
from database.signals import SignalStore
from signals.payload import parse_signal
from tests.integration.conftest import MakeApp
from tests.processes import entry, wait_until
from web.changes import NAMESPACE
from web_server import service_of

TOKEN = {"Authorization": "Bearer right-token"}


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app(API_TOKEN="right-token")


class Listener:
    """A page that keeps what it hears."""

    def __init__(self, app: Flask, **headers: str) -> None:
        self.client: SocketIOTestClient = service_of(app).socketio.test_client(
            app, namespace=NAMESPACE, headers=headers
        )
        self.heard: list[tuple[str, dict[str, Any]]] = []

    def listen(self) -> list[tuple[str, dict[str, Any]]]:
        self.heard += [(event["name"], event["args"][0]) for event in self.client.get_received(NAMESPACE)]
        return self.heard

    def changes(self) -> list[dict[str, Any]]:
        return [told for name, told in self.listen() if name == "changes"]


@pytest.fixture
def listener(app: Flask) -> Iterator[Listener]:
    made = Listener(app, **TOKEN)
    yield made
    made.client.disconnect(NAMESPACE)


def test_a_page_is_told_where_it_stands_and_then_every_change_without_a_gap(
    listener: Listener, app: Flask, database: Database
) -> None:
    # What was counted while the process started may be told at the same time.
    [hello] = [told for name, told in listener.listen() if name == "hello"]
    store = SignalStore(database)
    for number in range(20):
        # Another process than the one that tells.
        store.store(parse_signal(entry(f"T{number}")), source="test", raw_body="{}")
    wait_until(lambda: sum(told["number"] - told["after"] for told in listener.changes()) >= 40, what="20 verdicts")
    bundles = [told for told in listener.changes() if told["number"] >= hello["number"]]
    assert {told["boot"] for told in bundles} == {hello["boot"]}
    # A change that was counted just before the hello may be told after it: the first bundle then overlaps, with no gap.
    assert bundles[0]["after"] <= hello["number"] <= bundles[0]["number"]
    assert [told["after"] for told in bundles[1:]] == [told["number"] for told in bundles[:-1]]
    assert "signals" in {topic for told in bundles for topic in told["topics"]}
    # Bundles: far fewer than the events.
    assert len(bundles) < 20


def test_an_account_is_a_topic_of_its_own(listener: Listener, app: Flask) -> None:
    def told_alone() -> bool:
        # That listening began may be told in one bundle with it: then the next one is alone.
        with app.test_client() as client:
            client.post("/api/v1/accounts/APEX/1/state", json={"equity": float(next(equity))}, headers=TOKEN)
        time.sleep(0.3)
        return ["accounts"] in [told["topics"] for told in listener.changes()]

    equity = itertools.count(1)
    wait_until(told_alone, what="the change alone")


def test_a_stranger_is_told_nothing(app: Flask) -> None:
    assert not Listener(app).client.is_connected(NAMESPACE)
    assert not Listener(app, Authorization="Bearer wrong").client.is_connected(NAMESPACE)
    assert Listener(app, **TOKEN).client.is_connected(NAMESPACE)
