"""The webhook secret: three ways to give it, and nowhere to be found afterwards."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from config.logs import HumanLines
from config.settings import Settings
from tests.conftest import Sql
from tests.integration.conftest import MakeApp
from tests.processes import ROUTED, entry, post, web_process
from web_server import create_app

SECRET = 'canary-7"f3/ä'
WEBHOOK = "/api/automated-signals/webhook"


@pytest.mark.parametrize(
    ("path", "body_secret", "status"),
    [
        (WEBHOOK, SECRET, 200),
        (WEBHOOK + "?token=canary-7%22f3/%C3%A4", None, 200),
        (WEBHOOK + "/canary-7%22f3", None, 401),
        (WEBHOOK, None, 401),
        (WEBHOOK, "", 401),
        (WEBHOOK, SECRET[:-1], 401),
        (WEBHOOK, SECRET + "x", 401),
        (WEBHOOK, 7, 401),
        (WEBHOOK + "?token=wrong", SECRET, 401),
        ("/api/live-signals", None, 401),
        ("/api/realtime-price", None, 401),
        ("/api/realtime-price?token=wrong", None, 401),
    ],
)
def test_only_the_right_secret_opens_the_door(
    make_app: MakeApp, sql: Sql, path: str, body_secret: object, status: int
) -> None:
    client = make_app(ROUTER_ENABLED="false", WEBHOOK_SECRET=SECRET).test_client()
    body = entry("T1") if body_secret is None else entry("T1", secret=body_secret)
    answer = client.post(path, json=body)
    assert answer.status_code == status
    assert sql("SELECT count(*) AS n FROM automated_signals") == [{"n": 1 if status == 200 else 0}]


def test_a_path_token_opens_every_webhook(make_app: MakeApp) -> None:
    client = make_app(ROUTER_ENABLED="false", WEBHOOK_SECRET="open-sesame").test_client()
    legacy = {"symbol": "NQ", "bias": "long", "price": 100, "stop": 90}
    assert client.post(WEBHOOK + "/open-sesame", json=entry("T1")).status_code == 200
    assert client.post("/api/live-signals/open-sesame", json=legacy).status_code == 200
    assert client.post("/api/realtime-price/open-sesame", json={"symbol": "NQ", "price": 1}).status_code == 200


def test_the_secret_is_in_no_table_and_no_log(database_url: str, sql: Sql, tmp_path: Path) -> None:
    secret = "canary-5b1f"
    log = tmp_path / "web.log"
    with web_process(database_url, log, WEBHOOK_SECRET=secret, LOG_LEVEL="DEBUG") as web:
        good = entry("T1", secret=secret, note=f"my secret is {secret}", deep={"api_key": secret, "list": [secret]})
        assert web.post(good)[0] == 200
        assert web.post(entry("T2"), path=f"{WEBHOOK}/{secret}")[0] == 200
        assert web.post(entry("T3"), path=f"{WEBHOOK}?token={secret}")[0] == 200
        assert web.post(entry("T1", stop_loss=1, secret=secret))[0] == 409
        answers = [
            web.post(entry(secret, direction=secret, secret=secret)),
            web.post(f"not json {secret}".encode(), path=f"{WEBHOOK}?token={secret}"),
            web.post(b"x" * 3990 + secret.encode() + b"x" * 70_000, path=f"{WEBHOOK}/{secret}"),
            web.post({"event_type": "EXIT", "trade_id": "T1", "secret": secret + "x"}),
            post(f"{web.url}{WEBHOOK}/{secret}/more", {}),
        ]
        assert [status for status, _ in answers] == [400, 400, 413, 401, 404]
        assert secret not in json.dumps(answers)
    for table in ("automated_signals", "execution_tasks", "execution_logs", "refused_webhooks", "latest_prices"):
        assert secret not in str(sql(f"SELECT t::text FROM {table} t")), table
    assert secret not in log.read_text()
    assert sql("SELECT count(*) AS n FROM refused_webhooks") == [{"n": 5}]


def test_live_mode_refuses_to_start_without_a_secret(database_url: str) -> None:
    settings = Settings.from_env({**ROUTED, "DATABASE_URL": database_url, "EXECUTION_DRY_RUN": "false"})
    with pytest.raises(RuntimeError, match="WEBHOOK_SECRET is unset"):
        create_app(settings)


def test_a_log_line_masks_a_secret_wherever_it_stands() -> None:
    record = logging.makeLogRecord({"msg": "it is %s", "args": (SECRET,), "levelname": "INFO", "path": f"/{SECRET}"})
    line = HumanLines([SECRET]).format(record)
    assert SECRET not in line
    assert line.count("****") == 2
