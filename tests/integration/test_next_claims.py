"""An account's next entry, claimed together with the answer of the last one: never two at once, whoever claims."""

from __future__ import annotations

import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from functools import partial

import pytest

from database.connection import Database, Subscription
from database.order_writes import is_of_order
from database.orders import Change, NextEntries, OrderLedger, OrderWrite
from domain.ledger import LedgerOrder
from domain.order_rows import connector_row
from domain.order_state import OrderState
from tests.conftest import Sql
from tests.orders import APEX_1, APEX_2, FTMO_1, Bench, at_once, entry_leg, exit_leg
from tests.processes import wait_until

S = OrderState
ACCOUNTS = (APEX_1, APEX_2, FTMO_1)
THEN = NextEntries(accounts=ACCOUNTS, limit=10, lease=10.0)


@pytest.fixture
def bench(database: Database, sql: Sql) -> Bench:
    return Bench(database, sql)


def answer(order: LedgerOrder, state: OrderState = S.FILLED, delay: float | None = None) -> OrderWrite:
    """What becomes of an order by the answer to its last attempt."""
    filled = order.quantity or Decimal(0) if state is S.FILLED else Decimal(0)
    change = Change(state=state, cause="TEST", actor="test", filled=filled, delay=delay)
    return OrderWrite(order_id=order.id, change=change, only_from=frozenset({S.SENDING}), attempt=order.attempts)


def test_an_answer_claims_its_accounts_next_entry_and_no_other(bench: Bench) -> None:
    for trade in ("T1", "T2", "T3"):
        bench.plan(trade, entry_leg(APEX_1), entry_leg(APEX_2))
    first, other = sorted(bench.claim(), key=lambda order: order.account)
    then = NextEntries(accounts=(APEX_1,), limit=10, lease=10.0)
    written = bench.ledger.write_all([answer(first)], connector_row, then=then)
    assert [(order.trade_id, order.account, order.state) for order in written.claimed] == [("T2", APEX_1, S.SENDING)]
    assert bench.order(other.id).state is S.SENDING
    assert bench.row(first.id)["status"] == "SUCCESS"


@pytest.mark.parametrize(
    ("state", "delay"), [(S.UNRESOLVED, None), (S.PLANNED, 60.0)], ids=["unresolved", "to be tried again"]
)
def test_behind_an_entry_that_is_not_over_the_next_one_waits(
    bench: Bench, state: OrderState, delay: float | None
) -> None:
    for trade in ("T1", "T2"):
        bench.plan(trade, entry_leg())
    (order,) = bench.claim()
    assert bench.ledger.write_all([answer(order, state, delay)], connector_row, then=THEN).claimed == []


FORBIDDING = {
    "TRADING_HALTED": "INSERT INTO trading_halts (level, reason, set_by) VALUES ('ENTRIES', 'test', 'test')",
    "ACCOUNT_PAUSED": (
        "INSERT INTO account_flags (firm_code, program_id, name, value) VALUES ('APEX', 1, 'paused', 'true')"
    ),
    "SIGNAL_EXPIRED": "UPDATE execution_orders SET expires_at = now() WHERE state = 'PLANNED'",
    "TRADE_CLOSED": None,
}


def test_a_halt_that_is_being_set_is_waited_for_before_anything_is_claimed_with_an_answer(
    bench: Bench, database: Database, sql: Sql
) -> None:
    """Whoever halts has the gate alone; what is claimed behind it knows of his halt."""
    for trade in ("T1", "T2"):
        bench.plan(trade, entry_leg())
    (order,) = bench.claim()
    blocked = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"
    with ThreadPoolExecutor(1) as threads:
        with database.transaction() as halting:
            halting.rows("close_gate")
            written = threads.submit(bench.ledger.write_all, [answer(order)], connector_row, then=THEN)
            wait_until(lambda: written.done() or bool(sql(blocked)), what="the claim to wait at the gate")
            assert not written.done()
            halting.script(FORBIDDING["TRADING_HALTED"] or "")
        assert written.result(10).claimed == []
    assert bench.order(order.id).state is S.FILLED


