"""Socket.IO: what any process committed reaches the browser."""

from __future__ import annotations

import re
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import socketio

from tests.conftest import Sql
from tests.processes import Web, entry, exit_of, wait_until, web_process, worker_process


class Listener:
    """A Socket.IO client that keeps what it hears."""

    def __init__(
        self,
        url: str,
        transport: str = "websocket",
        auth: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._lock = threading.Lock()
        self.client = socketio.Client(reconnection=False)
        for name in ("signal_stored", "task_finished", "verdict"):
            self.client.on(name, self._keeper(name))
        self.client.connect(url, headers=headers or {}, transports=[transport], auth=auth, wait_timeout=5)

    def _keeper(self, name: str) -> Any:
        def keep(data: dict[str, Any]) -> None:
            with self._lock:
                self.heard.append((name, data))

        return keep

    def of(self, name: str) -> list[dict[str, Any]]:
        with self._lock:
            return [data for heard, data in self.heard if heard == name]


@pytest.mark.parametrize(("transport", "routed_by"), [("websocket", "a worker"), ("polling", "this process")])
def test_stored_finished_and_verdicts_are_heard(
    database_url: str, tmp_path: Path, transport: str, routed_by: str
) -> None:
    elsewhere = routed_by == "a worker"
    with web_process(
        database_url, tmp_path / "web.log", ROUTER_ENABLED=str(not elsewhere), FTMO_1_DAY_PL="-1000"
    ) as web:
        listener = Listener(web.url, transport)
        _, answer = web.post(entry("T1", contracts=1))
        if elsewhere:
            with worker_process(database_url, tmp_path / "worker.log", FTMO_1_DAY_PL="-1000"):
                wait_until(lambda: len(listener.of("verdict")) == 2, what="two verdicts")
        wait_until(lambda: len(listener.of("verdict")) == 2, what="two verdicts")
        # Told after its commit, so it may come behind what a quick router tells.
        wait_until(lambda: bool(listener.of("signal_stored")), what="the stored signal")
        [stored] = listener.of("signal_stored")
        [finished] = listener.of("task_finished")
        listener.client.disconnect()
    assert (stored["trade_id"], stored["lifecycle"], stored["task_id"]) == ("T1", "ENTRY", answer["task_id"])
    assert (finished["task_id"], finished["status"]) == (answer["task_id"], "SUCCESS")
    verdicts = {verdict["firm_code"]: verdict for verdict in listener.of("verdict")}
    assert verdicts["FTMO"]["approved"] is False
    assert verdicts["FTMO"]["blocked_by"] == ["MAX_DAILY_LOSS"]
    assert (verdicts["APEX"]["approved"], verdicts["APEX"]["contracts"]) == (True, 1)
    assert {verdict["task_id"] for verdict in verdicts.values()} == {answer["task_id"]}


def test_the_verdicts_of_many_accounts_do_not_fit_a_notification_and_are_heard_all_the_same(
    database_url: str, tmp_path: Path
) -> None:
    programs = ",".join(str(number) for number in range(1, 101))
    with web_process(database_url, tmp_path / "web.log", FTMO_PROGRAM_IDS=programs) as web:
        listener = Listener(web.url)
        web.post(entry("T1"))
        wait_until(lambda: len(listener.of("verdict")) == 101, what="a verdict per account")
        assert len(listener.of("task_finished")[0]["verdicts"]) == 101
        listener.client.disconnect()


def test_an_event_is_heard_after_its_fact_is_committed(database_url: str, sql: Sql, tmp_path: Path) -> None:
    with web_process(database_url, tmp_path / "web.log") as web:
        listener = Listener(web.url)
        for n in range(20):
            web.post(entry(f"T{n}"))
            web.post(exit_of(f"T{n}"))
        wait_until(lambda: len(listener.of("task_finished")) == 40, what="40 finished tasks")
        listener.client.disconnect()
    logged = {row["task_id"] for row in sql("SELECT task_id FROM execution_logs WHERE status = 'SUCCESS'")}
    assert {event["task_id"] for event in listener.of("task_finished")} == logged


def test_strangers_do_not_listen(database_url: str, tmp_path: Path) -> None:
    with web_process(database_url, tmp_path / "web.log", API_TOKEN="right") as web:
        proxied = socketio.Client(reconnection=False)
        with pytest.raises(socketio.exceptions.ConnectionError):
            proxied.connect(web.url, headers={"X-Forwarded-For": "203.0.113.9"}, wait_timeout=5)
        allowed = socketio.Client(reconnection=False)
        forwarded = {"X-Forwarded-For": "203.0.113.9"}
        allowed.connect(web.url, headers=forwarded, auth={"token": "right"}, wait_timeout=5)
        assert allowed.connected
        allowed.disconnect()


ADMIN, VIEWER = "correct-horse-battery", "look-do-not-touch"


def logged_in(web: Web, password: str) -> httpx.Client:
    """Return a browser that has logged in."""
    browser = httpx.Client(base_url=web.url)
    [token] = re.findall(r'name="csrf_token" value="([^"]+)"', browser.get("/login").text)
    answer = browser.post("/login", data={"csrf_token": token, "password": password, "name": "anna"})
    assert answer.status_code == 303
    return browser


def listen(web: Web, browser: httpx.Client, transport: str) -> Listener:
    return Listener(web.url, transport, headers={"Cookie": f"router={browser.cookies['router']}"})


def test_live_events_are_for_who_is_logged_in_and_end_with_the_login(
    database_url: str, sql: Sql, tmp_path: Path
) -> None:
    log = tmp_path / "web.log"
    with web_process(database_url, log, API_TOKEN="right", ADMIN_PASSWORD=ADMIN, VIEWER_PASSWORD=VIEWER) as web:
        with pytest.raises(socketio.exceptions.ConnectionError):
            Listener(web.url)
        with closing(logged_in(web, ADMIN)) as anna, closing(logged_in(web, VIEWER)) as ben:
            leaving = [listen(web, anna, "websocket"), listen(web, anna, "polling")]
            staying, bearer = listen(web, ben, "websocket"), Listener(web.url, auth={"token": "right"})
            sql("UPDATE web_logins SET ended_at = now() WHERE role = 'operator'")
            wait_until(lambda: not any(listener.client.connected for listener in leaving), what="an end", seconds=6)
            web.post(entry("T1"))
            for listener in (staying, bearer):
                wait_until(lambda heard=listener: len(heard.of("signal_stored")) == 1, what="an event")  # type: ignore[misc]
            assert [listener.of("signal_stored") for listener in leaving] == [[], []]
            with pytest.raises(socketio.exceptions.ConnectionError):
                listen(web, anna, "websocket")
            staying.client.disconnect()
            bearer.client.disconnect()
