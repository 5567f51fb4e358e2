"""The order ledger: its state machine, its claims, what it reserves, and what of it can never be changed."""

from __future__ import annotations

import threading
from decimal import Decimal
from itertools import product
from typing import Any

import psycopg2.errors
import pytest

from database.connection import Database, Row, StatementRefused, Transaction
from database.orders import Change, exposures, lock_accounts, open_trades
from domain.order_rows import connector_row
from domain.order_state import ALLOWED, OrderState
from tests.conftest import Sql
from tests.orders import APEX_1, APEX_2, FTMO_1, Bench, entry_leg, exit_leg

S = OrderState
# How a leg comes to each state, from PLANNED.
PATHS: dict[OrderState, tuple[OrderState, ...]] = {
    S.PLANNED: (),
    S.SENDING: (S.SENDING,),
    S.ACCEPTED: (S.SENDING, S.ACCEPTED),
    S.PARTIALLY_FILLED: (S.SENDING, S.PARTIALLY_FILLED),
    S.FILLED: (S.SENDING, S.FILLED),
    S.REJECTED: (S.SENDING, S.REJECTED),
    S.CANCELLED: (S.SENDING, S.CANCELLED),
    S.NOT_SENT: (S.NOT_SENT,),
    S.UNRESOLVED: (S.SENDING, S.UNRESOLVED),
}


@pytest.fixture
def bench(database: Database, sql: Sql) -> Bench:
    return Bench(database, sql)


def drive(sql: Sql, order_id: int, state: OrderState) -> None:
    """Change a leg by SQL alone, as somebody with psql would."""
    filled = {S.FILLED: 2, S.PARTIALLY_FILLED: 1}.get(state, 0)
    sending = state is S.SENDING
    sql(
        "UPDATE execution_orders SET state = %s, filled = GREATEST(filled, %s), worker = %s, lease_until = %s,"
        " sent_at = COALESCE(sent_at, now()), cause = 'BY_HAND' WHERE id = %s",
        str(state),
        filled,
        "w1" if sending else None,
        "2099-01-01" if sending else None,
        order_id,
    )


def test_the_databases_transitions_are_those_of_the_domain(sql: Sql) -> None:
    rows = sql("SELECT from_state, to_state FROM order_transitions")
    assert {(row["from_state"], row["to_state"]) for row in rows} == {
        (str(now), str(then)) for now, following in ALLOWED.items() for then in following
    }


@pytest.mark.parametrize("now", list(S))
def test_the_database_refuses_every_change_that_is_not_allowed(bench: Bench, sql: Sql, now: OrderState) -> None:
    for number, then in enumerate(S):
        (order_id,) = bench.plan(f"T{number}", entry_leg())
        for step in PATHS[now]:
            drive(sql, order_id, step)
        if then is now:
            continue
        if then in ALLOWED[now]:
            drive(sql, order_id, then)
            assert bench.order(order_id).state is then
        else:
            with pytest.raises(psycopg2.errors.CheckViolation, match="may not change from"):
                drive(sql, order_id, then)
            assert bench.order(order_id).state is now


def test_every_change_is_an_event_and_events_stay(bench: Bench, sql: Sql) -> None:
    (order_id,) = bench.plan("T1", entry_leg())
    (order,) = bench.claim()
    bench.become(order_id, S.UNRESOLVED, cause="NO_CLEAR_ANSWER", answer={"error": "timed out"})
    bench.become(order_id, S.PARTIALLY_FILLED, 1, venue_order_id="V1", cause="FOUND_AT_VENUE")
    bench.become(order_id, S.FILLED, 2, cause="FOLLOWED")

    assert bench.events(order_id) == [
        (None, "PLANNED", "APPROVED"),
        ("PLANNED", "SENDING", "CLAIMED"),
        ("SENDING", "UNRESOLVED", "NO_CLEAR_ANSWER"),
        ("UNRESOLVED", "PARTIALLY_FILLED", "FOUND_AT_VENUE"),
        ("PARTIALLY_FILLED", "FILLED", "FOLLOWED"),
    ]
    answers = sql("SELECT answer FROM execution_order_events WHERE to_state = 'UNRESOLVED'")
    assert answers[0]["answer"] == {"error": "timed out"}
    for change in (
        "UPDATE execution_order_events SET cause = 'x'",
        "DELETE FROM execution_order_events",
        "TRUNCATE execution_order_events",
        "DELETE FROM execution_orders",
        "UPDATE execution_orders SET client_order_id = 'aaaaaaaaaaaaaaaaaaaa'",
        "UPDATE execution_orders SET trade_id = 'T2'",
        "UPDATE execution_orders SET quantity = 3",
        "UPDATE execution_orders SET filled = 1",
    ):
        with pytest.raises(psycopg2.errors.CheckViolation):
            sql(change)
    assert order.client_order_id == bench.order(order_id).client_order_id


