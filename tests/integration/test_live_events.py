"""Socket.IO: what any process committed reaches the browser."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import socketio

from tests.conftest import Sql
from tests.processes import entry, exit_of, wait_until, web_process, worker_process


class Listener:
    """A Socket.IO client that keeps what it hears."""

    def __init__(self, url: str, transport: str = "websocket", auth: dict[str, str] | None = None) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._lock = threading.Lock()
        self.client = socketio.Client(reconnection=False)
        for name in ("signal_stored", "task_finished", "verdict"):
            self.client.on(name, self._keeper(name))
        self.client.connect(url, transports=[transport], auth=auth, wait_timeout=5)

    def _keeper(self, name: str) -> Any:
        def keep(data: dict[str, Any]) -> None:
            with self._lock:
                self.heard.append((name, data))

        return keep

    def of(self, name: str) -> list[dict[str, Any]]:
        with self._lock:
            return [data for heard, data in self.heard if heard == name]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("routed_by", ["this process", "a worker"])
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
