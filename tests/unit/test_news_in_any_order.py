"""News of an account in any order, some of it twice: the account ends up where the right order leads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_engine.tracked import Outcome, Snapshot, SnapshotKind, Step, Tracked
from account_engine.tracking import apply, restarted
from domain.account_update import AccountUpdate, Source
from domain.drawdown_rule import Consequence, DailyLoss, DayBase, DrawdownRule, Family
from domain.firm_day import FirmDay
from domain.rule_set import AccountRules

NOON = datetime(2026, 11, 18, 17, 0, tzinfo=UTC)
START = Decimal(50000)
DAILY = DailyLoss(amount=Decimal(1000), base=DayBase.LARGER, consequence=Consequence.PAUSED_TO_RESET)


def rules(family: Family, daily: DailyLoss | None = DAILY) -> AccountRules:
    return AccountRules(
        firm_code="APEX",
        program_id=1,
        day=FirmDay(reset=time(18), zone="America/New_York"),
        drawdown=DrawdownRule(
            family=family,
            starting_balance=START,
            amount=Decimal(2000),
            lock_at=None if family is Family.STATIC else Decimal(50100),
            daily=daily,
        ),
    )


def news(second: int, realized: int | Decimal, unrealized: int | Decimal = 0) -> AccountUpdate:
    at = NOON + timedelta(seconds=second)
    realized, unrealized = Decimal(realized), Decimal(unrealized)
    return AccountUpdate(
        at=at,
        received_at=at,
        source=Source.PLATFORM,
        equity=START + realized + unrealized,
        balance=START + realized,
        realized_pl=realized,
        unrealized_pl=unrealized,
        positions=({"second": second},),
    )


def after(updates: Iterable[AccountUpdate], given_rules: AccountRules) -> Tracked:
    tracked = Tracked()
    for update in updates:
        tracked = apply(tracked, update, given_rules).tracked
    return tracked


def comparable(tracked: Tracked) -> Tracked:
    """Without what may depend on the order: which of equal highs was the first, which states were thinned out."""
    standing = tracked.standing
    assert standing is not None
    # A late lock is noticed with the figures that came late, or with the next.
    return replace(tracked, floor_locked_at=None, last_snapshot_at=None)


# Distinct highs, so that each mark has one time.
STEPS = st.lists(st.integers(-90_000, 90_000), min_size=1, max_size=12, unique=True)


@given(st.data(), STEPS, st.sampled_from([Family.STATIC, Family.TRAILING_EOD]))
def test_where_the_floor_stands_still_even_breaches_do_not_depend_on_the_order(
    data: st.DataObject, cents: list[int], family: Family
) -> None:
    # Up to 2,700 dollars down and up: past the daily limit, and past the floor.
    updates = [news(second, Decimal(step) * 3 / 100, second) for second, step in enumerate(cents)]
    shuffled = data.draw(st.permutations([*updates, *updates[:4]]))

    expected, found = after(updates, rules(family)), after(shuffled, rules(family))

    assert comparable(found) == comparable(expected)


@given(st.data(), STEPS, st.sampled_from(Family))
def test_without_a_breach_no_family_depends_on_the_order(data: st.DataObject, cents: list[int], family: Family) -> None:
    updates = [news(second, Decimal(step) / 100, second) for second, step in enumerate(cents)]
    shuffled = data.draw(st.permutations([*updates, *updates[:4]]))

    expected, found = after(updates, rules(family, None)), after(shuffled, rules(family, None))

    assert expected.standing is not None
    assert expected.standing.breached_at is None
    assert comparable(found) == comparable(expected)


@given(st.data(), STEPS)
def test_every_update_is_in_the_history_however_late_it_came(data: st.DataObject, cents: list[int]) -> None:
    updates = [news(second * 2, Decimal(step) / 100) for second, step in enumerate(cents)]
    tracked = Tracked()
    points: list[Snapshot] = []
    for update in data.draw(st.permutations(updates)):
        step = apply(tracked, update, rules(Family.TRAILING_INTRADAY))
        newest = tracked.observed_at is None or update.at > tracked.observed_at
        assert (step.outcome is Outcome.CURRENT) is newest
        tracked, points = step.tracked, [*points, *step.snapshots]

    assert sorted(point.observed_at for point in points) == [update.at for update in updates]


def late(family: Family, equity: str, *, at: datetime | None = None) -> Step:
    """An account at 50,500 with its floor risen, and an equity that was there a minute before."""
    given_rules = rules(family)
    tracked = after([news(0, 0), news(600, 500)], given_rules)
    told = replace(news(540, 0), equity=Decimal(equity), balance=START, unrealized_pl=None)
    return apply(tracked, replace(told, at=told.at if at is None else at), given_rules)


@pytest.mark.parametrize(
    ("family", "equity", "breached"),
    [
        (Family.STATIC, "48000.01", False),
        (Family.STATIC, "48000", True),
        (Family.TRAILING_EOD, "48000.01", False),
        (Family.TRAILING_EOD, "48000", True),
        # Their floor is at 48,500 by now, but may have been at 48,000 when that equity was seen.
        (Family.TRAILING_INTRADAY, "48000.01", False),
        (Family.TRAILING_INTRADAY, "48000", True),
        (Family.TRAILING_CLOSED, "48000.01", False),
        (Family.TRAILING_CLOSED, "47999.99", True),
    ],
)
def test_a_breach_that_came_late_is_a_breach(family: Family, equity: str, breached: bool) -> None:
    standing = late(family, equity).tracked.standing
    assert standing is not None
    assert standing.breached_at == (NOON + timedelta(seconds=540) if breached else None)


@pytest.mark.parametrize(("equity", "breached"), [("48500.01", False), ("48500", True)])
def test_a_floor_that_rose_with_the_day_before_lies_under_what_came_late_today(equity: str, breached: bool) -> None:
    given_rules = rules(Family.TRAILING_EOD, None)
    day = 24 * 60 * 60
    tracked = after([news(0, 500), news(day, 500)], given_rules)
    told = replace(news(day - 60, 0), equity=Decimal(equity), unrealized_pl=None)

    standing = apply(tracked, told, given_rules).tracked.standing

    assert standing is not None
    assert (standing.floor, standing.breached_at is not None) == (Decimal(48500), breached)


@pytest.mark.parametrize(("equity", "reached"), [("49000.01", False), ("49000", True), ("48999.99", True)])
def test_a_daily_limit_reached_late_in_its_own_day_is_reached(equity: str, reached: bool) -> None:
    standing = late(Family.TRAILING_INTRADAY, equity).tracked.standing
    assert standing is not None
    assert (standing.daily_breached_at is not None) is reached


@pytest.mark.parametrize("equity", ["49000", "48000.01"])
def test_what_came_from_a_day_that_is_over_pauses_no_other_day(equity: str) -> None:
    step = late(Family.TRAILING_EOD, equity, at=datetime(2026, 11, 17, 22, 59, 59, tzinfo=UTC))
    standing, day = step.tracked.standing, step.tracked.day
    assert standing is not None
    assert day is not None
    assert (standing.breached_at, standing.daily_breached_at, day.low_equity) == (None, None, START)
    assert [point.kind for point in step.snapshots] == [SnapshotKind.LATE]


def test_the_first_of_two_breaches_is_the_one() -> None:
    given_rules = rules(Family.STATIC)
    tracked = after([news(0, 0), news(20, -2000), news(10, -2500)], given_rules)
    assert tracked.standing is not None
    assert tracked.standing.breached_at == NOON + timedelta(seconds=10)
    assert after([news(30, -2000)], given_rules).standing != tracked.standing


def test_the_fall_below_the_peak_follows_a_peak_that_came_late() -> None:
    given_rules = rules(Family.TRAILING_INTRADAY)
    told = replace(news(20, 0), drawdown=Decimal(-77))
    assert after([news(20, 0), news(10, 300)], given_rules).figures["drawdown"] == Decimal(-300)
    assert after([told, news(10, 300)], given_rules).figures["drawdown"] == Decimal(-77)


def test_a_lock_that_came_late_has_its_time() -> None:
    tracked = after([news(20, 0), news(10, 2100)], rules(Family.TRAILING_INTRADAY))
    assert tracked.standing is not None
    assert tracked.standing.locked
    assert tracked.floor_locked_at == NOON + timedelta(seconds=10)


@given(st.lists(st.integers(-500, 500), min_size=1, max_size=8), st.lists(st.integers(-500, 500), max_size=8))
def test_nothing_of_a_former_life_reaches_the_new_one(former: list[int], fresh: list[int]) -> None:
    given_rules = rules(Family.TRAILING_INTRADAY)
    old = [news(second - 1000, step) for second, step in enumerate(former)]
    new = [news(second, step) for second, step in enumerate(fresh)]
    begun = restarted(after(old[:1], given_rules), given_rules, NOON)

    expected = found = begun
    for update in new:
        expected = apply(expected, update, given_rules).tracked
    for update in [*old, *new, *old]:
        found = apply(found, update, given_rules).tracked

    assert found == expected
