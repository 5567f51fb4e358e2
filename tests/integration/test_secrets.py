"""The webhook secret: three ways to give it, and nowhere to be found afterwards."""

from __future__ import annotations

import hmac
import json
import logging
import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import socketio

from config.logs import HumanLines
from config.settings import Settings
from tests.conftest import Sql
from tests.integration.conftest import MakeApp
from tests.integration.test_alert_delivery import CANARY, Channel
from tests.processes import ROUTED, Web, entry, post, wait_until, web_process
from web_server import create_app, service_of

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


CANARIES = {
    "WEBHOOK_SECRET": "canary-hook-1a2b",
    "WEBHOOK_SECRET_NEW": "canary-hook-new-3c4d",
    "WEBHOOK_SIGNING_KEY": "canary-signing-5e6f",
    "API_TOKEN": "canary-api-7a8b",
    "API_VIEWER_TOKEN": "canary-viewer-token-9c0d",
    "ADMIN_PASSWORD": "canary-admin-password-1e2f",
    "VIEWER_PASSWORD": "canary-viewer-password-3a4b",
    "SECRET_KEY": "canary-secret-key-5c6d7e8f9a0b1c2d3e4f5a6b7c8d",
    "APEX_API_PASSWORD": "canary-venue-password-7e8f",
    "APEX_API_SECRET": "canary-venue-secret-9a0b",
    "APEX_API_KEY": "canary-venue-key-1c2d",
    "APEX_API_TOKEN": "canary-venue-token-3e4f",
}
DATABASE_PASSWORD = "canary-database-5a6b"
# What nobody configured, shown where a secret is expected: it is somebody's all the same.
SHOWN = "canary-shown-7c8d"


class Visitor:
    """A browser, a sender and an owner in one; keeps every answer."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        self.answers: list[tuple[str, int, str]] = []

    def ask(self, path: str, data: bytes | None = None, **headers: str) -> str:
        named = {"Accept": "text/html,*/*"} | {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self._web.url + path, data, named)
        try:
            with self._opener.open(request, timeout=20) as answer:
                status, text = answer.status, f"{answer.headers}{answer.read().decode(errors='replace')}"
        except urllib.error.HTTPError as error:
            with error:
                status, text = error.code, f"{error.headers}{error.read().decode(errors='replace')}"
        self.answers.append((path, status, text))
        return text

    def log_in(self, password: str) -> None:
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.ask("/login"))
        assert token is not None
        form = {"csrf_token": token[1], "password": password, "name": "anna", "next": "/"}
        self.ask("/login", urllib.parse.urlencode(form).encode())


def show_everywhere(visitor: Visitor, secret: str, number: int) -> None:
    """Give a secret in each place where one could stand, wherever it is right and wherever it is wrong."""
    told = {"note": f"it is {secret}", "strategy": secret, "deep": {"api_key": secret, "list": [secret, {secret: 1}]}}
    bodies = [
        entry(f"T{number}", secret=secret, **told),
        entry(f"U{number}", **told),
        entry(secret, direction=secret, symbol=secret),
        {"event_type": secret, secret: secret},
    ]
    for body in bodies:
        data = json.dumps(body).encode()
        signed = hmac.new(secret.encode(), b"1763740000." + data, "sha256").hexdigest()
        visitor.ask(WEBHOOK, data)
        visitor.ask(f"{WEBHOOK}/{secret}", data, X_Webhook_Signature=f"t=1763740000,v1={signed}")
        visitor.ask(f"{WEBHOOK}?token={secret}", data, X_Webhook_Signature=secret)
        visitor.ask("/api/v1/accounts/APEX/1/state", data, Authorization=f"Bearer {secret}")
    visitor.ask(f"/api/live-signals/{secret}", f"not json {secret}".encode())
    visitor.ask(f"/api/realtime-price?token={secret}", json.dumps({"symbol": secret, "price": secret}).encode())
    visitor.ask(f"{WEBHOOK}/{secret}/more", b"{}")
    visitor.ask(f"/{secret}?q={secret}", Cookie=f"session={secret}", Referer=f"http://x/{secret}", User_Agent=secret)


def seen_in(text: str) -> set[str]:
    return {value for value in (*CANARIES.values(), DATABASE_PASSWORD) if value in text}


def test_no_secret_is_found_anywhere(database_url: str, sql: Sql, make_app: MakeApp, tmp_path: Path) -> None:
    """Shown everywhere, a secret is found nowhere: logs in both forms, answers, pages, tables, events, alerts.

    Excepted are what a sender wrote himself and nobody configured (SHOWN), in the copy of his own body.
    """
    app = make_app(ROUTER_ENABLED="false")
    # It would lead, and has nobody to tell of alerts.
    service_of(app).stop()
    pages = sorted(
        {rule.rule for rule in app.url_map.iter_rules() if not rule.arguments and "GET" in (rule.methods or ())}
    )
    address = database_url.replace("postgres:@", f"postgres:{DATABASE_PASSWORD}@")
    phone, heard, visitors = Channel(), list[str](), list[Visitor]()
    logs = {form: tmp_path / f"{form}.log" for form in ("human", "json")}
    for number, (form, log) in enumerate(logs.items()):
        environ: dict[str, Any] = {**CANARIES, "LOG_FORMAT": form, "LOG_LEVEL": "DEBUG", "ALERT_URLS": phone.address}
        with web_process(address, log, **environ, ROUTER_ENABLED=str(form == "json")) as web:
            visitor = Visitor(web)
            visitors.append(visitor)
            client = socketio.Client(reconnection=False)
            client.on("*", lambda event, *data: heard.append(f"{event} {data}"))
            client.connect(web.url, transports=["websocket"], auth={"token": CANARIES["API_TOKEN"]}, wait_timeout=10)
            for each, secret in enumerate((*CANARIES.values(), DATABASE_PASSWORD, CANARY, SHOWN)):
                show_everywhere(visitor, secret, 100 * number + each)
            for password in (SHOWN, CANARIES["VIEWER_PASSWORD"], CANARIES["ADMIN_PASSWORD"]):
                visitor.log_in(password)
            for page in pages:
                visitor.ask(page, Authorization=f"Bearer {CANARIES['API_TOKEN']}")
            wait_until(lambda: bool(heard), what="an event")
            wait_until(lambda: bool(phone.messages), what="an alert", seconds=30)
            client.disconnect()
    phone.close()

    for visitor in visitors:
        assert {path: seen_in(text) for path, _, text in visitor.answers if seen_in(text) or CANARY in text} == {}
        assert {200, 303, 400, 401, 404} & {status for _, status, _ in visitor.answers} >= {200, 400, 401, 404}
    for told in (*(log.read_text() for log in logs.values()), str(heard), str(phone.messages)):
        assert seen_in(told) == set()
        assert CANARY not in told
        assert SHOWN not in told
    tables = sql(
        "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables"
        " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
    )
    assert len(tables) > 30
    found = {table["name"]: seen_in(str(sql(f"SELECT t::text FROM {table['name']} t"))) for table in tables}
    assert {name: values for name, values in found.items() if values} == {}
