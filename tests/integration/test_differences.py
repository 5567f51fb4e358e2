"""Differences between ledger and venue: accepted, or closed in the ledger by no more than they are."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from database.connection import Database
from database.differences import Differences
from database.operator_acts import NotKnown, NotPossible
from database.reconciliation import Difference, ReconciliationRecord, out_of_sync
from domain.account import AccountKey
from domain.acts import Settlement, Signature
from domain.contract import Contract
from domain.order_rows import connector_row
from domain.order_state import OrderState, Side
from routing.reconciler import position_difference
from tests.conftest import Sql
from tests.orders import APEX_1, APEX_2, FTMO_1, Bench, at_once, entry_leg, exit_leg

S = OrderState
ANNA, BEN = Signature("anna", "stopped out by hand"), Signature("ben", "phoned them")
ACCEPT, CLOSE = Settlement.ACCEPT, Settlement.CLOSE


@pytest.fixture
def bench(database: Database, sql: Sql) -> Bench:
    return Bench(database, sql)


@pytest.fixture
def differences(database: Database) -> Differences:
    return Differences(database)


class Venue:
    """Reconciles one account's contract as the router does, with what the venue is said to hold."""

    def __init__(self, database: Database, account: AccountKey = APEX_1, symbol: str = "NQZ6") -> None:
        self._record = ReconciliationRecord(database, worker="w1")
        self._account, self._symbol = account, symbol

    def holds(self, lots: str) -> int:
        """Return how many differences are new."""
        ledger = self._record.positions(self._account, settling=0.0).get(self._symbol)
        found: list[Difference] = []
        if ledger is not None and ledger.quantity != Decimal(lots):
            found = [position_difference(self._account, self._symbol, ledger, Decimal(lots))]
        return self._record.keep(self._account, found)


def unknown_position(database: Database, lots: str, symbol: str = "ESZ6") -> int:
    """A venue that holds what the ledger knows nothing of; return how many differences are new."""
    difference = Difference(
        kind="POSITION_WITHOUT_TRADE",
        symbol=symbol,
        ledger_quantity=Decimal(0),
        venue_quantity=Decimal(lots),
        proposal="accept it",
    )
    return ReconciliationRecord(database, worker="w1").keep(APEX_1, [difference])


def only(differences: Differences) -> dict[str, Any]:
    (row,) = differences.open()
    return row


def test_an_accepted_difference_lets_entries_pass_while_it_is_the_same(
    database: Database, differences: Differences, sql: Sql
) -> None:
    assert unknown_position(database, "1") == 1
    assert APEX_1 in out_of_sync(database)
    row = only(differences)
    assert (row["account"], row["kind"], row["venue_quantity"]) == ("APEX/1", "POSITION_WITHOUT_TRADE", 1)

    told = differences.settle(row["id"], ACCEPT, ANNA)
    assert (told["how"], told["closed"], told["account"]) == ("ACCEPTED", [], "APEX/1")
    assert out_of_sync(database) == {}
    assert (unknown_position(database, "1"), differences.open(), out_of_sync(database)) == (0, [], {})
    (kept,) = sql("SELECT settled_by, settled_how, reason FROM order_differences")
    assert kept == {"settled_by": "anna", "settled_how": "ACCEPTED", "reason": "stopped out by hand"}
    (act,) = sql("SELECT act, by, difference_id, details FROM operator_acts")
    assert act == {
        "act": "ACCEPT",
        "by": "anna",
        "difference_id": row["id"],
        "details": {"ledger_quantity": 0, "venue_quantity": 1, "closed": []},
    }

    assert unknown_position(database, "2") == 1, "more than was accepted is another difference"
    assert APEX_1 in out_of_sync(database)
    assert unknown_position(database, "1") == 0
    assert differences.open() == [], "it is again what was accepted"


