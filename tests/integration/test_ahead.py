"""Statements that go along with the next one: in order, in the same transaction, and never forgotten."""

from __future__ import annotations

import pytest

from database.connection import Database, StatementRefused
from database.orders import OrderLedger
from tests.conftest import Sql
from tests.orders import APEX_1, Bench, entry_leg


@pytest.fixture
def order_id(database: Database, sql: Sql) -> int:
    bench = Bench(database, sql)
    (number,) = bench.plan("T1", entry_leg())
    return number


def renewed(order_id: int, lease: float = 60.0) -> dict[str, object]:
    return {"order_ids": [order_id], "worker": "w1", "lease": lease}


def lease_of(sql: Sql, order_id: int) -> float | None:
    row = sql(
        "SELECT extract(epoch FROM lease_until - now())::float AS s FROM execution_orders WHERE id = %s", order_id
    )
    value: float | None = row[0]["s"]
    return value


def test_what_goes_ahead_is_done_before_the_next_and_its_rows_are_not_the_nexts(
    database: Database, sql: Sql, order_id: int
) -> None:
    OrderLedger(database, worker="w1").claim_entries([APEX_1], lambda *_: {}, limit=1, lease=1.0)
    with database.transaction() as transaction:
        transaction.ahead("pass_gate")
        transaction.ahead("renew_order_leases", **renewed(order_id, 5.0))
        transaction.ahead("renew_order_leases", **renewed(order_id))
        (row,) = transaction.rows("read_order", order_id=order_id)
        assert row["id"] == order_id
        assert (lease_of(sql, order_id) or 0) < 2
        assert (row["lease_until"] - row["sent_at"]).total_seconds() > 50
    assert (lease_of(sql, order_id) or 0) > 50


def test_what_waits_goes_with_the_end_and_is_undone_with_it(database: Database, sql: Sql, order_id: int) -> None:
    OrderLedger(database, worker="w1").claim_entries([APEX_1], lambda *_: {}, limit=1, lease=1.0)
    with pytest.raises(KeyError):
        _renew_and_fail(database, order_id)
    assert (lease_of(sql, order_id) or 0) < 2
    with database.transaction() as transaction:
        transaction.ahead("renew_order_leases", **renewed(order_id))
    assert (lease_of(sql, order_id) or 0) > 50


@pytest.mark.parametrize("last", [True, False])
def test_what_is_refused_ahead_refuses_the_whole(database: Database, sql: Sql, order_id: int, *, last: bool) -> None:
    with pytest.raises(StatementRefused):
        _know_nonsense(database, order_id, last=last)
    assert sql("SELECT 1 FROM order_accounts WHERE firm_code = 'TOPSTEP'") == []
    assert database.run("read_order", order_id=order_id)[0]["state"] == "PLANNED"


def _renew_and_fail(database: Database, order_id: int) -> None:
    with database.transaction() as transaction:
        transaction.ahead("renew_order_leases", **renewed(order_id))
        raise KeyError


def _know_nonsense(database: Database, order_id: int, *, last: bool) -> None:
    with database.transaction() as transaction:
        transaction.rows("know_order_accounts", firm_codes=["TOPSTEP"], program_ids=[7])
        transaction.ahead("know_order_accounts", firm_codes=["APEX"], program_ids=[-1])
        if not last:
            transaction.rows("read_order", order_id=order_id)
