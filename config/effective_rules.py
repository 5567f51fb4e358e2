"""The rules in force for an account: its rule set, where it has one, tightened by what its owner set. Pure.

The smaller limit wins and says where it came from; of equal ones the rule set's. The starting balance is no limit but a
fact of the program, from which its floor is counted: with a rule set it is the rule set's, whatever the owner set.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from config.groups import ProgramSettings
from config.reading import account_owner
from domain.account import AccountKey
from domain.drawdown_rule import Consequence, DailyLoss, DayBase, DrawdownRule, Family
from domain.firm_day import FirmDay
from domain.rule_set import AccountRules, RuleSet

T = TypeVar("T")
N = TypeVar("N", int, Decimal)


@dataclass(frozen=True, slots=True)
class Sourced(Generic[T]):
    """A value and its source: a variable's name or ``rule set id@version``; both None where there is no value."""

    value: T | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveRules:
    """What holds of the values that both a rule set and the owner may give. Dollars and contracts.

    ``max_contracts`` counts minis, and every instrument of an account without a rule set.
    """

    account_size: Sourced[Decimal]
    starting_balance: Sourced[Decimal]
    daily_loss_limit: Sourced[Decimal]
    max_drawdown: Sourced[Decimal]
    max_contracts: Sourced[int]
    max_micros: Sourced[int]
    allowed_sessions: Sourced[tuple[str, ...]]

    def values(self) -> dict[str, Any]:
        """Return every value by its name, None where there is none."""
        return {entry.name: getattr(self, entry.name).value for entry in fields(self)}

    def sources(self) -> dict[str, str]:
        """Return the source of every value that there is, by the value's name."""
        named = {entry.name: getattr(self, entry.name).source for entry in fields(self)}
        return {name: source for name, source in named.items() if source is not None}


def effective_rules(account: AccountKey, program: ProgramSettings, rule_set: RuleSet | None) -> EffectiveRules:
    """Return the tighter of what the rule set and the owner say, value by value."""
    prefix = account_owner(account).prefix
    contracts = _owners(program.max_contracts, prefix + "MAX_CONTRACTS")
    size = _owners(program.account_size, prefix + "ACCOUNT_SIZE")
    start = _owners(program.starting_balance, prefix + "STARTING_BALANCE")
    daily = _owners(program.max_daily_loss, prefix + "MAX_DAILY_LOSS")
    drawdown = _owners(program.max_drawdown, prefix + "MAX_DRAWDOWN")
    sessions = _owners(program.allowed_sessions, prefix + "ALLOWED_SESSIONS")
    if rule_set is None:
        return EffectiveRules(
            account_size=size,
            starting_balance=start,
            daily_loss_limit=daily,
            max_drawdown=drawdown,
            max_contracts=contracts,
            max_micros=contracts,
            allowed_sessions=sessions,
        )
    rule, source = rule_set.drawdown, source_of(rule_set)
    # Where a firm's count of micros is not known, a micro counts as a mini.
    micros = rule_set.max_minis if rule_set.max_micros is None else rule_set.max_micros
    return EffectiveRules(
        account_size=_smaller(size, rule_set.account_size, source),
        starting_balance=Sourced(rule.starting_balance, source),
        daily_loss_limit=_smaller(daily, None if rule.daily is None else rule.daily.amount, source),
        max_drawdown=_smaller(drawdown, rule.amount, source),
        max_contracts=_smaller(contracts, rule_set.max_minis, source),
        max_micros=_smaller(contracts, micros, source),
        allowed_sessions=_common(sessions, rule_set.allowed_sessions, source),
    )