def test_the_missing_trades_are_closed_the_oldest_first_and_no_more(
    bench: Bench, database: Database, differences: Differences, sql: Sql
) -> None:
    first, second, third = (bench.filled_entry(f"T{n}", n) for n in (1, 2, 3))
    other = bench.filled_entry("T9", 2, APEX_2)
    assert Venue(database).holds("4") == 1

    told = differences.settle(only(differences)["id"], CLOSE, ANNA)
    assert told["closed"] == [{"trade_id": "T1", "contracts": 1}, {"trade_id": "T2", "contracts": 1}]
    assert [int(bench.order(at).open_quantity) for at in (first, second, third, other)] == [0, 1, 3, 2]
    assert bench.events(second)[-1] == ("FILLED", "FILLED", "SETTLED_BY_HAND")
    assert bench.order(second).actor == "anna"
    assert sql("SELECT act, details -> 'closed' AS closed FROM operator_acts") == [
        {"act": "CLOSE_IN_LEDGER", "closed": told["closed"]}
    ]
    assert (Venue(database).holds("4"), differences.open()) == (0, [])


@pytest.mark.parametrize(("side", "venue"), [(Side.BUY, "0"), (Side.SELL, "0"), (Side.SELL, "-1")])
def test_longs_and_shorts_are_closed_alike(
    bench: Bench, database: Database, differences: Differences, side: Side, venue: str
) -> None:
    (order_id,) = bench.plan("T1", entry_leg(quantity=3, side=side))
    bench.claim()
    bench.become(order_id, S.FILLED, 3)
    Venue(database).holds(venue)
    differences.settle(only(differences)["id"], CLOSE, ANNA)
    assert bench.order(order_id).open_quantity == abs(Decimal(venue))


def test_only_the_side_that_is_missing_is_closed(bench: Bench, database: Database, differences: Differences) -> None:
    (short,) = bench.plan("SHORT", entry_leg(quantity=1, side=Side.SELL))
    bench.claim()
    bench.become(short, S.FILLED, 1)
    long = bench.filled_entry("LONG", 3)
    Venue(database).holds("0")
    told = differences.settle(only(differences)["id"], CLOSE, ANNA)
    assert told["closed"] == [{"trade_id": "LONG", "contracts": 2}]
    assert [int(bench.order(at).open_quantity) for at in (short, long)] == [1, 1]
    assert Venue(database).holds("0") == 0


@pytest.mark.parametrize(
    ("lots", "venue", "closed", "opened"),
    [("0.1", "0", "2", "0"), ("0.1", "0.15", "0.5", "1.5"), ("20", "20", "1", "1")],
)
def test_lots_are_counted_in_contracts(
    bench: Bench, database: Database, differences: Differences, lots: str, venue: str, closed: str, opened: str
) -> None:
    contract = Contract(root="NQ", symbol="US100", lots=Decimal(lots))
    (order_id,) = bench.plan("T1", entry_leg(quantity=2, contract=contract))
    bench.claim()
    bench.become(order_id, S.FILLED, 2)
    assert Venue(database, symbol="US100").holds(venue) == 1
    told = differences.settle(only(differences)["id"], CLOSE, ANNA)
    assert told["closed"] == [{"trade_id": "T1", "contracts": Decimal(closed)}]
    assert bench.order(order_id).open_quantity == Decimal(opened)
    assert Venue(database, symbol="US100").holds(venue) == 0


def test_what_is_no_exact_part_of_a_contract_is_not_closed(
    bench: Bench, database: Database, differences: Differences
) -> None:
    contract = Contract(root="NQ", symbol="US100", lots=Decimal("0.3"))
    (order_id,) = bench.plan("T1", entry_leg(quantity=1, contract=contract))
    bench.claim()
    bench.become(order_id, S.FILLED, 1)
    Venue(database, symbol="US100").holds("0.2")
    with pytest.raises(NotPossible, match=r"0\.1 lots are no exact part of trade T1"):
        differences.settle(only(differences)["id"], CLOSE, ANNA)
    assert bench.order(order_id).open_quantity == 1


def test_a_trade_in_two_contracts_is_not_closed_by_halves(
    bench: Bench, database: Database, differences: Differences
) -> None:
    (older,) = bench.plan("T1", entry_leg(quantity=2, contract=Contract(root="ES", symbol="ESZ6")))
    bench.claim()
    bench.become(older, S.FILLED, 2)
    bench.filled_entry("T1", 2)
    Venue(database).holds("1")
    with pytest.raises(NotPossible, match=r"T1 is open in another contract, too"):
        differences.settle(only(differences)["id"], CLOSE, ANNA)
    assert bench.order(older).open_quantity == 2


