"""Daily results: ours beside the platform's, which figure counts, and the days a program asks for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_engine.daily_history import (
    DayRecord,
    DayResult,
    PlatformDay,
    Source,
    days_left,
    merge_history,
    target_distance,
    trading_days,
    winning_days,
)

MONDAY = date(2026, 6, 8)
RECORD = DayRecord(
    day=MONDAY,
    start_balance=Decimal(50000),
    end_balance=Decimal(50250),
    start_equity=Decimal(50100),
    end_equity=Decimal(50050),
    finalised=True,
)
RESULT = DayResult(
    day=MONDAY,
    pnl=Decimal(250),
    platform_pnl=None,
    equity_pnl=Decimal(-50),
    traded=True,
    finalised=True,
    late=False,
)


def dollars(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def reported(pnl: str, day: date = MONDAY, *, finalised: bool = True) -> PlatformDay:
    return PlatformDay(day=day, pnl=Decimal(pnl), finalised=finalised)


def only(record: DayRecord, *reports: PlatformDay) -> DayResult:
    (result,) = merge_history([record], reports)
    return result


def made(*figures: str | None, finalised: bool = True) -> tuple[DayResult, ...]:
    """Days in a row with these results; None is a day without a figure."""
    return tuple(
        replace(RESULT, day=MONDAY + timedelta(days=n), pnl=dollars(figure), finalised=finalised)
        for n, figure in enumerate(figures)
    )


def test_a_days_result_is_its_balance_at_the_end_less_that_at_the_start() -> None:
    assert only(RECORD) == RESULT


@pytest.mark.parametrize(
    ("start", "end", "moved", "pnl"),
    [
        ("50000", "49000", "0", "-1000"),
        ("50000", "50000", "0", "0"),
        ("50000", "51250", "1000", "250"),  # a deposit is no profit
        ("50000", "48250", "-2000", "250"),  # a payout is no loss
        ("50000", "0", "-50250", "250"),  # a balance of 0 is a figure
        ("0", "250", "0", "250"),  # so is one that starts at 0, as Topstep's Express accounts do
        ("50000", "50000", None, None),  # a reset by the firm: nobody knows what was traded
        (None, "50250", "0", None),
        ("50000", None, "0", None),
    ],
)
def test_money_that_was_moved_is_no_result(
    start: str | None, end: str | None, moved: str | None, pnl: str | None
) -> None:
    balances = replace(RECORD, start_balance=dollars(start), end_balance=dollars(end), moved=dollars(moved))
    assert only(balances).pnl == dollars(pnl)
    equities = replace(RECORD, start_equity=dollars(start), end_equity=dollars(end), moved=dollars(moved))
    assert only(equities).equity_pnl == dollars(pnl)


@pytest.mark.parametrize(
    ("ours", "theirs", "counted", "used", "difference"),
    [
        ("250", None, "250", Source.SNAPSHOTS, None),
        ("250", "250", "250", Source.PLATFORM, "0"),
        ("250", "241.80", "241.80", Source.PLATFORM, "-8.20"),
        ("250", "0", "0", Source.PLATFORM, "-250"),  # 0 is a word, not a missing one
        ("0", None, "0", Source.SNAPSHOTS, None),
        (None, "-12.50", "-12.50", Source.PLATFORM, None),
        (None, None, None, Source.UNKNOWN, None),
    ],
)
def test_the_platforms_word_counts_and_the_difference_is_shown(
    ours: str | None, theirs: str | None, counted: str | None, used: Source, difference: str | None
) -> None:
    end = None if ours is None else 50000 + Decimal(ours)
    result = only(replace(RECORD, end_balance=end), *([] if theirs is None else [reported(theirs)]))
    assert (result.pnl, result.platform_pnl) == (dollars(ours), dollars(theirs))
    assert (result.counted, result.used, result.difference) == (dollars(counted), used, dollars(difference))


def test_a_day_that_only_the_platform_knows_counts_with_its_figure() -> None:
    (result,) = merge_history([], [reported("-75")])
    expected = replace(RESULT, pnl=None, equity_pnl=None, platform_pnl=Decimal(-75))
    assert result == expected
    assert merge_history([], [reported("-75", finalised=False)]) == (replace(expected, finalised=False),)


@pytest.mark.parametrize(
    ("told", "ours", "theirs", "traded"),
    [
        (None, "250", None, True),
        (None, "-0.01", None, True),
        (None, "0", None, False),
        (None, None, None, False),
        (None, "0", "5", True),
        (None, "250", "0", False),  # the figure that counts decides
        (True, "0", None, True),  # trades that came out even
        (True, None, None, True),
        (False, "-4.10", None, False),  # a fee on a day without a trade
    ],
)
def test_a_day_was_traded_if_the_record_says_so_or_else_its_figure(
    told: bool | None, ours: str | None, theirs: str | None, traded: bool
) -> None:
    end = None if ours is None else 50000 + Decimal(ours)
    record = replace(RECORD, end_balance=end, traded=told)
    assert only(record, *([] if theirs is None else [reported(theirs)])).traded is traded


@pytest.mark.parametrize(
    ("ours", "theirs", "finalised"),
    [(True, True, True), (True, False, True), (False, True, True), (False, False, False)],
)
def test_a_day_is_over_once_either_says_so(ours: bool, theirs: bool, finalised: bool) -> None:
    assert only(replace(RECORD, finalised=ours), reported("1", finalised=theirs)).finalised is finalised
    assert only(replace(RECORD, finalised=ours)).finalised is ours


def test_a_day_that_was_caught_up_late_says_so() -> None:
    assert only(replace(RECORD, late=True)).late


@pytest.mark.parametrize(
    ("ours", "platform", "whose"),
    [([RECORD, RECORD], [], "our records"), ([], [reported("1"), reported("2")], "the platform's report")],
)
def test_a_day_that_comes_twice_is_refused_and_named(
    ours: list[DayRecord], platform: list[PlatformDay], whose: str
) -> None:
    with pytest.raises(ValueError, match=f"^{whose} has 2026-06-08 twice"):
        merge_history(ours, platform)


@pytest.mark.parametrize(("traded", "left"), [(0, 4), (3, 1), (4, 0), (5, 0)])
def test_the_days_left_to_a_minimum(traded: int, left: int) -> None:
    """FTMO's 2-Step asks for 4 trading days in each phase."""
    idle = replace(RESULT, traded=False)
    history = [idle, *[RESULT] * traded, idle]
    assert trading_days(history) == traded
    assert days_left(history, 4) == left
    assert days_left(history, 0) == 0
    assert days_left(history, None) is None


