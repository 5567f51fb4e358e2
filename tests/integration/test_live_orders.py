"""From a webhook to a broker's book and back to the record: one service, a real broker's protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from tests.brokers.server import Fault
from tests.brokers.tradovate import TradovateServer
from tests.conftest import Sql
from tests.integration.conftest import MakeApp
from tests.live import held, live_entry, live_environment, live_exit, tradovate
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
