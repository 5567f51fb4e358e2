"""Who may post, how old a signal may be, and how many may come; and that exits get through."""

from __future__ import annotations

import hmac
import json
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from config.webhook_keys import digest_of
from tests.conftest import Sql
from tests.integration.conftest import MakeApp
from tests.processes import entry, exit_of
from web.webhook_doors import SIGNATURE

WEBHOOK = "/api/automated-signals/webhook"
LIVE_SIGNALS = "/api/live-signals"
TRADINGVIEW = "52.89.214.238"
AGES = {"WEBHOOK_ENTRY_MAX_AGE": "60", "WEBHOOK_EXIT_MAX_AGE": "3600"}


@pytest.fixture
def make_client(make_app: MakeApp) -> Any:
    def make(**environment: str) -> FlaskClient:
        return make_app(ROUTER_ENABLED="false", **environment).test_client()

    return make


def outcome(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json.get("code", answer.json["status"])


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


def signed(body: bytes, key: str, at: float | None = None) -> dict[str, str]:
    moment = int(time.time() if at is None else at)
    digest = hmac.new(key.encode(), f"{moment}.".encode() + body, "sha256").hexdigest()
    return {SIGNATURE: f"t={moment},v1={digest}"}


def test_each_of_several_secrets_opens_until_its_end(make_client: Any, sql: Sql) -> None:
    client = make_client(
        WEBHOOK_SECRET="first-one",
        WEBHOOK_SECRET_NEW="second-one",
        WEBHOOK_SECRET_OLD="old-one",
        WEBHOOK_SECRET_OLD_EXPIRES="2026-01-01",
        WEBHOOK_SECRET_HIDDEN="sha256:" + digest_of("hidden-one").hex(),
        WEBHOOK_SECRET_LONG="old-one-too",
        WEBHOOK_SECRET_LONG_EXPIRES="2199-01-01T00:00:00Z",
    )
    for number, secret in enumerate(("first-one", "second-one", "hidden-one", "old-one-too")):
        for way, answer in (
            ("path", client.post(f"{WEBHOOK}/{secret}", json=entry(f"P{number}"))),
            ("query", client.post(f"{WEBHOOK}?token={secret}", json=entry(f"Q{number}"))),
            ("body", client.post(WEBHOOK, json=entry(f"B{number}", secret=secret))),
        ):
            assert outcome(answer) == (200, "accepted"), (secret, way)
    for path, body in ((f"{WEBHOOK}/old-one", exit_of("P1")), (WEBHOOK, exit_of("P1", secret="old-one"))):
        answer = client.post(path, json=body)
        assert outcome(answer) == (401, "ended_secret")
        assert "OLD ended at 2026-01-02" in answer.json["message"]
    digest = digest_of("hidden-one").hex()
    assert outcome(client.post(f"{WEBHOOK}/sha256:{digest}", json=entry("X"))) == (401, "wrong_secret")
    assert outcome(client.post(f"{WEBHOOK}/{digest}", json=entry("X"))) == (401, "wrong_secret")
    # What the settings have as a digest alone is known as it is once it was shown, and then masked everywhere.
    client.post(f"{WEBHOOK}/hidden-one", json=entry("Y1", note="it is hidden-one"))
    client.post(f"{WEBHOOK}/hidden-one", json={"event_type": "hidden-one"})
    for table in ("automated_signals", "refused_webhooks"):
        assert "hidden-one" not in str(sql(f"SELECT t::text FROM {table} t"))


def test_a_signature_opens_too_and_covers_body_and_time(make_client: Any) -> None:
    client = make_client(WEBHOOK_SECRET="first-one", WEBHOOK_SIGNING_KEY="key-one", WEBHOOK_SIGNING_KEY_OLD="key-two")
    now = time.time()

    def send(body: dict[str, Any], headers: dict[str, str], path: str = WEBHOOK) -> tuple[int, str]:
        return outcome(client.post(path, data=json.dumps(body).encode(), headers=headers))

    body, other = entry("T1"), entry("T2")
    raw = json.dumps(body).encode()
    assert send(body, signed(raw, "key-one")) == (200, "accepted")
    assert send(body, signed(raw, "key-two", now - 290)) == (200, "duplicate")
    assert send(body, signed(raw, "key-one"), f"{WEBHOOK}/first-one") == (200, "duplicate")
    assert send(body, {}, f"{WEBHOOK}/first-one") == (200, "duplicate")
    wrong = (401, "wrong_signature")
    assert send(other, signed(raw, "key-one")) == wrong
    assert send(body, signed(raw, "key-three")) == wrong
    assert send(body, signed(raw, "first-one")) == wrong
    assert send(body, signed(raw, "key-one", now - 310)) == wrong
    assert send(body, signed(raw, "key-one", now + 310)) == wrong
    assert send(body, {SIGNATURE: signed(raw, "key-one")[SIGNATURE].replace("t=", "t=1")}) == wrong
    for text in ("", "v1=0", f"t={int(now)}", signed(raw, "key-one")[SIGNATURE].upper()):
        assert send(body, {SIGNATURE: text}) == wrong
    # A right signature does not make up for a wrong secret, nor a right secret for a wrong signature.
    assert send(body, signed(raw, "key-one"), f"{WEBHOOK}/wrong") == (401, "wrong_secret")
    assert send(body, signed(raw, "key-three"), f"{WEBHOOK}/first-one") == wrong
    assert send(body, {}) == (401, "wrong_secret")


def test_with_a_signing_key_alone_an_unsigned_body_is_refused(make_client: Any) -> None:
    client = make_client(WEBHOOK_SIGNING_KEY="key-one")
    answer = client.post(WEBHOOK, json=entry("T1"))
    assert outcome(answer) == (401, "wrong_secret")
    assert SIGNATURE in answer.json["message"]
    assert outcome(client.post(f"{WEBHOOK}/key-one", json=entry("T1"))) == (401, "wrong_secret")


@pytest.mark.parametrize(
    ("proxies", "cases"),
    [
        (
            "0",
            [
                (TRADINGVIEW, None, True),
                ("198.51.100.7", None, True),
                ("203.0.113.9", None, False),
                ("203.0.113.9", TRADINGVIEW, False),
                ("127.0.0.1", None, False),
            ],
        ),
        (
            "1",
            [
                ("10.0.0.9", TRADINGVIEW, True),
                ("10.0.0.9", f"203.0.113.9, {TRADINGVIEW}", True),
                ("10.0.0.9", f"{TRADINGVIEW}, 203.0.113.9", False),
                ("10.0.0.9", None, False),
                (TRADINGVIEW, None, False),
            ],
        ),
        ("2", [("10.0.0.9", f"{TRADINGVIEW}, 10.0.0.8", True), ("10.0.0.9", TRADINGVIEW, False)]),
    ],
)
def test_only_the_addresses_that_are_allowed_may_post(
    make_client: Any, sql: Sql, proxies: str, cases: list[tuple[str, str | None, bool]]
) -> None:
    client = make_client(
        WEBHOOK_SECRET="s", TRUSTED_PROXIES=proxies, WEBHOOK_ALLOW="tradingview,198.51.100.0/24", API_TOKEN="t"
    )
    for number, (remote, chain, allowed) in enumerate(cases):
        headers = {} if chain is None else {"X-Forwarded-For": chain}
        answer = client.post(
            f"{WEBHOOK}/s", json=entry(f"T{number}"), headers=headers, environ_base={"REMOTE_ADDR": remote}
        )
        assert outcome(answer) == ((200, "accepted") if allowed else (403, "address_not_allowed")), (remote, chain)
    refused = sum(not allowed for _, _, allowed in cases)
    assert sql("SELECT count(*) AS n FROM refused_webhooks WHERE code = 'address_not_allowed'") == [{"n": refused}]
    # The list is of the webhooks alone.
    assert client.get("/api/v1/accounts", headers={"Authorization": "Bearer t"}).status_code == 200


@pytest.mark.parametrize(
    ("environment", "cases"),
    [
        (
            AGES,
            [
                (entry("T1"), 55, 200),
                (entry("T2"), 65, "alert_too_old"),
                (entry("T3"), -55, 200),
                (entry("T4"), -65, "alert_time_ahead"),
                (entry("T5"), None, "alert_time_missing"),
                (exit_of("T1"), 3590, 200),
                (exit_of("T2"), 3610, "alert_too_old"),
                (exit_of("T3"), -65, "alert_time_ahead"),
                (exit_of("T4"), None, 200),
                ({"event_type": "MFE_UPDATE", "trade_id": "T1", "be_mfe": 1}, 9999, 200),
            ],
        ),
        (
            {},
            [
                (entry("T1"), 99999, 200),
                (entry("T2"), None, 200),
                (entry("T3"), -65, "alert_time_ahead"),
                (exit_of("T1"), 99999999, 200),
                (exit_of("T2"), -99999, 200),
                (exit_of("T3"), None, 200),
            ],
        ),
    ],
)
def test_entries_that_come_late_are_refused_and_exits_get_through(
    make_client: Any, sql: Sql, environment: dict[str, str], cases: list[tuple[dict[str, Any], float | None, int | str]]
) -> None:
    client = make_client(**environment)
    for body, age, expected in cases:
        sent = body if age is None else {**body, "alert_time": ago(age)}
        answer = client.post(WEBHOOK, json=sent)
        assert outcome(answer) == ((200, "accepted") if expected == 200 else (400, expected)), (body, age)
        if expected != 200:
            assert answer.json["field"] == "alert_time"
    refused = [row["code"] for row in sql("SELECT code FROM refused_webhooks ORDER BY id")]
    assert refused == [expected for _, _, expected in cases if expected != 200]


def test_the_older_body_has_the_same_limits(make_client: Any) -> None:
    client = make_client(WEBHOOK_STRATEGY_RATE="1", **AGES)
    body = {"symbol": "NQ", "bias": "long", "price": 100, "stop": 90}
    assert outcome(client.post(LIVE_SIGNALS, json={**body, "time": ago(70)})) == (400, "alert_too_old")
    assert outcome(client.post(LIVE_SIGNALS, json={**body, "time": ago(1)})) == (200, "accepted")
    assert outcome(client.post(LIVE_SIGNALS, json={**body, "price": 101, "time": ago(1)})) == (429, "too_many")


def test_a_strategy_that_runs_wild_is_held_and_its_exits_are_not(make_client: Any, sql: Sql) -> None:
    client = make_client(WEBHOOK_SECRET="one", WEBHOOK_SECRET_B="two", WEBHOOK_STRATEGY_RATE="3")
    sent = [client.post(f"{WEBHOOK}/one", json=entry(f"T{n}")) for n in range(5)]
    assert [answer.status_code for answer in sent] == [200, 200, 200, 429, 429]
    assert outcome(sent[4]) == (429, "too_many")
    assert 1 <= int(sent[4].headers["Retry-After"]) <= 60
    for body in (exit_of("T0"), exit_of("T1"), {"event_type": "EXIT_TP", "trade_id": "T2"}):
        assert outcome(client.post(f"{WEBHOOK}/one", json=body)) == (200, "accepted")
    # Another secret is another strategy, and so is another name.
    assert client.post(f"{WEBHOOK}/two", json=entry("U1")).status_code == 200
    assert client.post(f"{WEBHOOK}/one", json=entry("V1", strategy="breakout")).status_code == 200
    assert client.post(f"{WEBHOOK}/one", json=entry("T9", strategy=7)).status_code == 429
    assert sql("SELECT DISTINCT code, status_code FROM refused_webhooks") == [{"code": "too_many", "status_code": 429}]


def test_a_source_that_sends_too_much_is_held_and_its_exits_are_not(make_client: Any) -> None:
    client = make_client(WEBHOOK_SOURCE_RATE="2", TRUSTED_PROXIES="1")

    def send(body: dict[str, Any], chain: str, path: str = WEBHOOK) -> int:
        return int(client.post(path, json=body, headers={"X-Forwarded-For": chain}).status_code)

    price = {"symbol": "NQ", "price": 1}
    assert send(entry("T1"), TRADINGVIEW) == 200
    assert send(price, TRADINGVIEW, "/api/realtime-price") == 200
    assert send(entry("T2"), f"1.2.3.4, {TRADINGVIEW}") == 429
    assert send(price, TRADINGVIEW, "/api/realtime-price") == 429
    assert send(exit_of("T1"), TRADINGVIEW) == 200
    assert send(entry("T2"), "203.0.113.9") == 200


def test_who_guesses_is_told_to_wait_and_fills_no_table_and_the_owner_gets_through(
    make_client: Any, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    client = make_client(WEBHOOK_SECRET="right-one")
    with caplog.at_level(logging.WARNING):
        statuses = [client.post(f"{WEBHOOK}/guess-{n}", json=entry("T1")).status_code for n in range(140)]
    assert (statuses[:30], set(statuses[30:])) == ([401] * 30, {429})
    assert "Retry-After" in client.post(WEBHOOK, data=b"not json").headers
    assert client.post(f"{WEBHOOK}/right-one", json=entry("T1")).status_code == 200
    assert client.post(WEBHOOK, json=exit_of("T1", secret="right-one")).status_code == 200
    # The owner's own refusals are kept all the same.
    assert client.post(f"{WEBHOOK}/right-one", json={}).status_code == 400
    kept = sql("SELECT code, count(*) AS n FROM refused_webhooks GROUP BY code ORDER BY code")
    assert kept == [
        {"code": "invalid_signal", "n": 1},
        {"code": "too_many_wrong", "n": 90},
        {"code": "wrong_secret", "n": 30},
    ]
    assert sum(record.__dict__.get("event") == "webhook_refused" for record in caplog.records) == 121


def test_an_accounts_updates_have_a_limit_of_their_own(make_client: Any) -> None:
    client = make_client(API_TOKEN="t", ACCOUNT_UPDATE_RATE="2")

    def update(account: str) -> Any:
        body = {"equity": 100000.0, "balance": 100000.0}
        return client.post(f"/api/v1/accounts/{account}/state", json=body, headers={"Authorization": "Bearer t"})

    assert [update("FTMO/1").status_code for _ in range(3)] == [200, 200, 429]
    assert 1 <= int(update("FTMO/1").headers["Retry-After"]) <= 60
    assert update("APEX/1").status_code == 200
