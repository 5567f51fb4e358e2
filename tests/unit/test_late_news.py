"""News that comes late: history, marks, limits that it shows to have been reached, days that it corrects."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from account_engine.tracked import Mark, Marks, Outcome, SnapshotKind
from domain.drawdown_rule import Consequence, Family
from domain.firm_day import FirmDay
from tests.paths import FIRST, LOSES, NOON, PAUSES, RESET, SECOND, THIRD, Account, after, rule, told, under


def test_a_repeated_update_changes_nothing() -> None:
    account = Account()
    update = after(0, 50100, 50000, positions=({"symbol": "NQ"},), details={"note": "x"})
    account.take(update)
    before = account.tracked

    step = account.take(update)

    assert (step.outcome, step.tracked, step.snapshots, step.resets) == (Outcome.REPEATED, before, (), ())


@pytest.mark.parametrize(
    "change",
    [
        {"equity": Decimal(50101)},
        {"balance": Decimal(1)},
        {"positions": ()},
        {"details": {"note": "y"}},
        {"at": NOON + timedelta(microseconds=1)},
    ],
)
def test_what_says_anything_new_is_not_repeated(change: dict[str, Any]) -> None:
    account = Account()
    update = after(0, 50100, 50000, positions=({"symbol": "NQ"},), details={"note": "x"})
    account.take(update)
    assert account.take(replace(update, **change)).outcome is Outcome.CURRENT


MOMENT = timedelta(microseconds=1)
FIRST_DAY = RESET - timedelta(days=1)


def test_late_news_is_history_and_raises_marks_only() -> None:
    account = Account(rules=under(rule(lock_at="50100")))
    account.take(after(10, 50400, 50300))
    before = account.tracked

    step = account.take(after(5, 52100, 51900, received_at=NOON + timedelta(seconds=11)))

    assert step.outcome is Outcome.OLDER
    assert [(snapshot.kind, snapshot.equity) for snapshot in step.snapshots] == [(SnapshotKind.LATE, 52100)]
    assert step.tracked.marks == Marks(
        intraday=Mark(value=Decimal(52100), at=NOON + timedelta(seconds=5)),
        closed=Mark(value=Decimal(51900), at=NOON + timedelta(seconds=5)),
    )
    # The fall below the peak follows the peak; every other figure is that of the newest news.
    assert step.tracked.figures == {**before.figures, "drawdown": Decimal(50400 - 52100)}
    assert step.tracked.observed_at == before.observed_at
    assert (account.day.high_equity, account.day.low_equity) == (52100, 50400)
    assert (account.standing.floor, account.standing.locked) == (50100, True)
    assert account.tracked.floor_locked_at == NOON + timedelta(seconds=5)


def test_late_news_is_kept_even_where_it_changes_nothing_else() -> None:
    account = Account()
    account.take(after(0, 50100, 50000), after(1, 49900, 50000), after(10, 50000, 50000))
    before = account.tracked
    step = account.take(after(5, 50050, 50000))
    assert (step.tracked, [snapshot.kind for snapshot in step.snapshots]) == (before, [SnapshotKind.LATE])


@pytest.mark.parametrize(("equity", "breached"), [("48000.01", False), ("48000", True), ("47999.99", True)])
@pytest.mark.parametrize("family", list(Family))
def test_late_news_at_the_first_floor_is_a_breach_in_every_family(family: Family, equity: str, breached: bool) -> None:
    account = Account(rules=under(rule(family, None)))
    account.take(after(10, 50000, 50000))
    account.take(after(5, equity, 50000))
    assert account.standing.breached_at == (NOON + timedelta(seconds=5) if breached else None)
    assert account.tracked.figures["equity"] == 50000


@pytest.mark.parametrize(
    ("seconds", "equity", "breached"),
    [
        (5, "49000", False),  # before the high: the floor was at 48000 then
        (5, "48000", True),
        (10, "49000.01", False),
        (15, "49000.01", False),
        (15, "49000", True),  # after the high: at 49000
    ],
)
def test_late_news_is_held_against_the_floor_of_its_time(seconds: float, equity: str, breached: bool) -> None:
    account = Account(rules=under(rule(Family.TRAILING_INTRADAY, None)))
    account.take(after(0, 50000, 50000), after(10, 51000, 50000), after(20, 50500, 50000))
    account.take(after(seconds, equity, 50000))
    assert (account.standing.breached_at is not None) is breached


@pytest.mark.parametrize(("at", "breached"), [(FIRST_DAY - MOMENT, False), (FIRST_DAY, True)])
def test_news_of_a_day_before_the_first_breaches_nothing(at: datetime, breached: bool) -> None:
    """The firm may have given the account a new start since; the days on record are those that we know of."""
    account = Account(rules=under(rule(Family.STATIC, None)))
    account.take(after(0, 50000, 50000), told(RESET + timedelta(hours=1), 50000, 50000))
    account.take(told(at, 47000, 50000))
    assert (account.standing.breached_at is not None) is breached


@pytest.mark.parametrize(("high", "breached"), [("52399.99", False), ("52400", True), ("52400.01", True)])
def test_a_late_high_breaches_what_had_fallen_below_its_floor_since(high: str, breached: bool) -> None:
    account = Account(rules=under(rule(Family.TRAILING_INTRADAY, None)))
    account.take(after(0, 50000, 50000), after(10, 50400, 50000))
    account.take(after(5, high, 50000))
    assert account.standing.breached_at == (NOON + timedelta(seconds=10) if breached else None)
    account.take(after(11, 51000, 50000))
    assert (account.standing.breached_at is not None) is breached


@pytest.mark.parametrize(("equity", "reached"), [("49000.01", False), ("49000", True), ("48999.99", True)])
@pytest.mark.parametrize("consequence", [PAUSES, LOSES])
def test_late_news_of_the_running_day_reaches_its_limit(consequence: Consequence, equity: str, reached: bool) -> None:
    account = Account(rules=under(rule(Family.STATIC, consequence)))
    account.take(after(0, 50000, 50000, day_pl=Decimal(0)), after(10, 50000, 50000))
    account.take(after(5, equity, 50000))
    assert account.standing.daily_breached_at == (NOON + timedelta(seconds=5) if reached else None)


def test_late_news_does_not_reach_a_daily_limit_that_nobody_knows() -> None:
    """The first look stands in for a start that nobody told; what came before it may have been another."""
    account = Account(rules=under(rule(Family.STATIC, LOSES)))
    account.take(after(10, 50000, 50000))
    account.take(after(5, 48500, 50000))
    assert account.standing.daily_breached_at is None


@pytest.mark.parametrize(
    ("consequence", "equity", "reached"),
    [(LOSES, "49000.01", False), (LOSES, "49000", True), (PAUSES, "49000", False), (None, "49000", False)],
)
def test_late_news_of_a_day_that_is_over_counts_where_its_limit_costs_the_account(
    consequence: Consequence | None, equity: str, reached: bool
) -> None:
    account = Account(rules=under(rule(Family.STATIC, consequence)))
    account.take(after(0, 50000, 50000))
    late = RESET + timedelta(hours=20)
    account.take(told(late - timedelta(seconds=1), 50000, 50000), told(RESET + timedelta(hours=25), 50000, 50000))
    account.take(told(late, equity, 50000))
    assert account.standing.daily_breached_at == (late if reached else None)


@pytest.mark.parametrize(("day", "reached"), [(0, False), (1, True)], ids=["first day", "second day"])
def test_late_news_of_the_first_day_on_record_is_held_against_no_daily_limit(day: int, reached: bool) -> None:
    """Nobody said what that day started from, and the news may be older than our first look."""
    account = Account(rules=under(rule(Family.STATIC, LOSES)))
    account.take(after(0, 50000, 50000), told(RESET + timedelta(hours=1), 50000, 50000))
    account.take(told(RESET + timedelta(days=2), 50000, 50000))
    account.take(after(60 + day * 24 * 3600, 48900, 50000))
    assert (account.standing.daily_breached_at is not None) is reached


@pytest.mark.parametrize(("equity", "breached"), [("48500.01", False), ("48500", True), ("48499.99", True)])
@pytest.mark.parametrize("before_the_next", [True, False], ids=["correction", "late"])
def test_late_news_of_a_day_that_is_over_reaches_the_firms_own_limit_beyond_the_owners(
    before_the_next: bool, equity: str, breached: bool
) -> None:
    account = Account(rules=under(rule(Family.STATIC, PAUSES, lost_at=1500)))
    account.take(after(0, 50000, 50000), told(RESET + timedelta(hours=1), 50000, 50000))
    end = RESET + timedelta(days=1)
    account.close(end)
    if not before_the_next:
        account.take(told(end + timedelta(seconds=10), 50000, 50000))
    at = end - timedelta(seconds=1)
    account.take(told(at, equity, 50000, received_at=end + timedelta(seconds=11)))
    assert account.standing.breached_at == (at if breached else None)
    if not breached:
        assert account.standing.daily_breached_at is None


def corrected(consequence: Consequence | None = PAUSES, family: Family = Family.TRAILING_EOD) -> Account:
    """Two days have been closed from figures of the first day's noon."""
    account = Account(rules=under(rule(family, consequence)))
    account.take(
        told(NOON - timedelta(days=1), 50000, 50000),
        after(-60, 50000, 50000),
        after(0, 50300, 50200),
    )
    account.close(RESET + timedelta(days=1, seconds=5))
    assert account.closed_once == [FIRST - timedelta(days=1), FIRST, SECOND]
    return account


