"""The end of a firm's day for an account."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from account_engine.tracked import Mark, Outcome, SnapshotKind, Step
from domain.drawdown_rule import Consequence, Family
from tests.paths import FIRST, LOSES, NOON, PAUSES, RESET, SECOND, THIRD, Account, after, rule, told, under


@pytest.mark.parametrize(("microseconds", "closed"), [(-1, []), (0, [FIRST]), (1, [FIRST])])
def test_a_day_ends_at_its_reset_by_time_or_by_news(microseconds: int, closed: list[date]) -> None:
    at = RESET + timedelta(microseconds=microseconds)
    by_time, by_news = Account(), Account()
    for account in (by_time, by_news):
        account.take(after(0, 50100, 50000))
    by_time.close(at)
    by_news.take(told(at, 50200, 50000))
    assert by_time.closed_once == by_news.closed_once == closed


def test_a_day_closes_with_its_last_figures_and_the_next_starts_from_them() -> None:
    account = Account(rules=under(rule(Family.TRAILING_EOD)))
    account.take(after(0, 50000, 50000, day_pl=Decimal(0)), after(60, 50900, 50700, realized_pl=Decimal(700)))

    step = account.close(RESET + timedelta(seconds=30))

    (reset,), (close,) = step.resets, step.snapshots
    assert (reset.closing_balance, reset.closing_equity, reset.due_at) == (50700, 50900, RESET)
    assert (reset.figures_at, reset.caught_up, reset.released) == (NOON + timedelta(seconds=60), False, False)
    assert (close.kind, close.observed_at, close.equity, close.firm_day) == (SnapshotKind.CLOSE, RESET, 50900, FIRST)
    day = account.day
    assert (day.day, day.start_balance, day.start_equity, day.high_equity) == (SECOND, 50700, 50900, None)
    assert account.tracked.marks.eod == Mark(value=Decimal(50700), at=RESET)
    assert (account.standing.floor, account.standing.day_start, account.standing.daily_floor) == (48700, 50900, 49900)
    assert account.tracked.figures["day_pl"] == 0
    assert "realized_pl" not in account.tracked.figures


@pytest.mark.parametrize(("seconds", "caught_up"), [("59.999999", False), ("60", False), ("60.000001", True)])
def test_a_reset_later_than_a_minute_is_caught_up(seconds: str, caught_up: bool) -> None:
    account = Account()
    account.take(after(0, 50000, 50000))
    step = account.close(RESET + timedelta(seconds=float(seconds)))
    assert [reset.caught_up for reset in step.resets] == [caught_up]


def test_missed_days_are_closed_in_order_each_from_the_last_figures() -> None:
    account = Account()
    account.take(after(0, 50000, 50000), after(60, 50500, 50400))

    step = account.close(RESET + timedelta(days=2, seconds=30))

    assert [reset.day.day for reset in step.resets] == [FIRST, SECOND, THIRD]
    assert [reset.caught_up for reset in step.resets] == [True, True, False]
    assert {reset.closing_equity for reset in step.resets} == {Decimal(50500)}
    assert [snapshot.kind for snapshot in step.snapshots] == [SnapshotKind.CLOSE] * 3
    assert [account.days[day].start_balance for day in (SECOND, THIRD)] == [50400, 50400]


@pytest.mark.parametrize(
    ("consequence", "released", "still"), [(PAUSES, True, None), (LOSES, False, NOON + timedelta(seconds=5))]
)
def test_a_reset_releases_what_was_paused_and_never_what_was_lost(
    consequence: Consequence, released: bool, still: datetime | None
) -> None:
    account = Account(rules=under(rule(Family.STATIC, consequence)))
    account.take(after(0, 50000, 50000), after(5, 49000, 50000), after(6, 50000, 50000))
    assert account.standing.daily_breached_at == NOON + timedelta(seconds=5)

    step = account.close(RESET + timedelta(days=1))

    assert [reset.released for reset in step.resets] == [released, False]
    assert account.standing.daily_breached_at == still


@pytest.mark.parametrize("days", [-3, -1, 0])
def test_a_clock_set_back_closes_nothing(days: int) -> None:
    account = Account()
    account.take(after(0, 50000, 50000))
    account.close(RESET)
    before = account.tracked
    assert account.close(RESET + timedelta(days=days)) == Step(tracked=before, outcome=Outcome.CURRENT)


def test_a_lock_dates_from_the_close_that_made_it() -> None:
    account = Account(rules=under(rule(Family.TRAILING_EOD, lock_at="50100")))
    account.take(after(0, 52500, 52500), told(RESET + timedelta(hours=5), 52500, 52500))
    assert (account.standing.locked, account.tracked.floor_locked_at) == (True, RESET)
