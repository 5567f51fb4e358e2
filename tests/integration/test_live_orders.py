"""From a webhook to a broker's book and back to the record: one service, a real broker's protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask

from tests.brokers.server import Fault
from tests.brokers.tradovate import TradovateServer
from tests.conftest import Sql
from tests.integration.conftest import MakeApp
from tests.live import BEARER, held, live_entry, live_environment, live_exit, tradovate
from tests.processes import wait_until

WEBHOOK = "/api/automated-signals/webhook"


@pytest.fixture
def broker() -> Iterator[TradovateServer]:
    with tradovate("ACC1", "ACC2") as running:
        yield running


class Service:
    def __init__(self, app: Flask, sql: Sql) -> None:
        self.client = app.test_client()
        self.sql = sql

    def post(self, body: dict[str, Any]) -> None:
        answer = self.client.post(WEBHOOK, json=body)
        assert answer.status_code == 200, answer.text

    def orders(self) -> list[tuple[str, str, str]]:
        rows = self.sql("SELECT trade_id, purpose, state FROM execution_orders ORDER BY id")
        return [(row["trade_id"], row["purpose"], row["state"]) for row in rows]

    def row(self, trade_id: str, event_type: str = "ENTRY", account: int = 1) -> dict[str, Any]:
        bodies = self.sql(
            "SELECT response_body AS body FROM execution_logs WHERE trade_id = %s AND event_type = %s"
            " AND status = 'SUCCESS'",
            trade_id,
            event_type,
        )
        if not bodies:
            return {}
        rows = bodies[-1]["body"]["connector_results"]
        return next(row for row in rows if row["program_id"] == account)

    def until(self, trade_id: str, status: str, event_type: str = "ENTRY", account: int = 1) -> dict[str, Any]:
        wait_until(
            lambda: self.row(trade_id, event_type, account).get("status") == status,
            what=f"{status} of {trade_id}: {self.row(trade_id, event_type, account)} {self.orders()}",
        )
        return self.row(trade_id, event_type, account)


@pytest.fixture
def serve(make_app: MakeApp, broker: TradovateServer, sql: Sql) -> Callable[..., Service]:
    def serve(*, accounts: int = 1, **changes: str) -> Service:
        service = Service(make_app(**live_environment(broker, accounts=accounts, **changes)), sql)
        wait_until(
            lambda: len(sql("SELECT 1 FROM account_states WHERE equity IS NOT NULL")) == accounts,
            what="the firm's figures",
        )
        return service

    return serve


def test_an_entry_is_sent_once_with_its_stop_and_its_exit_closes_it(
    serve: Callable[..., Service], broker: TradovateServer
) -> None:
    service = serve()
    service.post(live_entry("T1"))
    row = service.until("T1", "SUCCESS")
    assert held(broker) == 2
    assert row["order_id"]
    assert [order.stop_price for order in broker.book.working("ACC1")] == [16475]
    wait_until(lambda: service.orders() == [("T1", "ENTRY", "FILLED")], what="the fill")

    service.post(live_exit("T1"))
    service.until("T1", "SUCCESS", "EXIT")
    assert held(broker) == 0
    assert broker.book.working("ACC1") == []


def test_an_answer_that_was_lost_is_unresolved_until_the_venue_is_asked(
    serve: Callable[..., Service], broker: TradovateServer
) -> None:
    service = serve()
    broker.misbehave(Fault.TAKEN_RESET, "/order/placeo")
    broker.misbehave(Fault.SERVER_ERROR, "/order/list", times=2)
    service.post(live_entry("T1"))
    service.until("T1", "UNRESOLVED")
    service.until("T1", "SUCCESS")
    assert held(broker) == 2
    assert len(broker.book.entries("ACC1")) == 1


def test_an_answer_is_on_record_although_the_next_claim_is_refused(
    serve: Callable[..., Service], broker: TradovateServer, sql: Sql
) -> None:
    service = serve()
    sql("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE check_violation; END'")
    sql(
        "CREATE TRIGGER refused BEFORE UPDATE ON execution_orders FOR EACH ROW"
        " WHEN (NEW.trade_id = 'T2' AND NEW.state = 'SENDING') EXECUTE FUNCTION refuse()"
    )
    broker.misbehave(Fault.DELAY, "/order/placeo", seconds=0.5)
    for trade in ("T1", "T2"):
        service.post(live_entry(trade, contracts=1, stop_loss=16499.0))
    service.until("T1", "SUCCESS")
    sql("DROP TRIGGER refused ON execution_orders")
    service.until("T2", "SUCCESS")
    assert sql("SELECT 1 FROM execution_order_events WHERE to_state = 'UNRESOLVED'") == []


def test_a_partial_exit_leaves_the_rest_open_and_protected(
    serve: Callable[..., Service], broker: TradovateServer
) -> None:
    service = serve()
    service.post(live_entry("T1"))
    service.until("T1", "SUCCESS")
    service.post(live_exit("T1", exit_percent=50))
    service.until("T1", "SUCCESS", "EXIT")
    wait_until(lambda: held(broker) == 1, what="half of it to be closed")
    assert [order.quantity for order in broker.book.working("ACC1")] == [1]
    service.post(live_exit("T1"))
    wait_until(lambda: held(broker) == 0, what="the rest to be closed")
    assert broker.book.working("ACC1") == []


def test_a_trade_that_its_stop_has_closed_is_closed_on_record_and_its_exit_finds_nothing(
    serve: Callable[..., Service], broker: TradovateServer, sql: Sql
) -> None:
    service = serve(RECONCILE_SECONDS="0.5")
    service.post(live_entry("T1"))
    service.until("T1", "SUCCESS")
    (stop,) = broker.book.working("ACC1")
    broker.book.fill(stop)
    wait_until(
        lambda: sql("SELECT closed FROM execution_orders")[0]["closed"] == 2,
        what="the stop to be seen",
        seconds=30,
    )
    causes = [row["cause"] for row in sql("SELECT cause FROM execution_order_events ORDER BY id")]
    assert causes[-1] == "STOP_FILLED"
    assert sql("SELECT 1 FROM order_differences WHERE settled_at IS NULL") == []

    service.post(live_exit("T1"))
    row = service.until("T1", "SKIPPED", "EXIT")
    assert (row["reason"], int(held(broker))) == ("NOTHING_OPEN", 0)


def test_an_exit_that_comes_before_the_stop_is_seen_closes_the_trade_on_record_and_sends_nothing(
    serve: Callable[..., Service], broker: TradovateServer, sql: Sql
) -> None:
    service = serve(RECONCILE_SECONDS="600")
    service.post(live_entry("T1"))
    service.until("T1", "SUCCESS")
    wait_until(lambda: service.orders() == [("T1", "ENTRY", "FILLED")], what="the fill")
    (stop,) = broker.book.working("ACC1")
    broker.book.fill(stop)

    service.post(live_exit("T1"))
    row = service.until("T1", "SKIPPED", "EXIT")
    assert (row["reason"], int(held(broker))) == ("NOTHING_OPEN", 0)
    assert sql("SELECT open_quantity FROM execution_orders WHERE purpose = 'ENTRY'")[0]["open_quantity"] == 0
    assert len([order for order in broker.book.of("ACC1") if order.kind == "MARKET"]) == 1


def test_a_position_of_nobodys_is_listed_and_keeps_entries_out_until_a_person_accepts_it(
    serve: Callable[..., Service], broker: TradovateServer, sql: Sql
) -> None:
    broker.book.place("ACC1", "NQZ6", "BUY", Decimal(3))
    service = serve(RECONCILE_SECONDS="0.5")
    wait_until(
        lambda: sql("SELECT 1 FROM order_differences WHERE settled_at IS NULL") != [],
        what="the difference",
        seconds=30,
    )
    (found,) = sql("SELECT * FROM order_differences")
    assert (found["kind"], found["symbol"], found["venue_quantity"]) == ("POSITION_WITHOUT_TRADE", "NQZ6", 3)
    assert "accept it as yours" in found["proposal"]
    service.post(live_entry("T1"))
    wait_until(lambda: service.row("T1") != {}, what="the verdict")
    assert service.row("T1")["blocked_by"] == ["ACCOUNT_OUT_OF_SYNC"]

    answer = service.client.post(
        f"/api/differences/{found['id']}/settle",
        json={"how": "accept", "by": "anna", "reason": "a position of my own"},
        headers=BEARER,
    )
    assert answer.status_code == 200, answer.text
    service.post(live_entry("T2"))
    service.until("T2", "SUCCESS")
    assert held(broker) == 5