LATE = RESET - timedelta(seconds=1)
ARRIVED = RESET + timedelta(days=1, seconds=6)


def test_news_of_a_closed_day_corrects_it_and_all_since() -> None:
    account = corrected()

    step = account.take(told(LATE, 50800, 50600, received_at=ARRIVED, day_pl=Decimal(800), realized_pl=Decimal(600)))

    assert step.outcome is Outcome.CURRENT
    assert [(reset.day.day, reset.corrected, reset.figures_at) for reset in step.resets] == [
        (FIRST, True, LATE),
        (SECOND, True, LATE),
    ]
    assert (account.days[FIRST].start_balance, account.days[FIRST].start_equity) == (50000, 50000)
    for day in (FIRST, SECOND):
        assert (account.days[day].end_balance, account.days[day].end_equity) == (50600, 50800)
    assert (account.days[SECOND].start_balance, account.days[SECOND].start_equity) == (50600, 50800)
    assert account.extremes[FIRST] == (50800, 50000)
    assert account.extremes[SECOND] == (None, None)
    day = account.day
    assert (day.day, day.start_balance, day.start_equity, day.high_equity) == (THIRD, 50600, 50800, None)
    assert account.standing.day_start == 50800
    assert account.tracked.marks.eod == Mark(value=Decimal(50600), at=RESET)
    # The closed day's results are not the running one's.
    assert account.tracked.figures["day_pl"] == 0
    assert "realized_pl" not in account.tracked.figures
    assert account.tracked.figures["equity"] == 50800
    assert [(snapshot.kind, snapshot.firm_day) for snapshot in step.snapshots] == [(SnapshotKind.LATE, FIRST)]
    assert account.kinds.count(SnapshotKind.CLOSE) == 3


