"""The consistency rule: no single day may make too large a share of an account's profit. Pure; dollars as Decimal.

Firms differ in what the share is taken of: the total profit (Apex at a payout), the sum of the winning days alone
(FTMO 1-Step), the profit target (Topstep's Combine).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal

from account_engine.daily_history import DayResult
from domain.rule_set import Consistency, ShareOf

ZERO = Decimal(0)
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsistencyStanding:
    """Where an account stands against its consistency rule. Dollars; ``share`` is a fraction.

    - ``best``, ``best_on``: the best winning day and its date; None without a winning day.
    - ``base``: what the share is taken of; at or below 0 there is nothing to take a share of. None without a target.
    - ``share``: best / base, None without a winning day or a base above 0.
    - ``passed``: None where there is no share to judge, or days without a figure (``missing``) could change it.
    - ``best_day_allowed``: the largest best day that this base allows.
    - ``base_needed``: the base with which the best day is within its share, up to the next cent. None without a
      winning day, and for a share of the target, which no profit changes.
    - ``provisional``: a day among them is not finalised.
    """

    best: Decimal | None
    best_on: date | None
    base: Decimal | None
    share: Decimal | None
    passed: bool | None
    best_day_allowed: Decimal | None
    base_needed: Decimal | None
    missing: tuple[date, ...]
    provisional: bool

    @property
    def profit_needed(self) -> Decimal | None:
        """Return the dollars still to be made on days no better than the best one until it is within its share."""
        if self.base is None or self.base_needed is None:
            return None
        return max(self.base_needed - self.base, ZERO)


def consistency(
    results: Iterable[DayResult], rule: Consistency, profit_target: Decimal | None = None
) -> ConsistencyStanding:
    """Return where the days stand against the rule that no day may make too large a share; a share *at* it passes.

    The caller hands in the days that count: since the account began, since the firm last reset it, or since its last
    payout. The running day counts like the others. Of days that are equally good the first is the best.
    Raises ValueError for a rule whose share is not above 0 and at most 1.
    """
    if not 0 < rule.share <= 1:
        raise ValueError(f"a consistency rule's share is a fraction above 0 and at most 1, not {rule.share}")
    days = sorted(results, key=lambda result: result.day)
    missing = tuple(result.day for result in days if result.counted is None)
    known = [(result.day, result.counted) for result in days if result.counted is not None]
    base = _base(rule.of, [figure for _, figure in known], profit_target)
    best_on, best = _best_day(known)
    allowed = None if base is None or base <= 0 else rule.share * base
    share = passed = base_needed = None
    if best is not None and base is not None and allowed is not None:
        share = best / base
        passed = None if missing else best <= allowed
    if best is not None and rule.of is not ShareOf.PROFIT_TARGET:
        base_needed = (best / rule.share).quantize(CENT, ROUND_CEILING)
    return ConsistencyStanding(
        best=best,
        best_on=best_on,
        base=base,
        share=share,
        passed=passed,
        best_day_allowed=allowed,
        base_needed=base_needed,
        missing=missing,
        provisional=not all(result.finalised for result in days),
    )


def _best_day(known: list[tuple[date, Decimal]]) -> tuple[date, Decimal] | tuple[None, None]:
    winners = [(day, figure) for day, figure in known if figure > 0]
    return max(winners, key=lambda winner: winner[1]) if winners else (None, None)


def _base(of: ShareOf, figures: list[Decimal], profit_target: Decimal | None) -> Decimal | None:
    match of:
        case ShareOf.TOTAL_PROFIT:
            return sum(figures, ZERO)
        case ShareOf.POSITIVE_DAYS:
            return sum((figure for figure in figures if figure > 0), ZERO)
        case ShareOf.PROFIT_TARGET:
            return profit_target
