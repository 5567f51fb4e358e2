"""Legs and tasks for tests of the order ledger."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from database.connection import Database
from database.operator_acts import NotPossible
from database.orders import Change, OrderLedger
from domain.account import AccountKey
from domain.contract import Contract
from domain.json_text import json_text
from domain.ledger import LedgerOrder, PlannedLeg, Purpose
from domain.order_rows import connector_row
from domain.order_state import OrderState, Side
from tests.conftest import Sql

FTMO_1 = AccountKey("FTMO", 1)
APEX_1 = AccountKey("APEX", 1)
APEX_2 = AccountKey("APEX", 2)
NQZ6 = Contract(root="NQ", symbol="NQZ6", month_code="Z", year=2026, tick_size=Decimal("0.25"))


def entry_leg(account: AccountKey = APEX_1, quantity: int = 2, **changes: Any) -> PlannedLeg:
    values: dict[str, Any] = {
        "account": account,
        "purpose": Purpose.ENTRY,
        "contract": NQZ6,
        "side": Side.BUY,
        "lifetime": 120.0,
        "cause": "APPROVED",
        "quantity": Decimal(quantity),
        "entry_price": Decimal(16500),
        "stop_price": Decimal(16475),
        "worst_case": Decimal(500) * quantity,
    }
    return PlannedLeg(**{**values, **changes})


def exit_leg(account: AccountKey = APEX_1, **changes: Any) -> PlannedLeg:
    values: dict[str, Any] = {
        "account": account,
        "purpose": Purpose.EXIT,
        "contract": NQZ6,
        "side": Side.SELL,
        "lifetime": 86400.0,
        "cause": "EXIT_SIGNAL",
    }
    return PlannedLeg(**{**values, **changes})


def ledger_order(account: AccountKey, contract: Contract = NQZ6, quantity: int = 2, **changes: Any) -> LedgerOrder:
    """A filled entry as the ledger gives it."""
    now = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
    values: dict[str, Any] = {
        "id": 1,
        "task_id": 1,
        "trade_id": "T1",
        "account": account,
        "purpose": Purpose.ENTRY,
        "leg": 1,
        "client_order_id": "a" * 20,
        "state": OrderState.FILLED,
        "contract": contract,
        "side": Side.BUY,
        "quantity": Decimal(quantity),
        "entry_price": Decimal(16500),
        "stop_price": Decimal(16475),
        "worst_case": Decimal(1000),
        "filled": Decimal(quantity),
        "average_price": None,
        "not_held": Decimal(0),
        "closed": Decimal(0),
        "open_quantity": Decimal(quantity),
        "venue_order_id": "V1",
        "attempts": 1,
        "created_at": now,
        "sent_at": now,
        "expires_at": now + timedelta(seconds=120),
        "updated_at": now,
        "cause": "ANSWERED",
        "actor": "w1",
    }
    return LedgerOrder(**{**values, **changes})


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Make calls at the same moment, each in a thread; return what each returned, or the refusal it raised."""
    start = threading.Barrier(len(calls))
    results: list[object] = [None] * len(calls)

    def make(at: int, call: Callable[[], object]) -> None:
        start.wait()
        try:
            results[at] = call()
        except NotPossible as error:
            results[at] = error

    threads = [threading.Thread(target=make, args=(at, call)) for at, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class Bench:
    """A ledger with tasks made by hand."""

    def __init__(self, database: Database, sql: Sql, worker: str = "w1") -> None:
        self.database = database
        self.sql = sql
        self.ledger = OrderLedger(database, worker=worker)
        self.ledger.know([FTMO_1, APEX_1, APEX_2])

    def task(self, trade_id: str, event_type: str = "ENTRY", accounts: Iterable[AccountKey] = (APEX_1,)) -> int:
        """A finished task with its log row."""
        task_id = self.sql(
            "INSERT INTO execution_tasks (trade_id, event_type, status, finished_at) VALUES (%s, %s, 'SUCCESS', now())"
            " RETURNING id",
            trade_id,
            event_type,
        )[0]["id"]
        rows = [{**account._asdict(), "status": "PENDING", "reason": "PLANNED"} for account in accounts]
        body = json_text({"routed": False, "connector_results": rows})
        self.sql(
            "INSERT INTO execution_logs (task_id, trade_id, event_type, status, response_body)"
            " VALUES (%s, %s, %s, 'SUCCESS', %s)",
            task_id,
            trade_id,
            event_type,
            body,
        )
        return int(task_id)

    def plan(self, trade_id: str, *legs: PlannedLeg) -> list[int]:
        """Plan legs of a new task; return their ids."""
        task_id = self.task(trade_id, str(legs[0].purpose), [leg.account for leg in legs])
        with self.database.transaction() as transaction:
            self.ledger.plan(transaction, task_id, trade_id, legs)
        return [
            row["id"] for row in self.sql("SELECT id FROM execution_orders WHERE task_id = %s ORDER BY id", task_id)
        ]

    def claim(self, *accounts: AccountKey, limit: int = 100, lease: float = 10.0) -> list[LedgerOrder]:
        return self.ledger.claim_entries(accounts or (FTMO_1, APEX_1, APEX_2), connector_row, limit=limit, lease=lease)[
            0
        ]

    def give_up(self) -> dict[str, str]:
        """What was given up, by trade, with the cause."""
        return {order.trade_id: order.cause for order in self.ledger.claim_entries((), connector_row, limit=0)[1]}

    def become(self, order_id: int, state: OrderState, filled: int = 0, **changes: Any) -> LedgerOrder | None:
        values: dict[str, Any] = {"state": state, "cause": "TEST", "actor": "test", "filled": Decimal(filled)}
        return self.ledger.write(order_id, Change(**{**values, **changes}), connector_row)

    def filled_entry(self, trade_id: str, quantity: int = 2, account: AccountKey = APEX_1) -> int:
        """An entry that is filled; return its id."""
        (order_id,) = self.plan(trade_id, entry_leg(account, quantity))
        assert [order.id for order in self.claim(account)] == [order_id]
        self.become(order_id, OrderState.FILLED, quantity, venue_order_id=f"V{order_id}")
        return order_id

    def order(self, order_id: int) -> LedgerOrder:
        found = self.ledger.read(order_id)
        assert found is not None
        return found

    def row(self, order_id: int) -> dict[str, Any]:
        """The connector row of a leg's account in its task's log."""
        order = self.order(order_id)
        body = self.sql("SELECT response_body FROM execution_logs WHERE task_id = %s", order.task_id)[0][
            "response_body"
        ]
        (found,) = [
            row for row in body["connector_results"] if (row["firm_code"], row["program_id"]) == tuple(order.account)
        ]
        return {**found, "routed": body["routed"]}

    def events(self, order_id: int) -> list[tuple[str | None, str, str]]:
        rows = self.sql(
            "SELECT from_state, to_state, cause FROM execution_order_events WHERE order_id = %s ORDER BY id", order_id
        )
        return [(row["from_state"], row["to_state"], row["cause"]) for row in rows]