def test_a_prolonged_lease_is_no_event(bench: Bench) -> None:
    (order_id,) = bench.plan("T1", entry_leg())
    bench.claim()
    before = bench.events(order_id)
    bench.ledger.renew([order_id], lease=60)
    assert bench.events(order_id) == before


def test_a_leg_is_written_down_once(bench: Bench, database: Database) -> None:
    task_id = bench.task("T1")
    with database.transaction() as transaction:
        bench.ledger.plan(transaction, task_id, "T1", [entry_leg()])
    with pytest.raises(StatementRefused, match="duplicate key"), database.transaction() as transaction:
        bench.ledger.plan(transaction, task_id, "T1", [entry_leg()])
    assert len(bench.sql("SELECT id FROM execution_orders")) == 1


@pytest.mark.parametrize(
    ("state", "filled", "status"),
    [
        (S.ACCEPTED, 0, "SUCCESS"),
        (S.PARTIALLY_FILLED, 1, "SUCCESS"),
        (S.FILLED, 2, "SUCCESS"),
        (S.CANCELLED, 1, "SUCCESS"),
        (S.CANCELLED, 0, "FAILED"),
        (S.REJECTED, 0, "FAILED"),
        (S.UNRESOLVED, 0, "UNRESOLVED"),
        (S.NOT_SENT, 0, "FAILED"),
    ],
)
def test_the_log_says_what_the_ledger_says(bench: Bench, state: OrderState, filled: int, status: str) -> None:
    first, second = bench.plan("T1", entry_leg(APEX_1), entry_leg(APEX_2))
    bench.claim()
    bench.become(first, state, filled, venue_order_id="V7", message="as it is", average_price=Decimal("16501.25"))

    row = bench.row(first)
    assert (row["status"], row["order_id"], row["message"]) == (status, "V7", "as it is")
    assert row["details"]["filled"] == filled
    assert row["details"]["state"] == str(state)
    assert row["routed"] is (status == "SUCCESS")
    assert bench.row(second)["status"] == "PENDING"


def test_one_entry_of_an_account_at_a_time_and_in_order(bench: Bench) -> None:
    first, second = (bench.plan(f"T{n}", entry_leg())[0] for n in (1, 2))
    (other,) = bench.plan("T3", entry_leg(APEX_2))

    assert [order.id for order in bench.claim()] == [first, other]
    assert bench.claim() == []
    bench.become(first, S.UNRESOLVED)
    assert bench.claim() == [], "entries wait while one is unresolved"
    bench.become(first, S.ACCEPTED)
    assert [order.id for order in bench.claim()] == [second]


def test_only_the_given_accounts_are_claimed(bench: Bench) -> None:
    bench.plan("T1", entry_leg(APEX_1))
    assert bench.claim(APEX_2) == []
    assert bench.claim(APEX_1, limit=0) == []
    assert len(bench.claim(APEX_1)) == 1


