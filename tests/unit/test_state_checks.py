"""What was made of an account's state is taken over for the next orders only while nothing of it has changed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.instruments import exchange_instruments
from domain.account import AccountKey
from domain.order import Direction, EntryOrder
from risk_engine.decision import AccountFacts, EntryDecision, EntryFacts, FirmFacts, Rejected
from risk_engine.pipeline import decide_entry
from risk_engine.state_checks import StateChecks, check_states

KEY = AccountKey("FTMO", 1)
ORDER = EntryOrder(
    trade_id="T1",
    symbol="NQ",
    direction=Direction.LONG,
    entry_price=Decimal(16500),
    stop_loss=Decimal(16475),
    contracts=1,
)
LIMITS = {"max_daily_loss": Decimal(1000), "max_drawdown": Decimal(2500)}
METADATA = {"max_drawdown": Decimal(2500), "daily_loss_limit": Decimal(1000), "max_contracts": 3}
CALM: dict[str, Any] = {
    "day_pl": Decimal(-10),
    "drawdown": Decimal(0),
    "equity": Decimal(100_000),
    "peak_equity": Decimal(100_000),
    "day_start_balance": Decimal(100_000),
}
MAX_AGE = Decimal(300)


def facts(state: dict[str, Any], *, age: Decimal | None = Decimal(1), **changes: Any) -> EntryFacts:
    account = AccountFacts(key=KEY, dry_reason=None, state=state, state_age=age, breach_rules=LIMITS, metadata=METADATA)
    return EntryFacts(
        order=ORDER,
        firms=(FirmFacts(code="FTMO", risk_rules={}),),
        accounts=(replace(account, **changes),),
        instruments=exchange_instruments(),
        max_state_age=MAX_AGE,
    )


def rules_of(decision: EntryDecision) -> list[str]:
    verdict = decision.accounts[0].verdict
    return [str(refusal.rule) for refusal in verdict.refusals] if isinstance(verdict, Rejected) else []


def after(before: EntryFacts, now: EntryFacts) -> dict[AccountKey, StateChecks]:
    return check_states(now, check_states(before))


def test_an_account_of_which_nothing_has_changed_is_not_checked_again() -> None:
    before = check_states(facts(CALM))
    assert check_states(facts(CALM, age=Decimal(2)), before)[KEY] is before[KEY]


@pytest.mark.parametrize(
    "changed",
    [
        {"state": {**CALM, "day_pl": Decimal(-1000)}},
        {"state": {**CALM, "paused": 0}},
        {"breach_rules": {**LIMITS, "max_daily_loss": Decimal(10)}},
        {"metadata": {**METADATA, "daily_loss_limit": Decimal(0)}},
    ],
    ids=str,
)
def test_whatever_changes_of_an_account_is_judged_anew(changed: dict[str, Any]) -> None:
    # A flag that is False equals one that is 0, and only the first is a clear "no".
    going = {**CALM, "paused": False}
    before, now = facts(going), facts(**{"state": going, **changed})
    assert rules_of(decide_entry(before)) == []
    assert rules_of(decide_entry(now, after(before, now))) == rules_of(decide_entry(now)) != []


@pytest.mark.parametrize(
    ("age", "refused"), [("299.999", False), ("300", False), ("300.001", True), (None, True)], ids=str
)
def test_figures_that_grow_too_old_refuse_also_where_nothing_else_has_changed(age: str | None, refused: bool) -> None:
    old = None if age is None else Decimal(age)
    now = facts(CALM, age=old)
    assert bool(rules_of(decide_entry(now, after(facts(CALM), now)))) is refused


FIGURES = st.sampled_from([None, Decimal(-1000), Decimal(-999), Decimal(0), Decimal(97_500), Decimal(99_001), "x"])
STATES = st.fixed_dictionaries({}, optional=dict.fromkeys([*CALM, "paused"], FIGURES | st.booleans()))


@given(states=st.lists(st.tuples(STATES, st.sampled_from([None, "0", "300", "301"])), min_size=1, max_size=6))
def test_decisions_with_checks_taken_over_are_those_made_anew(states: list[tuple[dict[str, Any], str | None]]) -> None:
    kept: dict[AccountKey, StateChecks] = {}
    for state, age in [pair for pair in states for _ in range(2)]:
        now = facts(state, age=None if age is None else Decimal(age))
        kept = check_states(now, kept)
        assert decide_entry(now, kept) == decide_entry(now)
