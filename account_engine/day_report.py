"""An account's days as they count under its rules: each day's result, trading and winning days, consistency. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from account_engine.consistency import ConsistencyStanding, consistency
from account_engine.daily_history import DayRecord, DayResult, days_left, merge_history, trading_days, winning_days
from account_engine.tracked import Known
from domain.rule_set import AccountRules


@dataclass(frozen=True, slots=True, kw_only=True)
class DayReport:
    """The days of an account. Dollars.

    ``results`` has every known day, the running one included; what is counted is counted ``since`` the day of the
    account's last new start, None for all of them. ``min_days`` and ``days_left`` are None without such a rule,
    ``consistency`` without that one.
    """

    results: tuple[DayResult, ...]
    since: date | None
    trading_days: int
    winning_days: int
    min_days: int | None
    days_left: int | None
    consistency: ConsistencyStanding | None

    def as_row(self) -> dict[str, Any]:
        """Return the report in JSON's types and Decimal."""
        return {
            "days": [_day_row(result) for result in self.results],
            "since": None if self.since is None else self.since.isoformat(),
            "trading_days": self.trading_days,
            "winning_days": self.winning_days,
            "min_days": self.min_days,
            "min_days_left": self.days_left,
            "consistency": None if self.consistency is None else _consistency_row(self.consistency),
        }


def day_report(known: Known, rules: AccountRules) -> DayReport:
    """Return the days of an account as they count under its rules; every profit makes a winning day."""
    began = known.tracked.began_at
    since = None if began is None else rules.day.day_of(began)
    results = merge_history(_records(known), known.platform_days)
    counted = [result for result in results if since is None or result.day >= since]
    rule_set = rules.rule_set
    min_days = None if rule_set is None else rule_set.min_days
    judged = None
    if rule_set is not None and rule_set.consistency is not None:
        judged = consistency(counted, rule_set.consistency, rule_set.profit_target)
    return DayReport(
        results=results,
        since=since,
        trading_days=trading_days(counted),
        winning_days=winning_days(counted, Decimal(0)),
        min_days=min_days,
        days_left=days_left(counted, min_days),
        consistency=judged,
    )


def _records(known: Known) -> tuple[DayRecord, ...]:
    """Return the closed days and the running one, whose result so far is that of the newest figures."""
    day, figures = known.tracked.day, known.tracked.figures
    if day is None or any(record.day == day.day for record in known.days):
        return known.days
    running = DayRecord(
        day=day.day,
        start_balance=day.start_balance,
        end_balance=figures.get("balance", figures.get("equity")),
        start_equity=day.start_equity,
        end_equity=figures.get("equity"),
    )
    return (*known.days, running)


def _day_row(result: DayResult) -> dict[str, Any]:
    return {
        "day": result.day.isoformat(),
        "pnl": result.pnl,
        "platform_pnl": result.platform_pnl,
        "difference": result.difference,
        "counted": result.counted,
        "used": str(result.used),
        "equity_pnl": result.equity_pnl,
        "traded": result.traded,
        "finalised": result.finalised,
        "late": result.late,
    }


def _consistency_row(judged: ConsistencyStanding) -> dict[str, Any]:
    return {
        "best": judged.best,
        "best_on": None if judged.best_on is None else judged.best_on.isoformat(),
        "base": judged.base,
        "share": judged.share,
        "passed": judged.passed,
        "best_day_allowed": judged.best_day_allowed,
        "profit_needed": judged.profit_needed,
        "missing": [day.isoformat() for day in judged.missing],
        "provisional": judged.provisional,
    }