def effective_account_rules(
    account: AccountKey, program: ProgramSettings, rule_set: RuleSet | None, firm_day: Sourced[FirmDay]
) -> AccountRules:
    """Return all rules in force for an account. ``firm_day`` holds where there is no rule set.

    Raises LookupError where neither gives a day.
    """
    effective = effective_rules(account, program, rule_set)
    prefix = account_owner(account).prefix
    rule = drawdown_rule(effective, rule_set)
    day = firm_day if rule_set is None else Sourced(rule_set.day, source_of(rule_set))
    if day.value is None or day.source is None:
        raise LookupError(f"{account.firm_code} is not a known firm: there is no day of it in config/firms")
    sources = effective.sources() | {"day": day.source}
    if rule_set is not None:
        sources["rule_set"] = prefix + "RULE_SET"
    if program.buffer is not None:
        sources["buffer"] = prefix + "BUFFER"
    stop_required = effective_stop_required(account, program, rule_set)
    if stop_required.source is not None:
        sources["stop_required"] = stop_required.source
    if rule is not None:
        known = rule_set is not None and rule_set.drawdown.amount is not None
        sources["drawdown_family"] = source_of(rule_set) if rule_set is not None and known else "the strictest, assumed"
    return AccountRules(
        firm_code=account.firm_code,
        program_id=account.program_id,
        day=day.value,
        rule_set=rule_set,
        drawdown=rule,
        max_contracts=effective.max_contracts.value,
        max_minis=effective.max_contracts.value,
        max_micros=effective.max_micros.value,
        allowed_sessions=effective.allowed_sessions.value,
        buffer=Decimal(0) if program.buffer is None else program.buffer,
        risk_per_trade=_risk_per_trade(effective.account_size.value, program.risk_per_trade),
        stop_required=stop_required.value is True,
        sources=MappingProxyType(sources),
    )


def effective_stop_required(account: AccountKey, program: ProgramSettings, rule_set: RuleSet | None) -> Sourced[bool]:
    """Return whether an entry needs a stop: where the rule set or the owner says so; the owner cannot take it back."""
    if rule_set is not None and rule_set.stop_required:
        return Sourced(value=True, source=source_of(rule_set))
    return _owners(True if program.stop_required else None, account_owner(account).prefix + "STOP_REQUIRED")


def _risk_per_trade(account_size: Decimal | None, fraction: Decimal | None) -> Decimal | None:
    return None if account_size is None or fraction is None else account_size * fraction


def drawdown_rule(effective: EffectiveRules, rule_set: RuleSet | None) -> DrawdownRule | None:
    """Return the loss limits in force; None where none is set, or where the balance they count from is not known."""
    amount, daily = effective.max_drawdown.value, effective.daily_loss_limit.value
    if rule_set is not None:
        rule = rule_set.drawdown
        lock = rule.lock_at
        if lock is not None and amount is not None:
            lock = max(lock, rule.starting_balance - amount)
        return replace(rule, amount=amount, lock_at=lock, daily=_daily_loss(rule.daily, daily))
    start = effective.starting_balance.value
    start = effective.account_size.value if start is None else start
    if start is None or (amount is None and daily is None):
        return None
    return DrawdownRule(
        family=Family.TRAILING_INTRADAY, starting_balance=start, amount=amount, daily=_daily_loss(None, daily)
    )


def source_of(rule_set: RuleSet) -> str:
    """Return how a rule set is named as the source of a value."""
    return f"rule set {rule_set.ref}"


def _daily_loss(rule: DailyLoss | None, amount: Decimal | None) -> DailyLoss | None:
    if amount is None:
        return None
    if rule is None:
        return DailyLoss(amount=amount, base=DayBase.LARGER, consequence=Consequence.PAUSED_TO_RESET)
    if amount == rule.amount:
        return rule
    # Reaching the owner's own limit ends the day; the firm takes the account only at its own.
    lost_at = rule.amount if rule.consequence is Consequence.ACCOUNT_LOST else None
    return replace(rule, amount=amount, consequence=Consequence.PAUSED_TO_RESET, lost_at=lost_at)


def _owners(value: T | None, variable: str) -> Sourced[T]:
    return Sourced() if value is None else Sourced(value, variable)


def _smaller(owner: Sourced[N], limit: N | None, source: str) -> Sourced[N]:
    if limit is None:
        return owner
    return owner if owner.value is not None and owner.value < limit else Sourced(limit, source)


def _common(owner: Sourced[tuple[str, ...]], allowed: tuple[str, ...] | None, source: str) -> Sourced[tuple[str, ...]]:
    if allowed is None:
        return owner
    if owner.value is None or set(owner.value) >= set(allowed):
        return Sourced(allowed, source)
    return Sourced(tuple(name for name in owner.value if name in allowed), owner.source)
