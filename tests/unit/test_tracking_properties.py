"""What holds of an account for every order of arrival."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from account_engine.tracked import Outcome, SnapshotKind, Step, Tracked
from account_engine.tracking import apply
from domain.account_update import AccountUpdate
from domain.drawdown_rule import DayBase, Family
from domain.rule_set import AccountRules
from tests.paths import LOSES, NO_DATA, NOON, PAUSES, Account, rule, told, under


@st.composite
def readings(draw: st.DrawFn) -> list[AccountUpdate]:
    """Updates of one account at different moments of four days, in the order of time."""
    moments = draw(st.lists(st.integers(0, 4 * 24 * 60), min_size=1, max_size=12, unique=True))
    figures = st.integers(46500, 54500)
    return [told(NOON + timedelta(minutes=minutes), draw(figures), draw(figures)) for minutes in sorted(moments)]


all_rules = st.builds(
    lambda family, consequence, base, lock_at: under(rule(family, consequence, base=base, lock_at=lock_at)),
    st.sampled_from(list(Family)),
    st.sampled_from([None, PAUSES, LOSES]),
    st.sampled_from(list(DayBase)),
    st.sampled_from([None, "50100"]),
)
moments = st.integers(0, 6 * 24 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes))
HORIZON = NOON + timedelta(days=7)


def marks_of(tracked: Tracked) -> tuple[Decimal, ...]:
    """Marks and floor, nothing of which may ever fall."""
    marks = (tracked.marks.intraday, tracked.marks.closed, tracked.marks.eod)
    standing = tracked.standing
    floor = None if standing is None else standing.floor
    values = [None if mark is None else mark.value for mark in marks]
    return tuple(Decimal(0) if value is None else value for value in (*values, floor))


def floors_of(steps: Iterable[Step]) -> list[Decimal]:
    return [step.tracked.standing.floor for step in steps if step.tracked.standing and step.tracked.standing.floor]


@given(st.data(), readings(), all_rules)
def test_in_whatever_order_news_arrives(
    data: st.DataObject, updates: list[AccountUpdate], given_rules: AccountRules
) -> None:
    deliveries = data.draw(st.permutations([*updates, *data.draw(st.lists(st.sampled_from(updates), max_size=6))]))
    ticks = data.draw(st.lists(moments, max_size=6))
    silent = [told(tick, **NO_DATA) for tick in data.draw(st.lists(moments, max_size=3))]
    account = Account(rules=given_rules)
    now = NOON
    events: list[Any] = [*deliveries, *ticks, *silent]
    for event in data.draw(st.permutations(events)):
        before = account.tracked
        if isinstance(event, datetime):
            now = max(now, event)
            account.close(now)
        else:
            now = max(now, event.at)
            step = account.take(replace(event, received_at=now))
            if step.outcome is not Outcome.NO_DATA:
                again = apply(account.tracked, event, given_rules, tuple(account.days.values()))
                assert again.tracked == account.tracked
                assert again.resets == ()
                assert again.outcome in {Outcome.REPEATED, Outcome.OLDER}
            elif before.rule_digest is not None:
                assert (step.tracked.standing, step.tracked.figures) == (before.standing, before.figures)
        assert all(late >= early for early, late in zip(marks_of(before), marks_of(account.tracked), strict=True))

    newest, tracked = updates[-1], account.tracked
    assert (tracked.observed_at, tracked.figures["equity"], tracked.figures["balance"]) == (
        newest.at,
        newest.equity,
        newest.balance,
    )
    assert tracked.marks.intraday is not None
    assert tracked.marks.intraday.value == max(update.equity for update in updates if update.equity is not None)
    assert tracked.marks.closed is not None
    assert tracked.marks.closed.value == max(update.balance for update in updates if update.balance is not None)
    assert account.closed_once == sorted(set(account.closed_once))
    assert all(following - day == timedelta(days=1) for day, following in pairwise(account.closed_once))
    assert tracked.day is not None
    if account.closed_once:
        assert tracked.day.day == account.closed_once[-1] + timedelta(days=1)
    assert account.kinds.count(SnapshotKind.CLOSE) == len(account.closed_once)
    chained(account)
    if given_rules.drawdown is not None and given_rules.drawdown.family is Family.TRAILING_INTRADAY:
        floors = floors_of(account.steps)
        peak = max(tracked.marks.intraday.value, Decimal(50000))
        lock = given_rules.drawdown.lock_at
        assert floors[-1] == (peak - 2000 if lock is None else min(peak - 2000, lock))


def chained(account: Account) -> None:
    """Each day starts from what the one before it ended with."""
    tracked = account.tracked
    assert tracked.day is not None
    days = [account.days[day] for day in sorted(account.days)]
    for day, following in pairwise(days):
        assert (following.start_balance, following.start_equity) == (day.end_balance, day.end_equity)
    if days:
        assert (tracked.day.start_balance, tracked.day.start_equity) == (days[-1].end_balance, days[-1].end_equity)


def in_time(updates: Sequence[AccountUpdate], given_rules: AccountRules) -> Account:
    """The account as it is if everything arrives at once and only news closes days."""
    account = Account(rules=given_rules)
    account.take(*updates)
    account.close(HORIZON)
    return account


@given(st.data(), readings(), all_rules)
def test_looking_at_the_clock_more_often_changes_nothing(
    data: st.DataObject, updates: list[AccountUpdate], given_rules: AccountRules
) -> None:
    ticks = data.draw(st.lists(moments, max_size=10))
    account = Account(rules=given_rules)
    events: list[Any] = [*updates, *ticks]
    for event in sorted(events, key=lambda event: event if isinstance(event, datetime) else event.at):
        _ = account.close(event) if isinstance(event, datetime) else account.take(event)
    account.close(HORIZON)

    plain = in_time(updates, given_rules)

    def resets(of: Account) -> list[Any]:
        return [replace(reset, caught_up=False) for step in of.steps for reset in step.resets]

    assert resets(account) == resets(plain)
    assert account.tracked == plain.tracked


@given(st.data(), readings(), all_rules)
def test_days_that_were_closed_too_early_end_up_right(
    data: st.DataObject, updates: list[AccountUpdate], given_rules: AccountRules
) -> None:
    """However far ahead days have been closed when news arrives in the order of time, the days end up the same."""
    account = Account(rules=given_rules)
    now = NOON
    for update in updates:
        now = max(now, update.at)
        account.take(replace(update, received_at=now))
        if data.draw(st.booleans()):
            now = max(now, data.draw(moments))
            account.close(now)
    account.close(HORIZON)
    plain = in_time(updates, given_rules)

    def rows(of: Account) -> dict[date, Any]:
        return {day: (replace(record, late=False), of.extremes[day]) for day, record in of.days.items()}

    assert rows(account) == rows(plain)
    assert account.tracked.day == plain.tracked.day
    figures = ("equity", "balance", "day_pl", "total_pl", "drawdown")
    assert [account.tracked.figures.get(name) for name in figures] == [
        plain.tracked.figures.get(name) for name in figures
    ]
    assert (account.tracked.marks.intraday, account.tracked.marks.closed) == (
        plain.tracked.marks.intraday,
        plain.tracked.marks.closed,
    )
    assert all(early >= right for early, right in zip(marks_of(account.tracked), marks_of(plain.tracked), strict=True))
    # Stricter perhaps, never looser.
    if plain.standing is not None:
        for moment in ("breached_at", "daily_breached_at"):
            assert getattr(account.standing, moment) is not None or getattr(plain.standing, moment) is None