def test_what_the_venue_holds_more_is_not_closed_in_the_ledger(
    bench: Bench, database: Database, differences: Differences, sql: Sql
) -> None:
    entry = bench.filled_entry("T1", 2)
    for lots in ("3", "-1", "-2"):
        Venue(database).holds(lots)
        with pytest.raises(NotPossible, match=r"ledger 2, venue .* cannot be closed in the ledger"):
            differences.settle(only(differences)["id"], CLOSE, ANNA)
    Venue(database).holds("2")
    unknown_position(database, "1")
    with pytest.raises(NotPossible, match="POSITION_WITHOUT_TRADE"):
        differences.settle(only(differences)["id"], CLOSE, ANNA)
    assert bench.order(entry).open_quantity == 2
    assert sql("SELECT id FROM operator_acts") == []


def test_nothing_is_closed_while_the_ledger_moves_or_has_moved(
    bench: Bench, database: Database, differences: Differences
) -> None:
    entry = bench.filled_entry("T1", 2)
    Venue(database).holds("1")
    settle = partial(differences.settle, only(differences)["id"], CLOSE, ANNA)
    (exit_id,) = bench.plan("T1", exit_leg(asked_quantity=Decimal(1)))
    claimed = bench.ledger.claim_exit(bench.order(exit_id), connector_row, lease=10)
    assert claimed is not None
    with pytest.raises(NotPossible, match="orders of NQZ6 on APEX/1 are under way"):
        settle()
    bench.become(exit_id, S.FILLED, 1)
    with pytest.raises(NotPossible, match=r"the ledger has 1 lots of NQZ6 on APEX/1 by now, not 2"):
        settle()
    assert bench.order(entry).open_quantity == 1, "closing it again would close it twice"


def test_trades_that_the_difference_does_not_name_stay(
    bench: Bench, database: Database, differences: Differences, sql: Sql
) -> None:
    named = bench.filled_entry("T1", 1)
    Venue(database).holds("0")
    sql("UPDATE order_differences SET ledger_quantity = 3")
    late = bench.filled_entry("T2", 2)
    with pytest.raises(NotPossible, match="the trades it names hold 2 lots too few"):
        differences.settle(only(differences)["id"], CLOSE, ANNA)
    assert [int(bench.order(at).open_quantity) for at in (named, late)] == [1, 2]


def test_a_difference_is_settled_once(bench: Bench, database: Database, differences: Differences, sql: Sql) -> None:
    with pytest.raises(NotKnown, match="there is no difference 99"):
        differences.settle(99, ACCEPT, ANNA)
    entry = bench.filled_entry("T0", 20)
    for number in range(10):
        Venue(database).holds(str(19 - number))
        difference = only(differences)
        results = at_once(
            partial(differences.settle, difference["id"], CLOSE, ANNA),
            partial(differences.settle, difference["id"], CLOSE, BEN),
        )
        (refused,) = [str(result) for result in results if isinstance(result, NotPossible)]
        assert "is settled already: CLOSED_IN_LEDGER by " in refused
        assert bench.order(entry).open_quantity == 19 - number
        assert len(sql("SELECT id FROM operator_acts")) == number + 1


def test_what_is_gone_by_itself_cannot_be_settled(bench: Bench, database: Database, differences: Differences) -> None:
    bench.filled_entry("T1", 2)
    Venue(database).holds("1")
    row = only(differences)
    Venue(database).holds("2")
    with pytest.raises(NotPossible, match="is settled already: GONE by w1"):
        differences.settle(row["id"], CLOSE, ANNA)


def test_the_list_holds_what_is_open_the_oldest_first(
    bench: Bench, database: Database, differences: Differences
) -> None:
    for account in (FTMO_1, APEX_2, APEX_1):
        bench.filled_entry(f"T{account}", 2, account)
        Venue(database, account).holds("0")
    listed = differences.open()
    assert [row["account"] for row in listed] == ["FTMO/1", "APEX/2", "APEX/1"]
    assert listed[2]["details"]["trades"] == [{"trade_id": "TAPEX/1", "open": 2}]
