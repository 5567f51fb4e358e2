"""Orders that a person resolves: what may be said of them, what follows, and that one word counts."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from database.connection import Database
from database.operator_acts import NotKnown, NotPossible
from database.operator_desk import OperatorDesk
from database.order_inspection import OrderInspection
from domain.account import AccountKey
from domain.acts import OrderFilter, Outcome, Resolution, Signature
from domain.order_rows import connector_row
from domain.order_state import OrderState
from tests.conftest import Sql
from tests.orders import APEX_1, APEX_2, FTMO_1, Bench, at_once, entry_leg, exit_leg

S = OrderState
ANNA = Signature("anna", "seen at the venue")
BEN = Signature("ben", "phoned them")


@pytest.fixture
def bench(database: Database, sql: Sql) -> Bench:
    return Bench(database, sql)


@pytest.fixture
def desk(database: Database) -> OperatorDesk:
    return OperatorDesk(database)


def said(outcome: Outcome, filled: int | None = None, **changes: Any) -> Resolution:
    return Resolution(outcome=outcome, filled=None if filled is None else Decimal(filled), **changes)


def unresolved_entry(bench: Bench, trade_id: str, quantity: int = 3, account: AccountKey = APEX_1) -> int:
    (order_id,) = bench.plan(trade_id, entry_leg(account, quantity))
    bench.claim(account)
    bench.become(order_id, S.UNRESOLVED)
    return order_id


def unresolved_exit(bench: Bench, trade_id: str, **changes: Any) -> int:
    (order_id,) = bench.plan(trade_id, exit_leg(**changes))
    claimed = bench.ledger.claim_exit(bench.order(order_id), connector_row, lease=10)
    assert claimed is not None
    bench.become(order_id, S.UNRESOLVED)
    return order_id


@pytest.mark.parametrize(
    ("resolution", "state", "filled", "opened", "status"),
    [
        (said(Outcome.FILLED, 3), S.FILLED, 3, 3, "SUCCESS"),
        (said(Outcome.CANCELLED, 1), S.CANCELLED, 1, 1, "SUCCESS"),
        (said(Outcome.CANCELLED), S.CANCELLED, 0, 0, "FAILED"),
        (said(Outcome.REJECTED), S.REJECTED, 0, 0, "FAILED"),
        (said(Outcome.NOT_SENT), S.NOT_SENT, 0, 0, "FAILED"),
    ],
)
def test_an_entry_ends_as_a_person_says(
    bench: Bench,
    desk: OperatorDesk,
    resolution: Resolution,
    state: OrderState,
    filled: int,
    opened: int,
    status: str,
) -> None:
    order_id = unresolved_entry(bench, "T1")
    told = desk.resolve(order_id, resolution, ANNA)

    order, row = bench.order(order_id), bench.row(order_id)
    assert (order.state, int(order.filled), int(order.open_quantity)) == (state, filled, opened)
    assert (order.cause, order.actor) == ("RESOLVED_BY_HAND", "anna")
    assert bench.events(order_id)[-1] == ("UNRESOLVED", str(state), "RESOLVED_BY_HAND")
    assert (row["status"], row["message"]) == (status, "Resolved by anna: seen at the venue")
    assert row["details"]["state"] == str(state)
    assert (told["order"]["state"], told["replaced_by"]) == (str(state), None)
    assert len(bench.sql("SELECT id FROM execution_orders")) == 1, "an entry is never sent again"


def test_what_the_venue_calls_it_and_at_what_price_is_kept(bench: Bench, desk: OperatorDesk, sql: Sql) -> None:
    order_id = unresolved_entry(bench, "T1")
    resolution = said(Outcome.FILLED, 3, average_price=Decimal("16501.25"), venue_order_id="V-9")
    desk.resolve(order_id, resolution, ANNA)

    order = bench.order(order_id)
    assert (order.average_price, order.venue_order_id) == (Decimal("16501.25"), "V-9")
    (act,) = sql("SELECT act, by, reason, order_id, details FROM operator_acts")
    assert act == {
        "act": "RESOLVE",
        "by": "anna",
        "reason": "seen at the venue",
        "order_id": order_id,
        "details": {
            "from_state": "UNRESOLVED",
            "outcome": "FILLED",
            "filled": 3,
            "average_price": 16501.25,
            "venue_order_id": "V-9",
        },
    }
    (event,) = sql("SELECT answer FROM execution_order_events WHERE cause = 'RESOLVED_BY_HAND'")
    assert event["answer"] == {"resolved_by": "anna", "reason": "seen at the venue"}


def test_what_an_exit_has_closed_is_closed_and_the_rest_goes_to_another_leg(bench: Bench, desk: OperatorDesk) -> None:
    cases = (
        ("FULL", said(Outcome.FILLED, 3), 0, None),
        ("PART", said(Outcome.CANCELLED, 1), 2, 2),
        ("NONE", said(Outcome.CANCELLED), 3, 3),
        ("REFUSED", said(Outcome.REJECTED), 3, 3),
        ("ABSENT", said(Outcome.NOT_SENT), 3, 3),
    )
    for trade, resolution, opened, asked in cases:
        entry = bench.filled_entry(trade, 3)
        order_id = unresolved_exit(bench, trade, asked_quantity=Decimal(3))
        told = desk.resolve(order_id, resolution, ANNA)["replaced_by"]

        assert bench.order(entry).open_quantity == opened, trade
        if asked is None:
            assert told is None, trade
            continue
        leg = bench.order(told["id"])
        assert (leg.state, leg.leg, told["asked_quantity"], told["actor"]) == (S.PLANNED, 2, asked, "anna"), trade
        claimed = bench.ledger.claim_exit(leg, connector_row, lease=10)
        assert claimed is not None, trade
        assert claimed.order.quantity == opened, trade
        bench.become(leg.id, S.FILLED, opened)


def test_an_exit_of_everything_is_replaced_by_one_of_everything(bench: Bench, desk: OperatorDesk) -> None:
    bench.filled_entry("T1", 3)
    told = desk.resolve(unresolved_exit(bench, "T1"), said(Outcome.CANCELLED, 1), ANNA)["replaced_by"]
    assert (told["asked_quantity"], told["asked_percent"]) == (None, None)


@pytest.mark.parametrize(
    ("resolution", "words"),
    [
        (said(Outcome.FILLED, 4), "4 cannot be filled of it"),
        (said(Outcome.CANCELLED, 4), "4 cannot be filled of it"),
        (said(Outcome.FILLED, 2), "its outcome is cancelled"),
        (said(Outcome.CANCELLED, 3), "its outcome is filled"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    bench: Bench, desk: OperatorDesk, sql: Sql, resolution: Resolution, words: str
) -> None:
    order_id = unresolved_entry(bench, "T1")
    before = bench.events(order_id)
    with pytest.raises(NotPossible, match=words):
        desk.resolve(order_id, resolution, ANNA)
    assert bench.events(order_id) == before
    assert sql("SELECT id FROM operator_acts") == []


def test_only_an_order_in_doubt_is_resolved(bench: Bench, desk: OperatorDesk) -> None:
    with pytest.raises(NotKnown, match="there is no order 99"):
        desk.resolve(99, said(Outcome.NOT_SENT), ANNA)
    (order_id,) = bench.plan("T1", entry_leg(quantity=3))
    steps: list[tuple[Callable[[], object], str]] = [
        (lambda: None, r"order \d+ is PLANNED: there is nothing to resolve \(APPROVED, w1\)"),
        (bench.claim, "is being sent at this moment by w1: wait until"),
        (lambda: bench.become(order_id, S.ACCEPTED), "is ACCEPTED: there is nothing to resolve"),
        (lambda: bench.become(order_id, S.PARTIALLY_FILLED, 1), "is PARTIALLY_FILLED: "),
        (lambda: bench.become(order_id, S.FILLED, 3), r"is FILLED: there is nothing to resolve \(TEST, test\)"),
    ]
    for step, words in steps:
        step()
        with pytest.raises(NotPossible, match=words):
            desk.resolve(order_id, said(Outcome.NOT_SENT), ANNA)


def test_an_order_whose_worker_was_lost_is_resolved(bench: Bench, desk: OperatorDesk) -> None:
    (order_id,) = bench.plan("T1", entry_leg(quantity=3))
    bench.claim(lease=0.0)
    assert desk.resolve(order_id, said(Outcome.NOT_SENT), ANNA)["order"]["state"] == "NOT_SENT"
    assert bench.order(order_id).sent_at is None
    assert bench.become(order_id, S.FILLED, 3) is None, "what its worker says after that is too late"


def test_a_planned_order_is_never_locked(bench: Bench, desk: OperatorDesk, database: Database) -> None:
    (order_id,) = bench.plan("T1", entry_leg())
    with database.transaction() as transaction:
        transaction.rows("lock_order", order_id=order_id)
        with pytest.raises(NotPossible, match="is PLANNED"):
            desk.resolve(order_id, said(Outcome.NOT_SENT), ANNA)


def test_of_two_words_at_the_same_moment_one_counts(bench: Bench, desk: OperatorDesk, sql: Sql) -> None:
    bench.filled_entry("T0", 3)
    for number in range(1, 11):
        order_id = unresolved_exit(bench, "T0") if number % 2 else unresolved_entry(bench, f"T{number}", 3)
        by_anna, by_ben = at_once(
            partial(desk.resolve, order_id, said(Outcome.CANCELLED), ANNA),
            partial(desk.resolve, order_id, said(Outcome.REJECTED), BEN),
        )
        assert isinstance(by_anna, NotPossible) is not isinstance(by_ben, NotPossible)
        winner, refused = ("ben", str(by_anna)) if isinstance(by_anna, NotPossible) else ("anna", str(by_ben))
        assert f"there is nothing to resolve (RESOLVE by {winner} at " in refused
        assert [row["by"] for row in sql("SELECT by FROM operator_acts WHERE order_id = %s", order_id)] == [winner]
        legs = sql("SELECT * FROM execution_orders WHERE leg = 2 AND task_id = %s", bench.order(order_id).task_id)
        assert len(legs) == number % 2
        for leg in legs:
            bench.become(leg["id"], S.NOT_SENT)


# Looking at orders.


def test_orders_are_found_by_account_trade_state_and_what_is_open(bench: Bench, database: Database) -> None:
    filled, unresolved = bench.filled_entry("T1", 2), unresolved_entry(bench, "T2", account=APEX_2)
    (planned,) = bench.plan("T3", entry_leg(FTMO_1))
    closed = bench.filled_entry("T4", 1, FTMO_1) if bench.become(planned, S.NOT_SENT) else 0
    (exit_id,) = bench.plan("T4", exit_leg(FTMO_1))
    bench.ledger.claim_exit(bench.order(exit_id), connector_row, lease=10)
    bench.become(exit_id, S.FILLED, 1)
    (waiting,) = bench.plan("T1", exit_leg())

    def found(**wanted: Any) -> list[int]:
        return [row["id"] for row in OrderInspection(database).orders(OrderFilter(**wanted))]

    assert found() == [waiting, exit_id, closed, planned, unresolved, filled]
    assert found(limit=2) == [waiting, exit_id]
    assert found(account=APEX_1) == [waiting, filled]
    assert found(account=FTMO_1, state=S.FILLED) == [exit_id, closed]
    assert found(trade_id="T2") == [unresolved]
    assert found(trade_id="T9") == []
    assert found(state=S.NOT_SENT) == [planned]
    assert found(only_open=True) == [waiting, unresolved, filled]
    assert found(only_open=True, account=APEX_2) == [unresolved]


def test_one_order_is_shown_with_its_events_and_what_persons_did(
    bench: Bench, desk: OperatorDesk, database: Database
) -> None:
    bench.filled_entry("T1", 3)
    order_id = unresolved_exit(bench, "T1")
    desk.resolve(order_id, said(Outcome.CANCELLED, 1), ANNA)
    shown = OrderInspection(database).order(order_id)
    assert (shown["account"], shown["contract"], shown["state"], shown["filled"]) == ("APEX/1", "NQZ6", "CANCELLED", 1)
    assert [event["to_state"] for event in shown["events"]] == ["PLANNED", "SENDING", "UNRESOLVED", "CANCELLED"]
    assert [(act["act"], act["by"]) for act in shown["acts"]] == [("RESOLVE", "anna")]
    assert shown["replaced_by"] == order_id + 1
    with pytest.raises(NotKnown, match="there is no order 99"):
        OrderInspection(database).order(99)
