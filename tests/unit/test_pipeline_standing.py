"""What the account's standing, its rooms and its rule set's contracts do to an entry."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_engine.rule_engine import evaluate_standing
from account_engine.standing import AccountStanding
from config.rule_sets import rule_sets
from domain.rule_set import AccountRules
from risk_engine.decision import AccountDecision, Approved, EntryDecision
from tests.standings import FLOOR_ONLY, KEY, LOST_BY_DAY, picture, rules
from tests.unit.test_pipeline import ORDER, account, decide, only, rules_of

# ORDER loses 25 points x 20 dollars x 2 contracts = 1,000 dollars at its stop.
WORST_CASE = Decimal(1000)


def standing(equity: str, given_rules: AccountRules | None = None, **changes: Any) -> AccountStanding:
    return evaluate_standing(picture(equity, given_rules, **changes))


def decided(now: AccountStanding, *, live: bool = True, **known: Any) -> AccountDecision:
    return only(whole(now, live=live, **known))


def whole(now: AccountStanding, *, live: bool = True, **known: Any) -> EntryDecision:
    # Figures beside the standing, so that nothing else is missing.
    one = account(KEY.firm_code, live=live, standing=now, state={"day_pl": Decimal(0)}, state_age=Decimal(1))
    return decide(one, **known)


@pytest.mark.parametrize(
    ("equity", "buffer", "refused"),
    [
        ("50000.01", "0", []),  # the day's room is 1,000.01
        ("50000", "0", ["DAILY_ROOM"]),  # exactly the worst case: equity would stand at the limit
        ("49999.99", "0", ["DAILY_ROOM"]),
        ("50100.01", "100", []),
        ("50100", "100", ["DAILY_ROOM"]),
        ("50099.99", "100", ["DAILY_ROOM"]),
    ],
)
def test_an_entry_fits_the_days_room_less_the_buffer(equity: str, buffer: str, refused: list[str]) -> None:
    now = standing(equity, rules(buffer=buffer), drawdown=picture("50000").drawdown)

    assert rules_of(decided(now)) == refused


@pytest.mark.parametrize(("equity", "refused"), [("49000.01", []), ("49000", ["DRAWDOWN_ROOM"])])
def test_an_entry_fits_the_room_to_the_floor(equity: str, refused: list[str]) -> None:
    now = standing(equity, rules(FLOOR_ONLY), drawdown=picture("50000", rules(FLOOR_ONLY)).drawdown)

    assert rules_of(decided(now)) == refused


def test_a_refusal_for_a_room_says_value_and_limit() -> None:
    now = standing("50000", rules(buffer="100"))
    [row] = whole(now).enforcement_checks

    assert (row["allowed"], row["breach_type"], row["rule"]) == (False, "daily_loss", "DAILY_ROOM")
    [compared] = [one for one in row["compared"] if one["rule"] == "DAILY_ROOM"]
    assert (compared["value"], compared["limit"], compared["passed"]) == (WORST_CASE, Decimal(900), False)


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize(
    ("now", "state"),
    [
        (standing("48000"), "BREACHED"),
        (standing("49000", rules(LOST_BY_DAY)), "BREACHED"),
        (standing("49000"), "PAUSED_TO_RESET"),
        (standing("51000", halted=True), "HALTED"),
        (standing("51000", reduce_only=True), "REDUCE_ONLY"),
    ],
)
def test_a_standing_that_forbids_entries_refuses_live_and_dry(now: AccountStanding, state: str, live: bool) -> None:
    assert now.state == state
    assert rules_of(decided(now, live=live)) == ["STANDING_FORBIDS_ENTRY"]


def test_unknown_figures_refuse_live_and_are_noted_in_dry_run() -> None:
    unknown = standing("51000", no_data=True)

    assert rules_of(decided(unknown)) == ["STANDING_FORBIDS_ENTRY"]
    dry = decided(unknown, live=False)
    assert isinstance(dry.verdict, Approved)
    assert [refusal.rule for refusal in dry.blocked_if_live] == ["STANDING_FORBIDS_ENTRY"]
    # Where the state says already that figures are missing, the standing does not say it again.
    blind = account(KEY.firm_code, standing=unknown, breach_rules={"max_daily_loss": Decimal(1000)})
    assert [refusal.rule for refusal in only(decide(blind)).blocked_if_live] == ["ACCOUNT_STATE_UNKNOWN"]


def test_the_owner_may_allow_unknown_figures_but_no_known_limit() -> None:
    assert isinstance(decided(standing("51000", no_data=True), allow_unknown_state=True).verdict, Approved)
    assert rules_of(decided(standing("48000"), allow_unknown_state=True)) == ["STANDING_FORBIDS_ENTRY"]


def test_an_account_that_is_not_tracked_is_judged_without_a_standing() -> None:
    assert isinstance(only(decide(account(live=True))).verdict, Approved)


def test_an_order_without_a_stop_does_not_fit_where_there_is_a_room() -> None:
    decision = decided(standing("51000"), order=replace(ORDER, stop_loss=None))

    assert rules_of(decision) == ["DAILY_ROOM"]


@given(equity=st.decimals(47000, 56000, places=2), contracts=st.integers(1, 10))
def test_no_approved_entry_can_reach_a_limit_at_its_stop(equity: Decimal, contracts: int) -> None:
    now = standing(str(equity))
    verdict = decided(now, order=replace(ORDER, contracts=contracts)).verdict

    loss = Decimal(25 * 20) * contracts
    reaches = any(level is not None and equity - loss <= level for level in (now.daily_floor, now.floor))
    assert isinstance(verdict, Approved) is not reaches


XFA = next(one for name, one in rule_sets().items() if name.startswith("topstep-xfa-50k@"))


@pytest.mark.parametrize(
    ("symbol", "contracts", "profit", "refused"),
    [
        ("NQ", 2, "0", False),
        ("NQ", 3, "0", True),
        ("NQ", 3, "1500", True),  # "above 1,500": not at it
        ("NQ", 3, "1500.01", False),
        ("MNQ", 20, "0", False),
        ("MNQ", 21, "0", True),
        ("NQ", 5, "2000.01", False),
        ("NQ", 6, "2000.01", True),
    ],
)
def test_contracts_count_by_the_rule_sets_steps_minis_and_micros(
    symbol: str, contracts: int, profit: str, refused: bool
) -> None:
    own = AccountRules(
        firm_code="TOPSTEP",
        program_id=1,
        day=XFA.day,
        rule_set=XFA,
        drawdown=XFA.drawdown,
        max_minis=XFA.max_minis,
        max_micros=XFA.max_micros,
    )
    one = account("TOPSTEP", rules=own, state={"day_start_balance": Decimal(profit)})
    decision = decide(one, order=replace(ORDER, symbol=symbol, contracts=contracts))

    assert rules_of(only(decision)) == (["MAX_CONTRACTS"] if refused else [])
    assert own.rule_set is not None
    assert own.rule_set.ref.version <= date(2026, 11, 21)
