"""Accounts over real processes: what one is told, the others show; what was told outlives them."""

from __future__ import annotations

import json
import signal
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import socketio

from tests.processes import Web, entry, wait_until, web_process

TOKEN = "only-for-this-test"
ACCOUNT = "/api/v1/accounts/FTMO/1"
ENVIRONMENT: dict[str, Any] = {
    "API_TOKEN": TOKEN,
    "FTMO_1_RULE_SET": "ftmo-2step-eval1-100k@2026-10-04",
    "FTMO_1_ACCOUNT_NAME": "FTMO-777",
}


def ask(web: Web, path: str, body: Any = None, token: str = TOKEN) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(web.url + path, headers={"Authorization": f"Bearer {token}"})
    if body is not None:
        request.data = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def told(equity: float, seconds: float = 0.0) -> dict[str, Any]:
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    return {
        "accountId": "FTMO-777",
        "timestamp": int(at.timestamp() * 1000),
        "cash_value": 100000,
        "net_liquidation": equity,
        "realized_pnl": 0,
        "unrealized_pnl": equity - 100000,
        "positions": [],
        "daily_pnl_history": {},
    }


def test_an_update_reaches_the_pages_and_the_decisions_of_every_process(database_url: str, tmp_path: Path) -> None:
    heard: list[tuple[str, dict[str, Any]]] = []
    lock = threading.Lock()

    def keeper(name: str) -> Any:
        def keep(data: dict[str, Any]) -> None:
            with lock:
                heard.append((name, data))

        return keep

    with (
        web_process(database_url, tmp_path / "one.log", ROUTER_ENABLED="false", **ENVIRONMENT) as one,
        web_process(database_url, tmp_path / "two.log", **ENVIRONMENT) as two,
    ):
        client = socketio.Client(reconnection=False)
        for name in ("account_update", "alert", "alert_cleared"):
            client.on(name, keeper(name))
        client.connect(two.url, transports=["websocket"], auth={"token": TOKEN}, wait_timeout=5)

        status, answer = ask(one, "/api/v1/ninjatrader/account-update", told(99400))
        assert (status, answer["status"]) == (200, "current")
        assert answer["standing"]["state"] == "ACTIVE"
        wait_until(
            lambda: (
                ("DAILY_LOSS_USED", "50") in {(told["rule"], told["mark"]) for name, told in heard if name == "alert"}
            ),
            what="the alert at half of the day's limit",
        )
        seen = ask(two, f"{ACCOUNT}/standing")[1]["standing"]
        assert (seen["equity"], seen["daily_room"], seen["floor"]) == (99400, 400, 90000)

        # The owner's own tighter limit of ROUTED, 1,000 dollars, is what pauses; the firm's is 5,000.
        assert ask(one, "/api/v1/ninjatrader/account-update", told(99000))[1]["status"] == "current"
        two.post(entry("T1"))
        wait_until(lambda: any(name == "alert" and data["mark"] == "90" for name, data in heard), what="the alerts")
        assert ask(two, f"{ACCOUNT}/standing")[1]["standing"]["state"] == "PAUSED_TO_RESET"
        client.disconnect()
        assert ask(one, f"{ACCOUNT}/standing", token="wrong")[0] == 200, "this machine itself may look"
        assert ask(one, f"{ACCOUNT}/state", {"equity": 1}, token="wrong")[0] == 401


def test_what_was_told_outlives_a_killed_process(database_url: str, tmp_path: Path) -> None:
    with web_process(database_url, tmp_path / "first.log", **ENVIRONMENT) as web:
        for number in range(20):
            ask(web, "/api/v1/ninjatrader/account-update", told(100000 + number, seconds=number / 1000))
        ask(web, f"{ACCOUNT}/flags", {"paused": True, "reason": "news", "set_by": "owner"})
        before = ask(web, f"{ACCOUNT}/standing")[1]["standing"]
        web.process.send_signal(signal.SIGKILL)
        web.process.wait()
    with web_process(database_url, tmp_path / "second.log", **ENVIRONMENT) as web:
        after = ask(web, f"{ACCOUNT}/standing")[1]["standing"]
    kept = ("state", "equity", "balance", "high_water_mark", "floor", "daily_floor", "reasons")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert (after["state"], after["equity"], after["high_water_mark"]) == ("HALTED", 100019, 100000)
