"""Drawdown and daily loss, exactly: the floor under an account, its room, its lock. Pure; dollars as Decimal.

Whatever the family, equity *at* the floor is a breach, at any moment of the day: stricter than firms whose wording is
*below* the floor.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import reduce

from domain.drawdown_rule import Consequence, DayBase, DrawdownRule, Family


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """An account's figures at one moment, in dollars: equity with open profit, balance without."""

    at: datetime
    equity: Decimal
    balance: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class DayClose:
    """The end of a firm's day, with the figures at that instant; the next day starts from them."""

    at: datetime
    equity: Decimal
    balance: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an account stands after a path. Dollars; times as in the path, None for "never".

    ``daily_breached_at`` is cleared by the day's end where the rule only pauses, and kept where the account is lost.
    """

    high_water_mark: Decimal
    floor: Decimal | None
    locked: bool
    breached_at: datetime | None
    equity: Decimal
    day_start: Decimal
    daily_floor: Decimal | None
    daily_breached_at: datetime | None

    @property
    def room(self) -> Decimal | None:
        """Return the dollars between equity and the floor; 0 or less is a breach. None without a drawdown."""
        return None if self.floor is None else self.equity - self.floor

    @property
    def daily_room(self) -> Decimal | None:
        """Return the dollars between equity and the day's floor, None without a daily limit."""
        return None if self.daily_floor is None else self.equity - self.daily_floor


def begin(rule: DrawdownRule) -> Standing:
    """Return the standing of an untouched account; also what a reset by the firm returns to."""
    start = rule.starting_balance
    floor = rule.first_floor
    return Standing(
        high_water_mark=start,
        floor=floor,
        locked=floor is not None and rule.lock_at is not None and floor >= rule.lock_at,
        breached_at=None,
        equity=start,
        day_start=start,
        daily_floor=None if rule.daily is None else start - rule.daily.amount,
        daily_breached_at=None,
    )


def follow(rule: DrawdownRule, path: Iterable[Reading | DayClose], *, since: Standing | None = None) -> Standing:
    """Return the standing at the end of a path, in the order of time; ``since`` continues an earlier one."""
    return reduce(lambda standing, point: advance(rule, standing, point), path, begin(rule) if since is None else since)


def advance(rule: DrawdownRule, standing: Standing, point: Reading | DayClose) -> Standing:
    """Return the standing after one more point.

    The point is first held against the floors that were in force when it came: a new high moves the floor for what
    follows, not for itself.
    """
    judged = replace(
        standing,
        equity=point.equity,
        breached_at=_first(
            standing.breached_at,
            point.at,
            reached=(standing.floor is not None and point.equity <= standing.floor)
            or _lost_by_day(rule, standing, point),
        ),
        daily_breached_at=_first(
            standing.daily_breached_at,
            point.at,
            reached=standing.daily_floor is not None and point.equity <= standing.daily_floor,
        ),
    )
    figure = _followed(rule.family, point)
    trailed = judged if figure is None else raise_mark(rule, judged, figure)
    if isinstance(point, DayClose):
        return start_day(rule, trailed, balance=point.balance, equity=point.equity)
    return trailed


def _lost_by_day(rule: DrawdownRule, standing: Standing, point: Reading | DayClose) -> bool:
    """Return whether a day's loss has reached the firm's own limit beyond the owner's smaller one."""
    lost_at = None if rule.daily is None else rule.daily.lost_at
    return lost_at is not None and standing.daily_floor is not None and standing.day_start - point.equity >= lost_at


def _followed(family: Family, point: Reading | DayClose) -> Decimal | None:
    """Return the figure that the floor follows at this point, None where the point does not move it."""
    match family:
        case Family.STATIC:
            return None
        case Family.TRAILING_EOD:
            return point.balance if isinstance(point, DayClose) else None
        case Family.TRAILING_CLOSED:
            return point.balance
        case Family.TRAILING_INTRADAY:
            return point.equity


def raise_mark(rule: DrawdownRule, standing: Standing, figure: Decimal) -> Standing:
    """Return the standing after the figure that its floor follows was at ``figure`` dollars; nothing ever falls."""
    if figure <= standing.high_water_mark:
        return standing
    if rule.amount is None:
        return replace(standing, high_water_mark=figure)
    # A higher mark can only raise the floor, and past the lock it raises nothing: neither ever goes back.
    floor = figure - rule.amount
    if rule.lock_at is not None and floor >= rule.lock_at:
        return replace(standing, high_water_mark=figure, floor=rule.lock_at, locked=True)
    return replace(standing, high_water_mark=figure, floor=floor)


def start_day(rule: DrawdownRule, standing: Standing, *, balance: Decimal, equity: Decimal) -> Standing:
    """Return the standing at the start of a firm's day that begins with these figures (dollars).

    A daily limit that only pauses is released; an account that it took away stays taken away.
    """
    if rule.daily is None:
        return replace(standing, day_start=balance)
    match rule.daily.base:
        case DayBase.BALANCE:
            start = balance
        case DayBase.EQUITY:
            start = equity
        case DayBase.LARGER:
            start = max(balance, equity)
    released = rule.daily.consequence is Consequence.PAUSED_TO_RESET
    return replace(
        standing,
        day_start=start,
        daily_floor=start - rule.daily.amount,
        daily_breached_at=None if released else standing.daily_breached_at,
    )


def _first(known: datetime | None, now: datetime, *, reached: bool) -> datetime | None:
    return now if known is None and reached else known
