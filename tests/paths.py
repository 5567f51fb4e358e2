"""An account on its path through updates and days, for tests of the tracking."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from account_engine.firm_days import close_days
from account_engine.tracked import SnapshotKind, Step, Tracked
from account_engine.tracking import apply, under_rules
from domain.account_update import AccountUpdate, Source
from domain.drawdown_rule import Consequence, DailyLoss, DayBase, DrawdownRule, Family
from domain.firm_day import FirmDay
from domain.rule_set import AccountRules

NOON = datetime(2026, 11, 18, 17, 0, tzinfo=UTC)  # 12:00 in New York
RESET = datetime(2026, 11, 18, 23, 0, tzinfo=UTC)  # 18:00 there
NO_DATA = {"no_data": True, "equity": Decimal(0), "balance": Decimal(0)}
FIRST = date(2026, 11, 18)
SECOND, THIRD, FOURTH = (FIRST + timedelta(days=days) for days in (1, 2, 3))
APEX_DAY = FirmDay(reset=time(18), zone="America/New_York")
PAUSES, LOSES = Consequence.PAUSED_TO_RESET, Consequence.ACCOUNT_LOST


def dollars(figure: str | int | None) -> Decimal | None:
    return None if figure is None else Decimal(figure)


def rule(
    family: Family = Family.TRAILING_INTRADAY,
    consequence: Consequence | None = PAUSES,
    *,
    base: DayBase = DayBase.EQUITY,
    lock_at: str | None = None,
    lost_at: int | None = None,
) -> DrawdownRule:
    daily = None
    if consequence is not None:
        daily = DailyLoss(amount=Decimal(1000), base=base, consequence=consequence, lost_at=dollars(lost_at))
    return DrawdownRule(
        family=family,
        starting_balance=Decimal(50000),
        amount=Decimal(2000),
        lock_at=dollars(lock_at),
        daily=daily,
    )


def under(drawdown: DrawdownRule | None, day: FirmDay = APEX_DAY) -> AccountRules:
    return AccountRules(firm_code="APEX", program_id=1, day=day, drawdown=drawdown)


RULES = under(rule())


def told(
    at: datetime, equity: str | int | None = None, balance: str | int | None = None, /, **more: Any
) -> AccountUpdate:
    """An update that arrives at once, unless ``received_at`` is given."""
    figures = {name: dollars(figure) for name, figure in {"equity": equity, "balance": balance}.items()}
    return AccountUpdate(**{"at": at, "received_at": at, "source": Source.PLATFORM, **figures, **more})


def after(seconds: float, equity: str | int | None = None, balance: str | int | None = None, /, **more: Any) -> Any:
    return told(NOON + timedelta(seconds=seconds), equity, balance, **more)


@dataclass
class Account:
    """An account with its history, folded from the steps as the record folds them."""

    rules: AccountRules = RULES
    tracked: Tracked = field(default_factory=Tracked)
    steps: list[Step] = field(default_factory=list)
    days: dict[date, Any] = field(default_factory=dict)
    extremes: dict[date, Any] = field(default_factory=dict)

    def take(self, *updates: AccountUpdate) -> Any:
        for update in updates:
            self._keep(apply(self.tracked, update, self.rules, tuple(self.days.values())))
        return self.steps[-1]

    def close(self, until: datetime) -> Any:
        return self._keep(close_days(under_rules(self.tracked, self.rules), self.rules, until, now=until))

    @property
    def standing(self) -> Any:
        return self.tracked.standing

    @property
    def day(self) -> Any:
        return self.tracked.day

    @property
    def closed_once(self) -> list[date]:
        return [reset.day.day for step in self.steps for reset in step.resets if not reset.corrected]

    @property
    def kinds(self) -> list[SnapshotKind]:
        return [snapshot.kind for step in self.steps for snapshot in step.snapshots]

    def _keep(self, step: Step) -> Step:
        for reset in step.resets:
            day = reset.day
            self.days[day.day] = reset.record(self.days.get(day.day))
            high, low = self.extremes.get(day.day, (None, None))
            highs = [figure for figure in (high, day.high_equity) if figure is not None]
            lows = [figure for figure in (low, day.low_equity) if figure is not None]
            self.extremes[day.day] = (max(highs, default=None), min(lows, default=None))
        self.steps.append(step)
        self.tracked = step.tracked
        return step