@pytest.mark.parametrize(
    ("firm", "program", "stopped"), [(None, None, {"A", "B", "C"}), ("APEX", None, {"A", "B"}), ("APEX", 1, {"A"})]
)
def test_a_halt_gives_up_what_was_not_sent(
    bench: Bench, sql: Sql, firm: str | None, program: int | None, stopped: set[str]
) -> None:
    for trade, account in (("A", APEX_1), ("B", APEX_2), ("C", FTMO_1)):
        bench.plan(trade, entry_leg(account))
    sql(
        "INSERT INTO trading_halts (firm_code, program_id, level, reason, set_by) VALUES (%s, %s, 'ENTRIES', 'x', 'y')",
        firm,
        program,
    )
    assert bench.give_up() == dict.fromkeys(stopped, "TRADING_HALTED")
    assert {order.trade_id for order in bench.claim()} == {"A", "B", "C"} - stopped


@pytest.mark.parametrize(("flag", "value", "gone"), [
    ("paused", "true", True), ("halted", "true", True), ("reduce_only", '"yes"', True), ("paused", "false", False),
    ("paused", "null", False), ("note", "true", False),
])  # fmt: skip
def test_a_flag_of_the_account_gives_up_its_entries(bench: Bench, sql: Sql, flag: str, value: str, gone: bool) -> None:
    bench.plan("T1", entry_leg())
    sql("INSERT INTO account_flags (firm_code, program_id, name, value) VALUES ('APEX', 1, %s, %s)", flag, value)
    assert bench.give_up() == ({"T1": "ACCOUNT_PAUSED"} if gone else {})


def test_an_entry_that_is_too_old_is_given_up(bench: Bench, sql: Sql) -> None:
    (old,) = bench.plan("T1", entry_leg(lifetime=0.0))
    bench.plan("T2", entry_leg(APEX_2))
    assert bench.give_up() == {"T1": "SIGNAL_EXPIRED"}
    assert bench.order(old).state is S.NOT_SENT
    # Committed together: a worker that is killed right behind it leaves no row that waits for ever.
    assert (bench.row(old)["status"], bench.row(old)["reason"]) == ("SKIPPED", "SIGNAL_EXPIRED")


def test_an_entry_that_waited_for_an_unresolved_one_says_so(bench: Bench) -> None:
    (first,) = bench.plan("T1", entry_leg())
    bench.claim()
    bench.become(first, S.UNRESOLVED)
    bench.plan("T2", entry_leg(lifetime=0.0))
    assert bench.give_up() == {"T2": "ACCOUNT_UNRESOLVED"}


def test_an_entry_whose_trade_is_being_closed_is_given_up(bench: Bench) -> None:
    bench.plan("T1", entry_leg(APEX_1), entry_leg(APEX_2))
    bench.plan("T1", exit_leg(APEX_1))
    assert bench.give_up() == {"T1": "TRADE_CLOSED"}
    assert [order.account for order in bench.claim()] == [APEX_2]


@pytest.mark.parametrize(
    ("opened", "ask", "quantity", "remaining"),
    [
        (3, {}, 3, 0),
        (3, {"asked_quantity": Decimal(1)}, 1, 2),
        (3, {"asked_quantity": Decimal(3)}, 3, 0),
        (3, {"asked_quantity": Decimal(9)}, 3, 0),
        (3, {"asked_percent": Decimal(50)}, 2, 1),
        (4, {"asked_percent": Decimal(50)}, 2, 2),
        (1, {"asked_percent": Decimal(1)}, 1, 0),
        (3, {"asked_percent": Decimal(100)}, 3, 0),
    ],
)
def test_an_exit_is_sized_from_what_is_open(
    bench: Bench, opened: int, ask: dict[str, Any], quantity: int, remaining: int
) -> None:
    entry = bench.filled_entry("T1", opened)
    (order_id,) = bench.plan("T1", exit_leg(**ask))
    claimed = bench.ledger.claim_exit(bench.order(order_id), connector_row, lease=10)
    assert claimed is not None
    assert claimed.order.state is S.SENDING
    assert (claimed.order.quantity, claimed.remaining) == (Decimal(quantity), Decimal(remaining))
    assert claimed.entries == (bench.order(entry).client_order_id,)

    bench.become(order_id, S.FILLED, quantity)
    assert bench.order(entry).open_quantity == remaining
    assert (bench.row(entry)["status"], bench.row(order_id)["status"]) == ("SUCCESS", "SUCCESS")


