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


def test_a_transaction_begins_with_its_first_statement_and_is_all_or_nothing(
    database: Database, sql: Sql, order_id: int
) -> None:
    with database.transaction() as transaction:
        # What cannot even be written is never sent; what follows is in a transaction all the same.
        with pytest.raises(KeyError):
            transaction.rows("know_order_accounts", firm_codes=["TOPSTEP"])
        transaction.rows("know_order_accounts", firm_codes=["TOPSTEP"], program_ids=[7])
        assert _known(sql) == []
        transaction.rows("pass_gate")
        # Holds the gate: in force until the end and not only for its own statement.
        assert _gates(sql) == 1
    assert [row["program_id"] for row in _known(sql)] == [7]
    assert _gates(sql) == 0
    assert database.run("read_order", order_id=order_id)


def test_what_fails_in_the_first_message_leaves_no_transaction_behind(database: Database, sql: Sql) -> None:
    for _ in range(2):
        with pytest.raises(StatementRefused):
            _gate_and_nonsense(database)
        assert _gates(sql) == 0
        assert (
            sql("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in %%'") == []
        )
    # Nor does one in which nothing was said.
    with database.transaction():
        pass
    database.run("know_order_accounts", firm_codes=["TOPSTEP"], program_ids=[8])
    assert [row["program_id"] for row in _known(sql)] == [8]


def _gate_and_nonsense(database: Database) -> None:
    with database.transaction() as transaction:
        transaction.ahead("pass_gate")
        transaction.rows("know_order_accounts", firm_codes=["TOPSTEP"], program_ids=[-1])


def _know_and_fail(database: Database) -> None:
    with database.transaction() as transaction:
        transaction.rows("know_order_accounts", firm_codes=["TOPSTEP"], program_ids=[7])
        transaction.rows("know_order_accounts", firm_codes=["TOPSTEP"], program_ids=[8])
        raise KeyError


def _known(sql: Sql) -> list[dict[str, object]]:
    return sql("SELECT program_id FROM order_accounts WHERE firm_code = 'TOPSTEP'")


def _gates(sql: Sql) -> int:
    held = sql(
        "SELECT count(*)::int AS n FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted "
        "AND (classid::bigint << 32 | objid::bigint) = 705419230119 "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    number: int = held[0]["n"]
    return number


def test_what_was_done_is_undone_where_something_fails_later(database: Database, sql: Sql) -> None:
    with pytest.raises(KeyError):
        _know_and_fail(database)
    assert _known(sql) == []
    with database.transaction() as transaction:
        transaction.rows("know_order_accounts", firm_codes=["TOPSTEP"], program_ids=[10])
    assert [row["program_id"] for row in _known(sql)] == [10]


def test_no_caller_goes_on_with_what_another_has_begun(database: Database, sql: Sql) -> None:
    with database._connection() as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN")
    assert connection.closed
    database.run("know_order_accounts", firm_codes=["TOPSTEP"], program_ids=[9])
    assert [row["program_id"] for row in _known(sql)] == [9]