def test_a_correction_is_no_catching_up() -> None:
    account = corrected()
    caught_up = {day: record.late for day, record in account.days.items()}
    account.take(told(LATE, 50800, 50600, received_at=ARRIVED))
    assert {day: record.late for day, record in account.days.items()} == caught_up
    assert caught_up[SECOND] is False


def test_a_correction_never_lowers_a_mark_nor_a_floor() -> None:
    account = corrected()
    before = account.tracked
    account.take(told(LATE, 49900, 49800, received_at=ARRIVED))
    assert account.tracked.marks == before.marks
    assert before.standing is not None
    assert account.standing.floor == before.standing.floor == 48200


@pytest.mark.parametrize(
    ("consequence", "equity", "lost"),
    [(LOSES, "49000.01", False), (LOSES, "49000", True), (PAUSES, "49000", False)],
)
def test_a_correction_shows_a_limit_that_cost_the_account(consequence: Consequence, equity: str, lost: bool) -> None:
    account = corrected(consequence, Family.STATIC)
    account.take(told(LATE, equity, 50000, received_at=ARRIVED))
    assert account.standing.daily_breached_at == (LATE if lost else None)


@pytest.mark.parametrize(("equity", "breached"), [("48000.01", False), ("48000", True)])
def test_a_correction_is_held_against_the_floor(equity: str, breached: bool) -> None:
    account = corrected(None, Family.STATIC)
    account.take(told(LATE, equity, 50000, received_at=ARRIVED))
    assert account.standing.breached_at == (LATE if breached else None)