def test_an_exit_of_what_is_closed_is_not_sent(bench: Bench) -> None:
    bench.filled_entry("T1")
    first, second = bench.plan("T1", exit_leg())[0], bench.plan("T1", exit_leg())[0]
    bench.ledger.claim_exit(bench.order(first), connector_row, lease=10)
    bench.become(first, S.FILLED, 2)
    claimed = bench.ledger.claim_exit(bench.order(second), connector_row, lease=10)
    assert claimed is not None
    assert (claimed.order.state, claimed.order.cause) == (S.NOT_SENT, "NOTHING_OPEN")
    assert (bench.row(second)["status"], bench.row(second)["reason"]) == ("SKIPPED", "NOTHING_OPEN")


def due(bench: Bench) -> list[int]:
    return [order.id for order in bench.ledger.exits_due([FTMO_1, APEX_1, APEX_2], limit=10).orders]


@pytest.mark.parametrize("state", [S.SENDING, S.UNRESOLVED, S.ACCEPTED, S.PARTIALLY_FILLED])
def test_an_exit_waits_while_its_entry_is_in_doubt_and_others_pass(bench: Bench, state: OrderState) -> None:
    bench.filled_entry("T2")
    (entry,) = bench.plan("T1", entry_leg())
    bench.claim()
    if state is not S.SENDING:
        bench.become(entry, state, 1 if state is S.PARTIALLY_FILLED else 0)
    (waits,) = bench.plan("T1", exit_leg())
    (passes,) = bench.plan("T2", exit_leg())

    assert due(bench) == [passes]
    bench.become(entry, S.FILLED, 2)
    assert due(bench) == [waits], "one of a contract at a time, the oldest"


def test_an_exit_never_closes_for_an_entry_that_was_not_sent(bench: Bench) -> None:
    """Another worker's claim holds the entry at the moment at which it should be given up: the exit waits for that."""
    bench.filled_entry("T2")
    (entry,) = bench.plan("T1", entry_leg())
    (waits,) = bench.plan("T1", exit_leg())
    assert due(bench) == []
    assert bench.ledger.claim_exit(bench.order(waits), connector_row, lease=10) is None
    bench.give_up()
    assert due(bench) == [waits]
    claimed = bench.ledger.claim_exit(bench.order(waits), connector_row, lease=10)
    assert claimed is not None
    assert (bench.order(entry).state, claimed.order.cause) == (S.NOT_SENT, "NOTHING_OPEN")


@pytest.mark.parametrize(
    ("forbid", "cause"),
    [
        (
            "INSERT INTO trading_halts (level, reason, set_by) VALUES ('ENTRIES', 'test', 'test')",
            "TRADING_HALTED",
        ),
        (
            "INSERT INTO account_flags (firm_code, program_id, name, value) VALUES ('APEX', 1, 'paused', 'true')",
            "ACCOUNT_PAUSED",
        ),
    ],
)
def test_an_entry_that_was_not_held_against_a_halt_is_not_claimed(
    bench: Bench, sql: Sql, monkeypatch: pytest.MonkeyPatch, forbid: str, cause: str
) -> None:
    """An entry that its venue did not take for now comes back while a claim has begun and not looked yet."""
    (order_id,) = bench.plan("T1", entry_leg())
    bench.claim()
    sql(forbid)
    run = Transaction.rows

    def rows(self: Transaction, name: str, /, **values: Any) -> list[Row]:
        if name == "claim_entries":
            monkeypatch.undo()
            bench.become(order_id, S.PLANNED, delay=-1.0)
        return run(self, name, **values)

    monkeypatch.setattr(Transaction, "rows", rows)
    assert bench.claim() == []
    assert (bench.order(order_id).state, bench.order(order_id).cause) == (S.NOT_SENT, cause)


