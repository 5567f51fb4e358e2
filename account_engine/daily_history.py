"""Daily results of one account: ours beside the platform's, and what of them counts. Pure; dollars as Decimal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

ZERO = Decimal(0)


class Source(StrEnum):
    """Whose figure a day counts with."""

    PLATFORM = "platform"
    SNAPSHOTS = "snapshots"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRecord:
    """What we saw of one day. Balances are realised; a figure is None where no snapshot gives it.

    ``moved`` is what came in (deposits) less what went out (withdrawals) without being traded, None where the balance
    was moved by an amount nobody knows (a reset by the firm). ``traded`` is None where nobody counted trades.
    ``late``: the end was taken after the day's reset, so what was traded in between may be in the wrong day.
    """

    day: date
    start_balance: Decimal | None
    end_balance: Decimal | None
    start_equity: Decimal | None = None
    end_equity: Decimal | None = None
    moved: Decimal | None = ZERO
    traded: bool | None = None
    finalised: bool = False
    late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformDay:
    """The realised P&L that the platform itself reports for a day; ``finalised`` once the day is over.

    It is counted from reset to reset of the firm's day: a platform whose session turns at another time does not say
    it, nor does one that is disconnected and shows 0.
    """

    day: date
    pnl: Decimal
    finalised: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DayResult:
    """One day as it counts. ``pnl`` is realised, from our snapshots; ``equity_pnl`` has open profit and counts nowhere.

    The platform's figure is the one used wherever there is one, because the firm counts by it. Ours stands beside it
    with the difference, so that a disagreement is seen.
    """

    day: date
    pnl: Decimal | None
    platform_pnl: Decimal | None
    equity_pnl: Decimal | None
    traded: bool
    finalised: bool
    late: bool

    @property
    def difference(self) -> Decimal | None:
        """Return the platform's figure less ours, None where one of them is missing."""
        return None if self.pnl is None or self.platform_pnl is None else self.platform_pnl - self.pnl

    @property
    def used(self) -> Source:
        """Return whose figure the day counts with."""
        if self.platform_pnl is not None:
            return Source.PLATFORM
        return Source.UNKNOWN if self.pnl is None else Source.SNAPSHOTS

    @property
    def counted(self) -> Decimal | None:
        """Return the figure the day counts with, None where nobody knows it."""
        return self.pnl if self.platform_pnl is None else self.platform_pnl


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetDistance:
    """The ``dollars`` left to a profit target, 0 once reached, and the ``fraction`` of it made, below 0 in loss."""

    dollars: Decimal
    fraction: Decimal


Dated = TypeVar("Dated", DayRecord, PlatformDay)


def merge_history(ours: Iterable[DayRecord], platform: Iterable[PlatformDay] = ()) -> tuple[DayResult, ...]:
    """Return each day that we or the platform know, once, in the order of days.

    A day is finalised once either says so. It was traded if the record says so; without its word, if the figure it
    counts with is not 0. Raises ValueError where one side has a day twice.
    """
    records = _by_day(ours, "our records")
    reports = _by_day(platform, "the platform's report")
    return tuple(_result(day, records.get(day), reports.get(day)) for day in sorted(records.keys() | reports.keys()))


def trading_days(results: Iterable[DayResult]) -> int:
    """Return on how many days there was trading, the running day included."""
    return sum(result.traded for result in results)


def days_left(results: Iterable[DayResult], min_days: int | None) -> int | None:
    """Return how many trading days are missing to a program's minimum, None where it has none."""
    return None if min_days is None else max(min_days - trading_days(results), 0)


def winning_days(results: Iterable[DayResult], threshold: Decimal) -> int:
    """Return how many finalised days made a profit of at least ``threshold`` dollars; a running day can still lose."""
    profits = [result.counted for result in results if result.finalised and result.counted is not None]
    return sum(profit > 0 and profit >= threshold for profit in profits)


def target_distance(profit: Decimal, target: Decimal) -> TargetDistance:
    """Return how far a profit in dollars is from its target. Raises ValueError for a target that is not above 0."""
    if target <= 0:
        raise ValueError(f"a profit target is an amount above 0, not {target}")
    return TargetDistance(dollars=max(target - profit, ZERO), fraction=profit / target)


def _by_day(days: Iterable[Dated], whose: str) -> dict[date, Dated]:
    found: dict[date, Dated] = {}
    for known in days:
        if known.day in found:
            raise ValueError(f"{whose} has {known.day} twice; a day has one result")
        found[known.day] = known
    return found


def _result(day: date, ours: DayRecord | None, platform: PlatformDay | None) -> DayResult:
    pnl = None if ours is None else _gain(ours.start_balance, ours.end_balance, ours.moved)
    platform_pnl = None if platform is None else platform.pnl
    counted = pnl if platform_pnl is None else platform_pnl
    told = None if ours is None else ours.traded
    return DayResult(
        day=day,
        pnl=pnl,
        platform_pnl=platform_pnl,
        equity_pnl=None if ours is None else _gain(ours.start_equity, ours.end_equity, ours.moved),
        traded=bool(counted) if told is None else told,
        finalised=any(side is not None and side.finalised for side in (ours, platform)),
        late=ours is not None and ours.late,
    )


def _gain(start: Decimal | None, end: Decimal | None, moved: Decimal | None) -> Decimal | None:
    return None if start is None or end is None or moved is None else end - start - moved
