"""The way in: what is stored, what is answered, what is refused and kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.conftest import Sql
from tests.integration.conftest import MakeApp
from tests.processes import entry, exit_of

WEBHOOK = "/api/automated-signals/webhook"


@pytest.fixture
def client(make_app: MakeApp) -> FlaskClient:
    return make_app(ROUTER_ENABLED="false").test_client()


def send(client: FlaskClient, body: Any, path: str = WEBHOOK, content_type: str = "application/json") -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, data=data, content_type=content_type)


def test_the_content_decides_not_the_content_type(client: FlaskClient) -> None:
    for number, content_type in enumerate(["application/json", "text/plain", "application/octet-stream", ""]):
        answer = send(client, entry(f"T{number}"), content_type=content_type)
        assert (answer.status_code, answer.json["status"]) == (200, "accepted"), content_type


def test_signal_and_task_are_stored_with_the_documents_payload(client: FlaskClient, sql: Sql) -> None:
    answer = send(client, entry("T1", session="NY AM", bias="Bullish", contracts=2, colour="red"))
    assert answer.json["trade_id"] == "T1"
    [task] = sql("SELECT * FROM execution_tasks")
    assert task["id"] == answer.json["task_id"]
    assert (task["event_type"], task["status"], task["attempts"]) == ("ENTRY", "PENDING", 0)
    assert task["payload"] == {
        "kind": "ENTRY",
        "direction": "LONG",
        "entry_price": 16500,
        "stop_loss": 16475,
        "session": "NY AM",
        "bias": "Bullish",
        "contracts": 2,
        "symbol": "NQ",
    }
    [signal] = sql("SELECT * FROM automated_signals")
    assert (signal["lifecycle"], signal["direction"], signal["task_id"]) == ("ENTRY", "LONG", task["id"])
    assert signal["raw_body"]["colour"] == "red"


def test_each_event_makes_its_lifecycle_row_and_its_task(client: FlaskClient, sql: Sql) -> None:
    for event, lifecycle, task in (
        ("EXIT_SL", "EXIT_SL", "EXIT"),
        ("EXIT_STOP_LOSS", "EXIT_SL", "EXIT"),
        ("EXIT_BREAK_EVEN", "EXIT_BE", "EXIT"),
        ("EXIT_TP", "EXIT_TP", "EXIT"),
        ("EXIT", "EXIT", "EXIT"),
        ("MFE_UPDATE", "MFE_UPDATE", "MFE_UPDATE"),
        ("BE_TRIGGERED", "BE_TRIGGERED", None),
    ):
        trade = f"OF_{event}"
        send(client, entry(trade))
        answer = send(client, {"event_type": event, "trade_id": trade, "be_mfe": 1.0})
        assert answer.status_code == 200, event
        assert "warning" not in answer.json, event
        assert sql("SELECT lifecycle FROM automated_signals ORDER BY id DESC LIMIT 1") == [{"lifecycle": lifecycle}]
        made = sql("SELECT event_type FROM execution_tasks WHERE event_type <> 'ENTRY' AND trade_id = %s", trade)
        assert [row["event_type"] for row in made] == ([] if task is None else [task]), event
        assert (answer.json["task_id"] is None) == (task is None), event


@pytest.mark.parametrize(
    "body",
    [
        entry("T1"),
        {**entry("T1"), "direction": "long", "entry_price": "16500.00"},
        {**entry("T1"), "event_type": "ENTRY", "colour": "blue"},
        exit_of("T1"),
        {"event_type": "MFE_UPDATE", "trade_id": "T1", "be_mfe": 1.5},
        {"event_type": "BE_TRIGGERED", "trade_id": "T1"},
    ],
)
def test_a_repeated_delivery_finds_its_task(client: FlaskClient, sql: Sql, body: dict[str, Any]) -> None:
    send(client, entry("T1"))
    first, again = send(client, body), send(client, body)
    assert (again.status_code, again.json["status"]) == (200, "duplicate")
    assert again.json["task_id"] == first.json["task_id"]
    assert sql("SELECT count(*) AS n FROM automated_signals WHERE lifecycle = 'ENTRY'") == [{"n": 1}]


def test_updates_with_news_are_no_repeats(client: FlaskClient, sql: Sql) -> None:
    for mfe in (0.5, 1.0, 1.5):
        answer = send(client, {"event_type": "MFE_UPDATE", "trade_id": "T1", "be_mfe": mfe})
        assert answer.json["status"] == "accepted"
    assert sql("SELECT count(*) AS n FROM execution_tasks") == [{"n": 3}]


def test_a_contradiction_is_refused_recorded_and_visible(client: FlaskClient, sql: Sql) -> None:
    first = send(client, entry("T1"))
    answer = send(client, entry("T1", stop_loss=16470.0))
    assert (answer.status_code, answer.json["status"]) == (409, "conflict")
    assert answer.json["task_id"] == first.json["task_id"]
    [conflict] = sql("SELECT * FROM signal_conflicts")
    assert (conflict["trade_id"], conflict["signal_id"]) == ("T1", first.json["signal_id"])
    assert json.loads(conflict["body"])["stop_loss"] == 16470.0
    assert sql("SELECT count(*) AS n FROM execution_tasks") == [{"n": 1}]


@pytest.mark.parametrize("body", [exit_of("T9"), {"event_type": "MFE_UPDATE", "trade_id": "T9", "be_mfe": 1}])
def test_an_unknown_trade_is_stored_answered_and_flagged(client: FlaskClient, sql: Sql, body: Any) -> None:
    answer = send(client, body)
    assert (answer.status_code, answer.json["warning"]) == (200, "unknown_trade")
    assert sql("SELECT unknown_trade FROM automated_signals") == [{"unknown_trade": True}]


def test_a_wrong_field_is_named_with_what_was_given_and_what_is_accepted(client: FlaskClient, sql: Sql) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"entry_price": -1}, "entry_price"),
        ({"entry_price": "abc"}, "entry_price"),
        ({"stop_loss": 16525.0}, "stop_loss"),
        ({"direction": "Bearish"}, "stop_loss"),
        ({"direction": "sideways"}, "direction"),
        ({"contracts": 0}, "contracts"),
        ({"quantity": -2}, "quantity"),
        ({"trade_id": None}, "trade_id"),
        ({"event_type": "BUY"}, "event_type"),
        ({"entry_price": "{{close}}"}, "entry_price"),
        ({"trade_id": "{{strategy.order.id}}"}, "trade_id"),
    ]
    for number, (change, field) in enumerate(wrong, start=1):
        body = entry("T1", **change)
        answer = send(client, body)
        assert answer.status_code == 400, change
        assert answer.json["field"] == field, change
        assert str(answer.json["given"]) == str(body[field])
        assert answer.json["accepted"], change
        assert sql("SELECT count(*) AS n FROM automated_signals") == [{"n": 0}], change
        assert sql("SELECT count(*) AS n FROM execution_tasks") == [{"n": 0}], change
        kept = sql("SELECT * FROM refused_webhooks ORDER BY id DESC")
        assert len(kept) == number, change
        assert (kept[0]["status_code"], kept[0]["code"]) == (400, "invalid_signal"), change
        assert kept[0]["problems"][0]["field"] == field, change
        assert json.loads(kept[0]["body"]) == body


def test_a_body_that_can_never_be_valid_is_refused_and_kept(client: FlaskClient, sql: Sql) -> None:
    bodies = [
        b"",
        b"buy NQ",
        b"[1, 2]",
        b"17",
        b'{"event_type": "ENTRY", "entry_price": NaN}',
        b'{"event_type": "ENTRY", "entry_price": Infinity}',
        b'{"event_type": "ENTRY", "event_type": "EXIT"}',
        b"\xff\xfe{",
        b"[" * 60_000,
        b'{"event_type": "EXIT", "trade_id": "a\\u0000b"}',
        b'{"event_type": "EXIT", "trade_id": "\\ud800"}',
        b'{"event_type": "EXIT", "trade_id": "T1", "exit_price": 1e999999}',
    ]
    for number, body in enumerate(bodies, start=1):
        answer = send(client, body)
        assert answer.status_code == 400, body[:80]
        assert {"code", "message", "field", "given", "accepted"} <= set(answer.json), body[:80]
        assert sql("SELECT count(*) AS n FROM automated_signals") == [{"n": 0}], body[:80]
        assert sql("SELECT count(*) AS n FROM refused_webhooks") == [{"n": number}], body[:80]


def test_odd_text_in_unknown_fields_is_stored_as_it_came(client: FlaskClient, sql: Sql) -> None:
    body = b'{"event_type": "EXIT", "trade_id": "T1", "note": "nul \\u0000, half a pair \\ud800, {{plot_9}}"}'
    assert send(client, body).status_code == 200
    assert sql("SELECT raw_body::text AS body FROM automated_signals")[0]["body"].count("u0000") == 1


@pytest.mark.parametrize(("size", "status"), [(65_535, 200), (65_536, 200), (65_537, 413), (400_000, 413)])
def test_the_body_limit_is_64_kib(client: FlaskClient, sql: Sql, size: int, status: int) -> None:
    body = json.dumps(entry("T1", filler="")).encode()
    padded = body.replace(b'"filler": ""', b'"filler": "' + b"x" * (size - len(body)) + b'"')
    assert len(padded) == size
    assert send(client, padded).status_code == status
    kept = sql("SELECT length(body) AS n FROM refused_webhooks")
    assert [row["n"] <= 4000 for row in kept] == ([] if status == 200 else [True])


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", WEBHOOK, 405), ("PUT", WEBHOOK, 405), ("POST", "/no", 404)]
)
def test_wrong_methods_and_paths_are_answered_in_json(client: FlaskClient, method: str, path: str, status: int) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == status
    assert answer.json is not None
    assert answer.json["status"] == "error"


def test_a_legacy_body_without_id_is_one_trade_when_delivered_again(client: FlaskClient, sql: Sql) -> None:
    body = {"symbol": "NQ1!", "bias": "Bullish", "price": 16500.0, "stop": 16475.0}
    first = send(client, body, "/api/live-signals")
    again = send(client, body, "/api/live-signals")
    other = send(client, {**body, "stop": 16470.0}, "/api/live-signals")
    assert [answer.json["status"] for answer in (first, again, other)] == ["accepted", "duplicate", "accepted"]
    assert first.json["task_id"] == again.json["task_id"] != other.json["task_id"]
    sql("UPDATE automated_signals SET received_at = received_at - interval '301 seconds'")
    assert send(client, body, "/api/live-signals").json["status"] == "accepted"


def test_a_legacy_exit_closes_the_trade_it_names(client: FlaskClient, sql: Sql) -> None:
    opened = {"symbol": "NQ1!", "action": "buy", "price": 16500.0, "stop": 16475.0, "id": "L1"}
    assert send(client, opened, "/api/live-signals").json["trade_id"] == "L1"
    assert send(client, {"action": "close", "id": "L1"}, "/api/live-signals").status_code == 200
    assert send(client, {"action": "close"}, "/api/live-signals").json["field"] == "id"
    assert [row["event_type"] for row in sql("SELECT event_type FROM execution_tasks ORDER BY id")] == ["ENTRY", "EXIT"]


def test_the_last_price_is_kept_and_never_replaced_by_an_older_one(client: FlaskClient, sql: Sql) -> None:
    def tell(price: float, time: str) -> Any:
        body = {"symbol": "CME_MINI:NQ1!", "price": price, "time": time}
        return send(client, body, "/api/realtime-price").json["status"]

    assert tell(16500.25, "2025-11-22T14:30:00Z") == "accepted"
    assert tell(16510.25, "2025-11-22T14:31:00Z") == "accepted"
    assert tell(16490.25, "2025-11-22T14:30:30Z") == "older"
    assert sql("SELECT symbol, price::text FROM latest_prices") == [{"symbol": "NQ1!", "price": "16510.25"}]


def test_the_newest_refused_bodies_are_kept(client: FlaskClient, sql: Sql, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("database.signals.NEWEST_REFUSED", 5)
    for n in range(8):
        send(client, f"rubbish {n}".encode())
    kept = sql("SELECT body FROM refused_webhooks ORDER BY id")
    assert [row["body"] for row in kept] == [f"rubbish {n}" for n in range(3, 8)]