def test_exits_of_one_contract_go_one_after_another(bench: Bench) -> None:
    for trade in ("T1", "T2"):
        bench.filled_entry(trade)
    bench.filled_entry("T3", account=APEX_2)
    first, second, other = (
        bench.plan(trade, exit_leg(account))[0] for trade, account in (("T1", APEX_1), ("T2", APEX_1), ("T3", APEX_2))
    )
    assert due(bench) == [first, other]
    bench.ledger.claim_exit(bench.order(first), connector_row, lease=10)
    assert due(bench) == [other]
    assert bench.ledger.claim_exit(bench.order(second), connector_row, lease=10) is None
    bench.become(first, S.UNRESOLVED)
    assert due(bench) == [second, other], "exits pass an unresolved one of another trade"


def test_what_the_account_did_not_hold_is_closed_in_the_ledger(bench: Bench) -> None:
    entry = bench.filled_entry("T1", 3)
    (order_id,) = bench.plan("T1", exit_leg())
    bench.ledger.claim_exit(bench.order(order_id), connector_row, lease=10)
    bench.become(order_id, S.CANCELLED, 0, not_held=Decimal(3))
    assert bench.order(entry).open_quantity == 0
    assert bench.row(order_id)["status"] == "SKIPPED"
    assert bench.row(order_id)["reason"] == "NOTHING_OPEN"


def test_closing_goes_to_the_oldest_entries_first(bench: Bench) -> None:
    first, second = bench.filled_entry("T1", 2), bench.filled_entry("T1", 3)
    (order_id,) = bench.plan("T1", exit_leg(asked_quantity=Decimal(4)))
    bench.ledger.claim_exit(bench.order(order_id), connector_row, lease=10)
    bench.become(order_id, S.PARTIALLY_FILLED, 1)
    assert [bench.order(entry).closed for entry in (first, second)] == [1, 0]
    bench.become(order_id, S.FILLED, 4)
    assert [bench.order(entry).closed for entry in (first, second)] == [2, 2]


def test_a_refused_exit_is_replaced_by_another_leg_for_the_rest(bench: Bench) -> None:
    entry = bench.filled_entry("T1", 4)
    (order_id,) = bench.plan("T1", exit_leg(asked_quantity=Decimal(3)))
    claimed = bench.ledger.claim_exit(bench.order(order_id), connector_row, lease=10)
    assert claimed is not None
    change = Change(state=S.CANCELLED, cause="ANSWERED", actor="w", filled=Decimal(1))
    bench.ledger.write(order_id, change, connector_row, replace_after=0.0)
    (again,) = bench.sql("SELECT * FROM execution_orders WHERE leg = 2")
    assert (again["state"], again["asked_quantity"], again["purpose"]) == ("PLANNED", 2, "EXIT")
    assert again["client_order_id"] != bench.order(order_id).client_order_id
    assert bench.order(entry).open_quantity == 3


def test_what_is_open_or_may_be_is_reserved(bench: Bench, database: Database, sql: Sql) -> None:
    for n, account in enumerate((APEX_1, APEX_2, APEX_1)):
        bench.plan(f"T{n}", entry_leg(account))
    (unresolved,) = bench.plan("T3", entry_leg(FTMO_1))
    bench.plan("T4", entry_leg(APEX_1, worst_case=None))
    bench.claim(APEX_2, FTMO_1)
    bench.become(unresolved, S.UNRESOLVED)
    with database.transaction() as transaction:
        lock_accounts(transaction, [APEX_1, APEX_2, FTMO_1])
        found = exposures(transaction, [APEX_1, APEX_2, FTMO_1])
    assert {key: {(leg.quantity, leg.risk, leg.settled) for leg in one.legs} for key, one in found.items()} == {
        APEX_1: {(4, 2000, False), (2, None, False)},
        APEX_2: {(2, 1000, False)},
        FTMO_1: {(2, 1000, False)},
    }
    assert (found[FTMO_1].unresolved, found[APEX_1].unresolved) == (1, 0)


