"""What is held without a stop is seen, whatever a task's log says of its other accounts."""

from __future__ import annotations

from decimal import Decimal

import pytest

from database.connection import Database
from database.observations import observe
from database.orders import Change, OrderWrite
from domain.order_rows import connector_row
from domain.order_state import OrderState
from tests.conftest import Sql
from tests.orders import APEX_1, APEX_2, FTMO_1, Bench, entry_leg


@pytest.fixture
def bench(database: Database, sql: Sql) -> Bench:
    return Bench(database, sql)


def test_held_without_a_stop_is_what_had_none_and_what_the_venue_says_so_of(bench: Bench) -> None:
    words = {APEX_1: "The STOP was refused", APEX_2: "Filled in two parts", FTMO_1: None}
    bench.plan("T1", *(entry_leg(account) for account in words))
    bench.plan("T2", entry_leg(APEX_2, stop_price=None))
    bench.plan("T3", entry_leg(APEX_1, stop_price=None))
    for _ in range(2):
        writes = []
        for order in bench.claim():
            change = Change(
                state=OrderState.FILLED,
                cause="TEST",
                actor="test",
                filled=Decimal(2),
                message=words[order.account] if order.trade_id == "T1" else None,
            )
            writes.append(OrderWrite(order_id=order.id, change=change))
        bench.ledger.write_all(writes, connector_row)
    # Planned is not held.
    bench.plan("T4", entry_leg(FTMO_1, stop_price=None))
    (closed,) = (order for order in bench.ledger.open_entries([APEX_1]) if order.trade_id == "T3")
    seen = observe(bench.database).unprotected
    assert [(order.trade_id, order.account, order.words) for order in seen] == [
        ("T1", APEX_1, "The STOP was refused"),
        ("T2", APEX_2, None),
        ("T3", APEX_1, None),
    ]
    bench.ledger.settle_outside(closed, Decimal(2), cause="STOP_FILLED", actor="test")
    assert [order.trade_id for order in observe(bench.database).unprotected] == ["T1", "T2"]