@pytest.mark.parametrize("cause", FORBIDDING)
def test_what_must_not_be_sent_any_more_is_not_claimed_with_an_answer(bench: Bench, sql: Sql, cause: str) -> None:
    bench.plan("T1", entry_leg())
    (order_id,) = bench.plan("T2", entry_leg())
    (order,) = bench.claim()
    forbid = FORBIDDING[cause]
    if forbid is None:
        bench.plan("T2", exit_leg())
    else:
        sql(forbid)
    assert bench.ledger.write_all([answer(order)], connector_row, then=THEN).claimed == []
    assert (bench.order(order_id).state, bench.order(order_id).cause) == (S.NOT_SENT, cause)
    assert bench.row(order_id)["status"] == "SKIPPED"


def test_the_answer_to_an_attempt_says_nothing_of_a_later_one(bench: Bench) -> None:
    """Its commit was lost on the way back, so it is written again, when the leg is at its venue a second time."""
    bench.plan("T1", entry_leg())
    (first,) = bench.claim()
    stale = answer(first, S.PLANNED, delay=-1.0)
    bench.ledger.write_all([stale], connector_row)
    (again,) = bench.claim()
    assert (again.id, again.attempts) == (first.id, 2)
    written = bench.ledger.write_all([stale, answer(again)], connector_row, then=THEN)
    assert [order.state for order in written.orders.values()] == [S.FILLED]
    assert bench.events(first.id)[-2:] == [("PLANNED", "SENDING", "CLAIMED"), ("SENDING", "FILLED", "TEST")]


def test_an_entry_that_another_claims_between_a_look_and_its_lock_is_left_alone(
    bench: Bench, sql: Sql, database_url: str
) -> None:
    """For the one who is late the clock is slow: its claim has found the entry and not locked it yet."""
    (order_id,) = bench.plan("T1", entry_leg())
    sql("CREATE SCHEMA slow")
    sql(
        "CREATE FUNCTION slow.now() RETURNS timestamptz LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_sleep(0.3); RETURN clock_timestamp(); END'"
    )
    name = sql("SELECT current_database() AS name")[0]["name"]
    sql(f"ALTER DATABASE {name} SET search_path = slow, pg_catalog, public")

    def early() -> list[LedgerOrder]:
        time.sleep(0.1)
        return bench.claim(APEX_1)

    with closing(Database(database_url)) as slow:
        late = OrderLedger(slow, worker="late")
        _ = late.identity
        found = at_once(
            lambda: late.claim_entries((APEX_1,), connector_row, limit=1, lease=10.0, sweep=False)[0],
            early,
        )
    assert [[order.id for order in claimed] for claimed in found] == [[], [order_id]]  # type: ignore[attr-defined]
    assert bench.order(order_id).attempts == 1


def test_workers_never_claim_two_entries_of_an_account_at_once(bench: Bench, sql: Sql, database: Database) -> None:
    """Four workers claim and answer as fast as they can; by the record each account's entries follow one another."""
    trades = [f"T{number}" for number in range(20)]
    for trade in trades:
        bench.plan(trade, *(entry_leg(account, lifetime=3600.0) for account in ACCOUNTS))

    def work(name: str) -> None:
        ledger = OrderLedger(database, worker=name)
        held: list[LedgerOrder] = []
        while held or sql("SELECT 1 FROM execution_orders WHERE state IN ('PLANNED', 'SENDING') LIMIT 1"):
            if not held:
                held = ledger.claim_entries(ACCOUNTS, connector_row, limit=10, lease=60.0)[0]
            done, held = held[:1], held[1:]
            held += ledger.write_all(list(map(answer, done)), connector_row, then=THEN).claimed

    at_once(*(partial(work, f"w{number}") for number in range(4)))
    told = defaultdict(list)
    for row in sql(
        "SELECT e.program_id, e.firm_code, o.trade_id, e.to_state FROM execution_order_events e"
        " JOIN execution_orders o ON o.id = e.order_id WHERE e.to_state <> 'PLANNED' ORDER BY e.id"
    ):
        told[row["firm_code"], row["program_id"]].append((row["trade_id"], row["to_state"]))
    in_turn = [(trade, state) for trade in trades for state in ("SENDING", "FILLED")]
    assert dict(told) == {tuple(account): in_turn for account in ACCOUNTS}


def test_an_event_of_an_order_is_known_by_its_text(bench: Bench, database_url: str) -> None:
    """It makes no task due, so it wakes nobody who decides."""
    bench.plan("T1", entry_leg())
    (order,) = bench.claim()
    with Subscription(database_url, "router_events") as events:
        bench.ledger.write_all([answer(order)], connector_row)
        assert [is_of_order(text) for text in events.wait()] == [True]
    assert not is_of_order('{"event":"signal_stored","order":1}')