@pytest.mark.parametrize(
    ("asked", "seen_after", "reserved"), [(2, True, 0), (2, False, 1000), (1, True, 500), (1, False, 1000)]
)
def test_what_was_closed_stays_reserved_until_its_account_was_seen(
    bench: Bench, database: Database, sql: Sql, asked: int, seen_after: bool, reserved: int
) -> None:
    sql(
        "INSERT INTO account_states (firm_code, program_id, version, source, observed_at, received_at, equity)"
        " VALUES ('APEX', 1, 1, 'PLATFORM', now() + %s::interval, now(), 50000)",
        "1 minute" if seen_after else "-1 minute",
    )
    bench.filled_entry("T1")
    (order_id,) = bench.plan("T1", exit_leg(asked_quantity=Decimal(asked)))
    bench.ledger.claim_exit(bench.order(order_id), connector_row, lease=10)
    bench.become(order_id, S.FILLED, asked)
    with database.transaction() as transaction:
        found = exposures(transaction, [APEX_1])
    legs = [leg for one in found.values() for leg in one.legs]
    assert sum(leg.risk or 0 for leg in legs) == reserved
    assert sum(leg.quantity for leg in legs) == 2 - asked


def test_the_open_entries_of_a_trade(bench: Bench, database: Database) -> None:
    entry = bench.filled_entry("T1")
    with database.transaction() as transaction:
        assert [order.id for order in open_trades(transaction, ["T1", "T9"])["T1"]] == [entry]


def test_a_lost_leg_is_unresolved_and_its_own_worker_may_still_say_how_it_ended(bench: Bench) -> None:
    (order_id,) = bench.plan("T1", entry_leg())
    bench.claim(lease=0.0)
    assert [order.id for order in bench.ledger.take_over_lost(connector_row)] == [order_id]
    assert bench.ledger.take_over_lost(connector_row) == []
    assert (bench.row(order_id)["status"], bench.row(order_id)["reason"]) == ("UNRESOLVED", "WORKER_LOST")
    assert bench.become(order_id, S.FILLED, 2) is not None
    assert bench.become(order_id, S.UNRESOLVED) is None


def test_a_lease_that_runs_is_not_lost(bench: Bench) -> None:
    bench.plan("T1", entry_leg())
    bench.claim(lease=30.0)
    assert bench.ledger.take_over_lost(connector_row) == []


@pytest.mark.parametrize(("workers", "legs"), list(product([2, 8], [20])))
def test_workers_never_claim_a_leg_twice(bench: Bench, workers: int, legs: int) -> None:
    accounts = [APEX_1, APEX_2, FTMO_1]
    ids = [bench.plan(f"T{n}", entry_leg(accounts[n % 3]))[0] for n in range(legs)]
    claimed: list[int] = []
    start = threading.Barrier(workers)

    def work() -> None:
        start.wait()
        while len(claimed) < legs:
            for order in bench.claim():
                claimed.append(order.id)
                bench.become(order.id, S.FILLED, 2)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == ids


def test_an_exit_that_is_planned_is_known_to_wait_until_it_is_sent(bench: Bench) -> None:
    def look() -> tuple[int, bool]:
        found = bench.ledger.exits_due([FTMO_1, APEX_1, APEX_2], limit=10)
        return len(found.orders), found.waiting

    assert look() == (0, False)
    bench.plan("T1", entry_leg())
    assert look() == (0, False)
    bench.claim()
    (exit_id,) = bench.plan("T1", exit_leg())
    # Its entry is on its way.
    assert look() == (0, True)
    (entry,) = bench.sql("SELECT id FROM execution_orders WHERE purpose = 'ENTRY'")
    bench.become(entry["id"], OrderState.FILLED, 2)
    assert look() == (1, True)
    bench.ledger.claim_exit(bench.order(exit_id), connector_row, lease=10.0)
    assert look() == (0, False)
