"""Accounts for the tests of the rule engine: one valid example, from which a test changes one thing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from account_engine.drawdown import Reading, Standing, follow
from account_engine.rule_engine import AccountPicture
from domain.account import AccountKey
from domain.drawdown_rule import Consequence, DailyLoss, DayBase, DrawdownRule, Family
from domain.firm_day import FirmDay
from domain.rule_set import AccountRules, Confidence, RuleSet, RuleSetRef

KEY = AccountKey("TOPSTEP", 1)
DAY = FirmDay(reset=time(17), zone="America/Chicago")
BEGAN = datetime(2026, 1, 5, 23, tzinfo=UTC)
NOW = BEGAN + timedelta(hours=10)
RESET = BEGAN + timedelta(days=1)
LIMIT = DailyLoss(amount=Decimal(1000), base=DayBase.BALANCE, consequence=Consequence.PAUSED_TO_RESET)
DRAWDOWN = DrawdownRule(
    family=Family.TRAILING_EOD,
    starting_balance=Decimal(50000),
    amount=Decimal(2000),
    lock_at=Decimal(50000),
    daily=LIMIT,
)
DAILY_ONLY = replace(DRAWDOWN, amount=None, lock_at=None)
FLOOR_ONLY = replace(DRAWDOWN, daily=None)
LOST_BY_DAY = replace(DRAWDOWN, daily=replace(LIMIT, consequence=Consequence.ACCOUNT_LOST))
NO_LIMIT = replace(DAILY_ONLY, daily=None)


def rules(drawdown: DrawdownRule | None = DRAWDOWN, *, buffer: str = "0", target: str | None = None) -> AccountRules:
    """An account's rules; ``target`` gives it a rule set with that profit target."""
    rule_set = None if target is None or drawdown is None else _rule_set(drawdown, Decimal(target))
    return AccountRules(
        firm_code="TOPSTEP",
        program_id=1,
        day=DAY,
        rule_set=rule_set,
        drawdown=drawdown,
        buffer=Decimal(buffer),
    )


def _rule_set(drawdown: DrawdownRule, target: Decimal) -> RuleSet:
    return RuleSet(
        ref=RuleSetRef(id="example", version=date(2026, 1, 1), digest="0"),
        firm_code="TOPSTEP",
        program="example",
        phase="example",
        source="example",
        checked="2026-01-01",
        check_again=date(2026, 7, 1),
        confidence=Confidence.LOW,
        account_size=drawdown.starting_balance,
        drawdown=drawdown,
        day=DAY,
        profit_target=target,
    )


def path(rule: DrawdownRule, *equities: str) -> Standing:
    """The standing after one reading a minute before NOW; balance and equity alike."""
    readings = [
        Reading(at=NOW - timedelta(minutes=ago), equity=Decimal(equity), balance=Decimal(equity))
        for ago, equity in zip(range(len(equities), 0, -1), equities, strict=True)
    ]
    return follow(rule, readings)


def picture(told: str = "50000", /, given: AccountRules | None = None, **changes: Any) -> AccountPicture:
    """An account whose platform has just told an equity; its balance is the same."""
    account_rules = rules() if given is None else given
    example = AccountPicture(
        key=KEY,
        rules=account_rules,
        now=NOW,
        max_age=Decimal(300),
        drawdown=None if account_rules.drawdown is None else path(account_rules.drawdown, told),
        equity=Decimal(told),
        balance=Decimal(told),
        state_age=Decimal(5),
        source="PLATFORM",
        day_started_at=BEGAN,
    )
    return replace(example, **changes)
