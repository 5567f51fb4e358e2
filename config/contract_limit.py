"""How many contracts of one instrument an account may hold: minis, micros, and the steps of a scaling plan. Pure."""

from __future__ import annotations

from decimal import Decimal

from config.instruments import Instrument
from domain.rule_set import AccountRules, RuleSet

# The firms count ten micros for a mini. A product that is less than ten times smaller (E7, SIL) counts as a mini.
MICROS_OF_A_MINI = 10


def is_micro(instrument: Instrument | None) -> bool:
    """Return whether the firms count an instrument as a micro; False for one that is not known."""
    ratio = None if instrument is None else instrument.micro_ratio
    return ratio is not None and ratio >= MICROS_OF_A_MINI


def contract_limit(
    rules: AccountRules, instrument: Instrument | None, *, total_profit: Decimal | None = None
) -> int | None:
    """Return the most contracts of an instrument, None where there is no limit.

    ``total_profit`` is in dollars at the end of the firm's last day, from which scaling plans count; while it is not
    known the first step holds. Micros grow with the minis of a step in the proportion of the rule set's two limits.
    """
    micro = is_micro(instrument)
    limits = [rules.max_micros if micro else rules.max_minis]
    if rules.rule_set is not None and rules.rule_set.scaling:
        minis = _step(rules.rule_set, total_profit)
        limits.append(minis * _micros_for_a_mini(rules.rule_set) if micro else minis)
    return min((limit for limit in limits if limit is not None), default=None)


def _step(rule_set: RuleSet, total_profit: Decimal | None) -> int:
    reached = [tier for tier in rule_set.scaling if total_profit is not None and total_profit > tier.profit_from]
    return (reached or rule_set.scaling[:1])[-1].max_minis


def _micros_for_a_mini(rule_set: RuleSet) -> int:
    if rule_set.max_minis is None or rule_set.max_micros is None:
        return 1
    return rule_set.max_micros // rule_set.max_minis
