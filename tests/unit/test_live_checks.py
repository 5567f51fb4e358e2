"""What stands in an entry's way besides its account's rules: a halt, its age, its direction, what is open already."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_engine.rule_engine import evaluate_standing
from config.instruments import exchange_instruments
from domain.ledger import Exposure, OpenLeg
from domain.rules import Rule
from risk_engine.decision import AccountDecision, Approved
from risk_engine.live_checks import minis_open
from tests.standings import FLOOR_ONLY, KEY, picture, rules
from tests.unit.test_pipeline import ORDER, account, decide, only, rules_of

BOOK = exchange_instruments()


def leg(quantity: int = 1, risk: int | None = 500, *, root: str = "NQ", settled: bool = True) -> OpenLeg:
    return OpenLeg(root=root, quantity=Decimal(quantity), risk=None if risk is None else Decimal(risk), settled=settled)


def open_on(*legs: OpenLeg) -> Exposure:
    return Exposure(legs=legs)


def decided(*, live: bool = True, order: Any = ORDER, **known: Any) -> AccountDecision:
    one = account(KEY.firm_code, live=live, state={"day_pl": Decimal(0)}, state_age=Decimal(1))
    facts = {name: known.pop(name) for name in ("signal_age", "max_signal_age") if name in known}
    return only(decide(replace(one, **known), order=order, **facts))


@pytest.mark.parametrize(("already", "refused"), [(2, []), (3, []), (4, ["OPEN_CONTRACTS"])])
def test_open_and_pending_contracts_count_toward_the_limit(already: int, refused: list[str]) -> None:
    # ORDER asks for 2 of at most 5.
    limits = {"max_contracts": Decimal(5)}
    for settled in (True, False):
        decision = decided(metadata=limits, scaling_rules=limits, exposure=open_on(leg(already, settled=settled)))
        assert rules_of(decision) == refused


@pytest.mark.parametrize(
    ("root", "quantity", "refused"),
    [("MNQ", 30, []), ("MNQ", 31, ["OPEN_CONTRACTS"]), ("MES", 30, []), ("ES", 3, []), ("ES", 4, ["OPEN_CONTRACTS"])],
)
def test_ten_micros_count_as_one_mini_whatever_the_product(root: str, quantity: int, refused: list[str]) -> None:
    limits = {"max_contracts": Decimal(5)}
    decision = decided(metadata=limits, scaling_rules=limits, exposure=open_on(leg(quantity, root=root)))
    assert rules_of(decision) == refused


@pytest.mark.parametrize(("minis", "refused"), [(4, []), (5, ["OPEN_CONTRACTS"])])
def test_an_order_in_micros_is_held_against_its_own_limit(minis: int, refused: list[str]) -> None:
    limits = {"max_contracts": Decimal(50)}
    order = replace(ORDER, symbol="MNQ", contracts=10)
    decision = decided(order=order, metadata=limits, scaling_rules=limits, exposure=open_on(leg(minis)))
    assert rules_of(decision) == refused


def test_what_is_closed_but_not_seen_yet_counts_no_contracts() -> None:
    assert minis_open(open_on(leg(0, settled=False), leg(5, root="MNQ")), BOOK) == Decimal("0.5")


@pytest.mark.parametrize(("risk", "refused"), [(499, []), (500, ["DRAWDOWN_ROOM"]), (501, ["DRAWDOWN_ROOM"])])
@pytest.mark.parametrize("settled", [True, False])
def test_what_is_open_or_pending_takes_its_part_of_the_room(risk: int, refused: list[str], settled: bool) -> None:
    # Room to the floor 1,500; ORDER loses 1,000 at its stop.
    given_rules = rules(FLOOR_ONLY)
    now = evaluate_standing(picture("49500", given_rules, drawdown=picture("50000", given_rules).drawdown))
    decision = decided(standing=now, exposure=open_on(leg(1, risk, settled=settled)))
    assert rules_of(decision) == refused


@pytest.mark.parametrize(("risk", "refused"), [(799, []), (800, ["DRAWDOWN_ROOM"])])
def test_a_loss_that_equity_holds_already_is_not_counted_twice(risk: int, refused: list[str]) -> None:
    given_rules = rules(FLOOR_ONLY)
    # Of the risk 300 are lost by now, in equity; the rest may still go.
    now = evaluate_standing(
        picture("49500", given_rules, balance=Decimal(49800), drawdown=picture("50000", given_rules).drawdown)
    )
    decision = decided(standing=now, exposure=open_on(leg(1, risk)))
    assert rules_of(decision) == refused


def test_an_open_trade_without_a_stop_leaves_no_known_room() -> None:
    now = evaluate_standing(picture("50000", rules(FLOOR_ONLY)))
    assert rules_of(decided(standing=now, exposure=open_on(leg(1, None)))) == ["DRAWDOWN_ROOM"]


@pytest.mark.parametrize("live", [True, False])
def test_a_halt_holds_in_dry_run_too(live: bool) -> None:
    decision = decided(live=live, halted="Halt 1 of ALL by me: enough.")
    assert rules_of(decision) == ["TRADING_HALTED"]
    assert not isinstance(decision.verdict, Approved)
    assert "enough" in decision.verdict.refusals[0].reason


def test_a_halt_is_on_record_also_where_another_figure_cannot_be_read() -> None:
    one = replace(account(), halted="Halt 1 of ALL by me: enough.", metadata={"max_contracts": "many"})
    [row] = decide(one).enforcement_checks
    assert (row["rule"], [compared["rule"] for compared in row["compared"]]) == ("EXCEPTION", ["TRADING_HALTED"])


@pytest.mark.parametrize(
    "known",
    [
        {"out_of_sync": "The venue holds more NQZ6."},
        {"signal_age": Decimal(121), "max_signal_age": Decimal(120)},
        {"order": replace(ORDER, direction=None)},
        {"metadata": {"max_contracts": Decimal(5)}, "exposure": open_on(leg(9))},
    ],
)
def test_the_others_concern_orders_that_go_out(known: dict[str, Any]) -> None:
    assert isinstance(decided(live=False, **known).verdict, Approved)
    (rule,) = rules_of(decided(**known))
    assert rule in {Rule.ACCOUNT_OUT_OF_SYNC, Rule.SIGNAL_EXPIRED, Rule.NO_DIRECTION, Rule.OPEN_CONTRACTS}


@given(st.lists(st.builds(leg, st.integers(0, 9), st.integers(0, 2000), settled=st.booleans()), max_size=4), st.data())
def test_more_open_never_turns_a_refusal_into_a_pass(known: list[OpenLeg], data: st.DataObject) -> None:
    given_rules = rules(FLOOR_ONLY)
    now = evaluate_standing(picture("49500", given_rules, drawdown=picture("50000", given_rules).drawdown))
    limits = {"max_contracts": Decimal(5)}
    before = decided(standing=now, metadata=limits, scaling_rules=limits, exposure=open_on(*known))
    more = data.draw(st.builds(leg, st.integers(0, 9), st.integers(0, 2000), settled=st.booleans()))
    after = decided(standing=now, metadata=limits, scaling_rules=limits, exposure=open_on(*known, more))
    assert isinstance(before.verdict, Approved) or not isinstance(after.verdict, Approved)