def test_the_running_day_is_a_trading_day_and_no_winning_day_yet() -> None:
    running = made("500", finalised=False)
    assert (trading_days(running), winning_days(running, Decimal(150))) == (1, 0)
    assert winning_days(made("500"), Decimal(150)) == 1


@pytest.mark.parametrize(
    ("figure", "threshold", "wins"),
    [
        ("149.99", "150", 0),
        ("150.00", "150", 1),
        ("150.01", "150", 1),
        ("-150", "150", 0),
        (None, "150", 0),
        ("0", "0", 0),  # a day that made nothing is won at no threshold
        ("0.01", "0", 1),
        ("-10", "-20", 0),
    ],
)
def test_a_winning_day_reaches_its_threshold(figure: str | None, threshold: str, wins: int) -> None:
    assert winning_days(made(figure), Decimal(threshold)) == wins


def test_a_winning_day_is_won_by_the_figure_that_counts() -> None:
    assert winning_days([replace(RESULT, platform_pnl=Decimal(149))], Decimal(150)) == 0


@pytest.mark.parametrize(
    ("profit", "left", "fraction"),
    [
        ("2999.99", "0.01", "0.9999966666666666666666666667"),
        ("3000", "0", "1"),
        ("3000.01", "0", "1.000003333333333333333333333"),
        ("0", "3000", "0"),
        ("-750", "3750", "-0.25"),
    ],
)
def test_the_distance_to_a_target(profit: str, left: str, fraction: str) -> None:
    distance = target_distance(Decimal(profit), Decimal(3000))
    assert (distance.dollars, distance.fraction) == (Decimal(left), Decimal(fraction))


@pytest.mark.parametrize("target", ["0", "-1"])
def test_a_target_that_is_no_profit_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match=f"an amount above 0, not {target}"):
        target_distance(Decimal(100), Decimal(target))


cents = st.integers(-500_000, 500_000).map(lambda amount: Decimal(amount) / 100)
dates = st.dates(date(2026, 1, 1), date(2026, 2, 28))


def unique(days: st.SearchStrategy[date]) -> st.SearchStrategy[list[date]]:
    return st.lists(days, unique=True, max_size=20)


@given(unique(dates), unique(dates), st.data())
def test_a_merged_history_has_each_known_day_once_in_order(
    ours: list[date], theirs: list[date], data: st.DataObject
) -> None:
    records = [replace(RECORD, day=day, end_balance=50000 + data.draw(cents)) for day in ours]
    reports = [PlatformDay(day=day, pnl=data.draw(cents)) for day in theirs]
    merged = merge_history(records, reports)
    assert [result.day for result in merged] == sorted({*ours, *theirs})
    assert merge_history(reversed(records), reversed(reports)) == merged
    said = {report.day: report.pnl for report in reports}
    kept = {record.day: (record.end_balance or Decimal(0)) - 50000 for record in records}
    for result in merged:
        assert result.counted == said.get(result.day, kept.get(result.day))
        assert result.platform_pnl == said.get(result.day)
        assert result.pnl == kept.get(result.day)


@given(st.lists(st.tuples(cents, cents), min_size=1, max_size=20))
def test_the_days_add_up_to_what_the_balance_did_less_what_was_moved(days: list[tuple[Decimal, Decimal]]) -> None:
    balances = list(accumulate((pnl + moved for pnl, moved in days), initial=Decimal(50000)))
    records = [
        replace(RECORD, day=MONDAY + timedelta(days=n), start_balance=start, end_balance=end, moved=moved)
        for n, ((start, end), (_, moved)) in enumerate(zip(pairwise(balances), days, strict=True))
    ]
    results = merge_history(records)
    assert [result.pnl for result in results] == [pnl for pnl, _ in days]


@given(st.lists(cents, max_size=20), cents, cents)
def test_a_higher_threshold_never_wins_more_days(figures: list[Decimal], one: Decimal, other: Decimal) -> None:
    history = made(*map(str, figures))
    low, high = sorted((one, other))
    assert winning_days(history, high) <= winning_days(history, low) <= trading_days(history)


@given(cents, st.integers(1, 2_000_000).map(lambda amount: Decimal(amount) / 100))
def test_what_is_made_and_what_is_left_make_the_target(profit: Decimal, target: Decimal) -> None:
    distance = target_distance(profit, target)
    assert distance.dollars >= 0
    assert (distance.dollars == 0) is (profit >= target) is (distance.fraction >= 1)
    if distance.dollars > 0:
        assert profit + distance.dollars == target
