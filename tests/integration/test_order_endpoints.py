"""The order routes on a real ledger: every answer and refusal, and who may ask."""

from __future__ import annotations

import json
import logging
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from config.settings import Settings
from database.connection import Database
from database.tracked_accounts import utc_now
from domain.order_rows import connector_row
from domain.order_state import OrderState
from tests.conftest import Sql
from tests.doors import install_doors
from tests.integration.conftest import MakeApp
from tests.orders import APEX_1, Bench, entry_leg, exit_leg
from tests.processes import ROUTED
from web.errors import install_error_answers
from web.orders import order_routes

S = OrderState
TOKEN = {"Authorization": "Bearer right-token"}
STRANGER = {"X-Forwarded-For": "203.0.113.9"}
SIGNED = {"by": "anna", "reason": "seen at the venue"}
HIGHEST = 2**63 - 1


class Site:
    """The order routes alone, beside a ledger."""

    def __init__(self, database: Database, sql: Sql, **settings: str) -> None:
        self.bench = Bench(database, sql)
        environ = {**ROUTED, "API_TOKEN": "right-token", **settings}
        app = Flask(__name__)
        logger = logging.getLogger("test")
        known = Settings.from_env({name: value for name, value in environ.items() if value})
        install_doors(app, known, database, logger)
        app.register_blueprint(order_routes(known, database, clock=utc_now, logger=logger))
        install_error_answers(app, logger)
        self.client: FlaskClient = app.test_client()

    def post(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> TestResponse:
        data = json.dumps(SIGNED if body is None else body)
        return self.client.post(path, data=data, headers=TOKEN if headers is None else headers)

    def done(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.post(path, {**SIGNED, **body})
        assert answer.status_code == 200, answer.text
        return dict(answer.get_json())

    def get(self, path: str) -> dict[str, Any]:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return dict(answer.get_json())

    def unresolved(self, trade_id: str) -> int:
        (order_id,) = self.bench.plan(trade_id, entry_leg(quantity=3))
        self.bench.claim()
        self.bench.become(order_id, S.UNRESOLVED)
        return order_id


@pytest.fixture
def site(database: Database, sql: Sql) -> Site:
    return Site(database, sql)


def refusal(answer: TestResponse) -> tuple[int, str, list[str]]:
    told = answer.get_json()
    assert told["status"] == "error"
    assert told["message"]
    return answer.status_code, told["code"], [problem["field"] for problem in told.get("errors", [])]


def test_orders_are_listed_shown_and_resolved(site: Site) -> None:
    order_id = site.unresolved("T1")
    other = site.bench.filled_entry("T2", 2, APEX_1._replace(program_id=2))
    assert [row["id"] for row in site.get("/api/orders")["orders"]] == [other, order_id]
    (row,) = site.get("/api/orders?account=APEX/1&trade=T1&state=unresolved&open=true&limit=1")["orders"]
    assert (row["id"], row["quantity"], row["state"], row["contract"]) == (order_id, 3, "UNRESOLVED", "NQZ6")
    assert row["updated_at"].endswith("+00:00")

    told = site.done(f"/api/orders/{order_id}/resolve", outcome="filled", filled=3, price=16500.25, venue_order_id="V1")
    assert (told["status"], told["order"]["state"], told["replaced_by"]) == ("resolved", "FILLED", None)
    shown = site.get(f"/api/orders/{order_id}")["order"]
    assert (shown["filled"], shown["average_price"], shown["venue_order_id"]) == (3, 16500.25, "V1")
    assert [(event["to_state"], event["actor"]) for event in shown["events"]][-1] == ("FILLED", "anna (token)")
    assert [act["act"] for act in shown["acts"]] == ["RESOLVE"]


def test_an_exit_that_was_not_taken_is_replaced(site: Site) -> None:
    site.bench.filled_entry("T1", 2)
    (order_id,) = site.bench.plan("T1", exit_leg())
    site.bench.ledger.claim_exit(site.bench.order(order_id), connector_row, lease=10)
    site.bench.become(order_id, S.UNRESOLVED)
    told = site.done(f"/api/orders/{order_id}/resolve", outcome="not_sent")
    assert (told["replaced_by"]["state"], told["replaced_by"]["leg"]) == ("PLANNED", 2)


def test_dead_letters_are_listed_shown_retried_and_discarded(site: Site, sql: Sql) -> None:
    legs = []
    for trade in ("T1", "T2"):
        (order_id,) = site.bench.plan(trade, entry_leg(lifetime=0.0))
        legs.append(f"leg:{order_id}")
    site.bench.give_up()
    assert {row["name"] for row in site.get("/api/dead-letters")["dead_letters"]} == set(legs)
    assert len(site.get("/api/dead-letters?limit=1")["dead_letters"]) == 1
    shown = site.get(f"/api/dead-letters/{legs[0]}")["dead_letter"]
    assert (shown["name"], shown["order"]["cause"], shown["retry"]["makes_sense"]) == (
        legs[0],
        "SIGNAL_EXPIRED",
        True,
    )

    told = site.done(f"/api/dead-letters/{legs[0]}/retry")
    assert (told["status"], told["only_account"]) == ("requeued", "APEX/1")
    (task,) = sql("SELECT payload FROM execution_tasks WHERE id = %s", told["task_id"])
    assert task["payload"]["only_accounts"] == ["APEX/1"]
    assert site.done(f"/api/dead-letters/{legs[1]}/discard") == {"status": "discarded", "name": legs[1]}
    assert site.get("/api/dead-letters")["dead_letters"] == []
    for name in legs:
        assert refusal(site.post(f"/api/dead-letters/{name}/retry"))[:2] == (409, "not_possible")


def test_differences_are_listed_and_settled(site: Site, sql: Sql) -> None:
    entry = site.bench.filled_entry("T1", 3)
    sql(
        "INSERT INTO order_differences (firm_code, program_id, kind, symbol, ledger_quantity, venue_quantity,"
        " proposal, details) VALUES ('APEX', 1, 'DIFFERENT_SIZE', 'NQZ6', 3, 1, 'find out', %s)",
        json.dumps({"trades": [{"trade_id": "T1", "open": 3}]}),
    )
    (row,) = site.get("/api/differences")["differences"]
    assert (row["account"], row["venue_quantity"], row["proposal"]) == ("APEX/1", 1, "find out")
    told = site.done(f"/api/differences/{row['id']}/settle", how="close")
    assert (told["status"], told["how"], told["closed"]) == (
        "settled",
        "CLOSED_IN_LEDGER",
        [{"trade_id": "T1", "contracts": 2}],
    )
    assert site.bench.order(entry).open_quantity == Decimal(1)
    assert site.get("/api/differences")["differences"] == []
    assert refusal(site.post(f"/api/differences/{row['id']}/settle", {**SIGNED, "how": "accept"}))[0] == 409


def test_halts_are_set_listed_and_released(site: Site) -> None:
    order_id = site.unresolved("T1")
    told = site.done("/api/halts", scope="apex", level="cancel")
    assert (told["status"], told["scope"], told["level"], told["release_phrase"]) == (
        "halted",
        "APEX",
        "CANCEL",
        "RELEASE APEX",
    )
    assert [row["id"] for row in told["in_flight"]] == [order_id]
    (row,) = site.get("/api/halts")["halts"]
    assert (row["id"], row["in_force"], len(row["actions"])) == (told["id"], True, 2)

    path = f"/api/halts/{told['id']}/release"
    answer = site.post(path, {**SIGNED, "phrase": "RELEASE ALL"})
    assert refusal(answer) == (400, "invalid_request", ["phrase"])
    assert "type exactly: RELEASE APEX" in answer.get_json()["accepted"]
    assert site.done(path, phrase="RELEASE APEX") == {"status": "released", "id": told["id"]}
    assert site.get("/api/halts?limit=5")["halts"][0]["in_force"] is False
    assert refusal(site.post(path, {**SIGNED, "phrase": "RELEASE APEX"})) == (409, "not_possible", [])
    assert site.done("/api/halts")["scope"] == "ALL"
    assert refusal(site.post("/api/halts", {**SIGNED, "scope": "APX"})) == (404, "not_found", [])


PATHS = (
    "/api/orders/1/resolve",
    "/api/dead-letters/task:1/retry",
    "/api/dead-letters/leg:1/discard",
    "/api/differences/1/settle",
    "/api/halts",
    "/api/halts/1/release",
)
LOOKS = (
    *("/api/orders", "/api/orders/1", "/api/dead-letters", "/api/dead-letters/leg:1"),
    *("/api/differences", "/api/halts"),
)


def test_only_the_bearer_of_the_token_acts_and_only_he_and_this_machine_look(site: Site, sql: Sql) -> None:
    for path in PATHS:
        assert refusal(site.post(path, headers={})) == (401, "wrong_token", []), path
        assert refusal(site.post(path, headers={"Authorization": "Bearer wrong"}))[0] == 401, path
    for path in LOOKS:
        assert refusal(site.client.get(path, headers=STRANGER))[0] == 401, path
        assert site.client.get(path, headers={**STRANGER, **TOKEN}).status_code in {200, 404}, path
        assert site.client.get(path).status_code in {200, 404}, path
    assert sql("SELECT id FROM operator_acts UNION SELECT id FROM trading_halts") == []


def test_without_a_token_nobody_acts(database: Database, sql: Sql) -> None:
    site = Site(database, sql, API_TOKEN="")
    for path in PATHS:
        assert refusal(site.post(path))[:2] == (403, "api_token_unset"), path
    assert site.get("/api/halts") == {"halts": []}


def test_every_wrong_field_is_named_and_nothing_is_done(site: Site, sql: Sql) -> None:
    order_id = site.unresolved("T1")
    for path, body, wrong in (
        (f"/api/orders/{order_id}/resolve", {"outcome": "x", "filled": "y"}, ["by", "reason", "outcome", "filled"]),
        (f"/api/orders/{order_id}/resolve", {**SIGNED, "outcome": "filled"}, ["filled"]),
        ("/api/dead-letters/order:1/retry", SIGNED, ["dead_letter"]),
        ("/api/dead-letters/leg:1/discard", {"by": "anna"}, ["reason"]),
        ("/api/differences/1/settle", {**SIGNED, "how": "x", "why": "y"}, ["how"]),
        ("/api/halts", {**SIGNED, "level": "x", "scope": "/"}, ["scope", "level"]),
        ("/api/halts/1/release", SIGNED, ["phrase"]),
        ("/api/halts", [1], ["body"]),
    ):
        assert refusal(site.post(path, body)) == (400, "invalid_request", wrong), path
    for path, wrong in (("/api/orders?account=x&open=y&limit=0", ["account", "open", "limit"]),
                        ("/api/halts?page=1", ["page"]), ("/api/dead-letters/leg", ["dead_letter"])):  # fmt: skip
        assert refusal(site.client.get(path)) == (400, "invalid_request", wrong), path
    assert site.bench.order(order_id).state is S.UNRESOLVED
    assert sql("SELECT id FROM operator_acts UNION SELECT id FROM trading_halts") == []


def test_what_is_not_there_is_not_found(site: Site) -> None:
    for number in (7, HIGHEST):
        for path, body in (
            (f"/api/orders/{number}/resolve", {"outcome": "not_sent"}),
            (f"/api/dead-letters/task:{number}/retry", {}),
            (f"/api/dead-letters/leg:{number}/discard", {}),
            (f"/api/differences/{number}/settle", {"how": "accept"}),
            (f"/api/halts/{number}/release", {"phrase": "RELEASE ALL"}),
        ):
            assert refusal(site.post(path, {**SIGNED, **body})) == (404, "not_found", []), path
        for path in (f"/api/orders/{number}", f"/api/dead-letters/leg:{number}"):
            assert refusal(site.client.get(path)) == (404, "not_found", []), path
    assert refusal(site.client.get(f"/api/orders/{HIGHEST + 1}"))[:2] == (404, "not_found")


def test_what_cannot_be_done_is_said(site: Site) -> None:
    order_id = site.bench.filled_entry("T1")
    answer = site.post(f"/api/orders/{order_id}/resolve", {**SIGNED, "outcome": "not_sent"})
    assert refusal(answer) == (409, "not_possible", [])
    assert f"order {order_id} is FILLED: there is nothing to resolve" in answer.get_json()["message"]
    order_id = site.unresolved("T2")
    answer = site.post(f"/api/orders/{order_id}/resolve", {**SIGNED, "outcome": "filled", "filled": 9})
    assert "9 cannot be filled of it" in answer.get_json()["message"]


def test_the_web_process_has_the_routes(make_app: MakeApp) -> None:
    client = make_app(API_TOKEN="right-token").test_client()
    told = client.post("/api/halts", data=json.dumps(SIGNED), headers=TOKEN).get_json()
    assert (told["status"], told["scope"]) == ("halted", "ALL")
    assert client.get("/api/halts").get_json()["halts"][0]["id"] == told["id"]