def test_a_correction_holds_the_days_since_against_the_floor_that_it_raised() -> None:
    """The first day's close raises the floor to the equity with which the second day, closed as well, had ended."""
    account = corrected(None)
    account.take(told(LATE, 48600, 50600, received_at=ARRIVED))
    assert account.standing.floor == 48600
    assert account.standing.breached_at == RESET + timedelta(days=1)


@pytest.mark.parametrize(("microseconds", "corrects"), [(-1, False), (0, True), (1, True)])
def test_what_reaches_us_before_the_running_day_began_corrects_nothing(microseconds: int, corrects: bool) -> None:
    account = Account()
    account.take(after(0, 50000, 50000))
    account.close(RESET)
    step = account.take(told(LATE, 50100, 50000, received_at=RESET + timedelta(microseconds=microseconds)))
    assert bool(step.resets) is corrects


def test_news_of_the_running_day_that_comes_after_its_end_closes_nothing() -> None:
    account = Account()
    account.take(after(0, 50000, 50000))
    step = account.take(told(LATE, 50100, 50000, received_at=RESET + timedelta(seconds=2)))
    assert (step.resets, account.day.day, account.day.high_equity) == ((), FIRST, 50100)


def test_a_correction_may_come_again_and_news_of_the_running_day_ends_it() -> None:
    account = corrected()
    account.take(told(LATE, 50800, 50600, received_at=ARRIVED))
    account.take(told(LATE + timedelta(milliseconds=500), 50900, 50700, received_at=ARRIVED))
    assert account.days[SECOND].end_equity == account.days[SECOND].start_equity == 50900
    account.take(told(ARRIVED, 51000, 50700))
    step = account.take(told(LATE + timedelta(milliseconds=700), 52000, 51000, received_at=ARRIVED))
    assert (step.outcome, step.resets) == (Outcome.OLDER, ())


def test_news_of_a_day_that_stands_ahead_of_the_clock_is_of_the_running_day() -> None:
    """A firm day whose hours change, or a clock that had been wrong, names the running day ahead of time."""
    account = Account(rules=under(rule(Family.STATIC)))
    account.take(told(RESET + timedelta(minutes=10), 50000, 50000))
    assert account.day.day == SECOND
    account.rules = under(rule(Family.STATIC), FirmDay(reset=time(0), zone="America/New_York"))

    steps = [
        account.take(told(RESET + timedelta(minutes=20), 49000, 50000)),
        account.take(told(RESET + timedelta(minutes=30), 49500, 50000)),
    ]

    assert [step.resets for step in steps] == [(), ()]
    assert account.day.day == SECOND
    assert account.standing.day_start == 50000
    assert account.standing.daily_breached_at == RESET + timedelta(minutes=20)
