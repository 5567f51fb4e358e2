"""What an account's figures are after an update: told ones first, what follows from them where they were not told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Self

from account_engine.tracked import Day, Mark, Marks, Tracked
from domain.account_update import AccountUpdate
from domain.rule_set import AccountRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Equity with open profit and balance without, in dollars; None is not known."""

    equity: Decimal | None = None
    balance: Decimal | None = None

    @classmethod
    def of(cls, figures: Mapping[str, Decimal]) -> Self:
        """Return the pair that is among an account's figures."""
        return cls(equity=figures.get("equity"), balance=figures.get("balance"))


def pair_after(known: Pair, update: AccountUpdate) -> Pair:
    """Return equity and balance after an update: as told, else from each other and the open profit, else as known."""
    equity, balance, open_pl = update.equity, update.balance, update.unrealized_pl
    if equity is None and balance is not None and open_pl is not None:
        equity = balance + open_pl
    if balance is None and equity is not None and open_pl is not None:
        balance = equity - open_pl
    return Pair(
        equity=known.equity if equity is None else equity, balance=known.balance if balance is None else balance
    )


def raised(marks: Marks, pair: Pair, at: datetime) -> Marks:
    """Return the marks after equity and balance were seen at a time. None of them ever falls."""
    intraday = _higher(marks.intraday, pair.equity, at)
    closed = _higher(marks.closed, pair.balance, at)
    if intraday is marks.intraday and closed is marks.closed:
        return marks
    return replace(marks, intraday=intraday, closed=closed)


def raised_at_close(marks: Marks, balance: Decimal | None, at: datetime) -> Marks:
    """Return the marks after a firm's day ended with this balance (dollars)."""
    return replace(marks, eod=_higher(marks.eod, balance, at))


def stretched(day: Day, equity: Decimal) -> Day:
    """Return the day with equity among its extremes."""
    high = equity if day.high_equity is None else max(day.high_equity, equity)
    low = equity if day.low_equity is None else min(day.low_equity, equity)
    return day if (high, low) == (day.high_equity, day.low_equity) else replace(day, high_equity=high, low_equity=low)


def figures_after(tracked: Tracked, update: AccountUpdate, pair: Pair, rules: AccountRules) -> dict[str, Decimal]:
    """Return all figures after an update: told ones as told, the rest from equity where the update moved it."""
    figures = {**tracked.figures, **update.figures()}
    if pair.equity is not None:
        figures["equity"] = pair.equity
    if pair.balance is not None:
        figures["balance"] = pair.balance
    told = update.figures()
    if pair.equity is not None and ("equity" in told or "balance" in told):
        figures |= {name: figure for name, figure in derived(tracked, pair.equity, rules).items() if name not in told}
    return figures


def derived(tracked: Tracked, equity: Decimal, rules: AccountRules) -> dict[str, Decimal]:
    """Return what follows from equity (dollars): the day's result, the total result, the fall below the peak.

    The day's result counts from where the account's daily limit counts, else from equity at the day's start.
    """
    figures: dict[str, Decimal] = {}
    day, standing, rule = tracked.day, tracked.standing, rules.drawdown
    if day is not None and day.start_known:
        counted = standing is not None and rule is not None and rule.daily is not None
        start = standing.day_start if standing is not None and counted else day.start_equity
        if start is not None:
            figures["day_pl"] = equity - start
    if rule is not None:
        figures["total_pl"] = equity - rule.starting_balance
    peak = peak_of(tracked, rules)
    if peak is not None:
        figures["drawdown"] = equity - peak
    return figures


def peak_of(tracked: Tracked, rules: AccountRules) -> Decimal | None:
    """Return the highest equity (dollars) that the account is known to have had, its starting balance included."""
    marks = () if tracked.marks.intraday is None else (tracked.marks.intraday.value,)
    starts = () if rules.drawdown is None else (rules.drawdown.starting_balance,)
    return max((*marks, *starts), default=None)


def _higher(mark: Mark | None, figure: Decimal | None, at: datetime) -> Mark | None:
    if figure is None or (mark is not None and (figure < mark.value or (figure == mark.value and at >= mark.at))):
        return mark
    return Mark(value=figure, at=at)
