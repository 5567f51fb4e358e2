"""News that is not the newest, or of a day that is closed already: history, marks, and what it proves. Pure.

A limit that was reached was reached, whenever word of it comes. Late news breaches only where that is certain: against
the floor that was in force at its time, never against one that has moved since, and on no day from before our first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from account_engine.daily_history import DayRecord
from account_engine.drawdown import DayClose, Reading, Standing, advance, begin, raise_mark, start_day
from account_engine.figures import Pair, pair_after, peak_of, raised, raised_at_close, stretched
from account_engine.firm_days import with_standing
from account_engine.tracked import Day, Mark, Outcome, Reset, Snapshot, SnapshotKind, Step, Tracked
from domain.account_update import AccountUpdate
from domain.drawdown_rule import Consequence, DrawdownRule, Family
from domain.rule_set import AccountRules


def late(tracked: Tracked, update: AccountUpdate, rules: AccountRules, days: Sequence[DayRecord]) -> Step:
    """Return the account after news that is older than the newest: it never becomes current.

    It may show a high that nobody saw, and a mark knows no "too late"; it may show that a limit was reached.
    """
    pair, name, day = pair_after(Pair(), update), rules.day.day_of(update.at), tracked.day
    after = replace(tracked, marks=raised(tracked.marks, pair, update.at))
    standing, rule = tracked.standing, rules.drawdown
    if standing is not None and rule is not None:
        if pair.equity is not None and day is not None and name >= min([day.day, *(record.day for record in days)]):
            news = Reading(at=update.at, equity=pair.equity, balance=pair.equity)
            standing = _held_against(standing, rule, news, tracked, _started(tracked, name, rule, days))
        after = with_standing(after, _raised(standing, rule, pair, tracked.observed_at), update.at)
    if day is not None and name == day.day and pair.equity is not None:
        after = replace(after, day=stretched(day, pair.equity))
    return kept_late(_fallen(tracked, after, rules), update, rules)


def _fallen(before: Tracked, after: Tracked, rules: AccountRules) -> Tracked:
    """Return the account with its fall below the peak counted from the new peak, where it was counted from the old."""
    old, new, equity = peak_of(before, rules), peak_of(after, rules), after.figures.get("equity")
    if old is None or new is None or equity is None or after.figures.get("drawdown") != equity - old:
        return after
    return replace(after, figures={**after.figures, "drawdown": equity - new})


def kept_late(after: Tracked, update: AccountUpdate, rules: AccountRules) -> Step:
    """Return the account with news of an earlier moment in its history."""
    pair = pair_after(Pair(), update)
    known = pair.equity is not None or pair.balance is not None
    snapshots = (late_snapshot(update, pair, rules),) if known else ()
    return Step(tracked=after, outcome=Outcome.OLDER, snapshots=snapshots)


def late_snapshot(update: AccountUpdate, pair: Pair, rules: AccountRules) -> Snapshot:
    """Return news of an earlier moment as a point of the history."""
    return Snapshot(
        kind=SnapshotKind.LATE,
        observed_at=update.at,
        received_at=update.received_at,
        source=update.source,
        firm_day=rules.day.day_of(update.at),
        equity=pair.equity,
        balance=pair.balance,
        day_pl=update.day_pl,
    )


def is_of_a_closed_day(tracked: Tracked, update: AccountUpdate, rules: AccountRules) -> bool:
    """Return whether the newest news is of a day that was closed before it came.

    A day that stands ahead of the clock is running all the same: a firm day whose hours were changed, or a clock that
    had been wrong, has named it so, and what comes before its start by both clocks is news of it.
    """
    if tracked.day is None:
        return False
    began = rules.day.starts_at(tracked.day.day)
    return update.at < began <= update.received_at


def correct_close(
    tracked: Tracked, update: AccountUpdate, pair: Pair, rules: AccountRules, days: Iterable[DayRecord]
) -> tuple[Tracked, tuple[Reset, ...]]:
    """Return the account after the newest news of a day that was already closed from older figures.

    The closing figures of that day and of the days since are replaced, and with them the start of the running day. A
    mark that the older figures had set stays: it may be too high, which makes the floor stricter, never looser.
    """
    day = tracked.day
    if day is None or pair.equity is None:
        return tracked, ()
    balance = pair.equity if pair.balance is None else pair.balance
    name = rules.day.day_of(update.at)
    closed = rules.day.ended(name, rules.day.starts_at(day.day))
    after = replace(tracked, marks=raised_at_close(tracked.marks, balance, rules.day.ends_at(name)))
    standing, rule = tracked.standing, rules.drawdown
    if standing is not None and rule is not None:
        started = _day_on_record(name, rule, days)
        judged = replace(standing, daily_floor=None) if started is None else _on(started, standing)
        path: list[Reading | DayClose] = [Reading(at=update.at, equity=pair.equity, balance=balance)]
        path += [DayClose(at=rules.day.ends_at(earlier), equity=pair.equity, balance=balance) for earlier in closed]
        for point in path:
            judged = advance(rule, judged, point)
            after = with_standing(after, judged, point.at)
    corrections = tuple(
        Reset(
            day=_corrected(earlier, pair.equity, balance, first=earlier == name),
            due_at=rules.day.ends_at(earlier),
            closing_balance=balance,
            closing_equity=pair.equity,
            figures_at=update.at,
            caught_up=False,
            released=False,
            corrected=True,
        )
        for earlier in closed
    )
    after = replace(after, day=replace(day, start_balance=balance, start_equity=pair.equity))
    return after, corrections


def _corrected(day: date, equity: Decimal, balance: Decimal, *, first: bool) -> Day:
    # The day itself keeps its start, and the news is one more equity in it. Those after it had no news of their own.
    if first:
        return Day(day=day, start_balance=None, start_equity=None, high_equity=equity, low_equity=equity)
    return Day(day=day, start_balance=balance, start_equity=equity)


def _raised(standing: Standing, rule: DrawdownRule, pair: Pair, newest: datetime | None) -> Standing:
    """Let the floor follow a high that came late; the equity told after it is then held against the higher floor."""
    figure = {Family.TRAILING_INTRADAY: pair.equity, Family.TRAILING_CLOSED: pair.balance}.get(rule.family)
    if figure is None:
        return standing
    followed = raise_mark(rule, standing, figure)
    reached = followed.floor is not None and followed.equity <= followed.floor
    if newest is None or followed.floor == standing.floor or followed.breached_at is not None or not reached:
        return followed
    return replace(followed, breached_at=newest)


def _held_against(
    standing: Standing, rule: DrawdownRule, news: Reading, tracked: Tracked, started: Standing | None
) -> Standing:
    """Return the standing with what an equity of an earlier moment shows to have been reached then."""
    then = replace(standing, daily_floor=None) if started is None else _on(started, standing)
    # Of where this leads only what was reached is taken over: neither equity nor marks are those of the moment.
    unjudged = replace(then, floor=_floor_then(tracked, rule, news.at), breached_at=None, daily_breached_at=None)
    then = advance(rule, unjudged, news)
    return replace(
        standing,
        breached_at=_first(standing.breached_at, then.breached_at),
        daily_breached_at=_first(standing.daily_breached_at, then.daily_breached_at),
    )


def _first(*moments: datetime | None) -> datetime | None:
    """Return the earliest: of two breaches the first is the one, whichever was heard of first."""
    return min((moment for moment in moments if moment is not None), default=None)


def _on(started: Standing, standing: Standing) -> Standing:
    """Return a standing with the daily limit of another day."""
    return replace(standing, day_start=started.day_start, daily_floor=started.daily_floor)


def _floor_then(tracked: Tracked, rule: DrawdownRule, at: datetime) -> Decimal | None:
    """Return a floor that was certainly in force: the present one where its mark is older, else the first one."""
    marks = tracked.marks
    followed: dict[Family, Mark | None] = {
        Family.TRAILING_INTRADAY: marks.intraday,
        Family.TRAILING_CLOSED: marks.closed,
        Family.TRAILING_EOD: marks.eod,
    }
    mark = followed.get(rule.family)
    moved_since = mark is not None and mark.at >= at
    return rule.first_floor if moved_since or tracked.standing is None else tracked.standing.floor


def _started(tracked: Tracked, name: date, rule: DrawdownRule, days: Sequence[DayRecord]) -> Standing | None:
    """Return the standing at a day's start where its limit is certain and still matters, else None."""
    day = tracked.day
    if day is not None and name == day.day:
        return tracked.standing if day.start_known else None
    # Of the first day on record nobody may have said what it started from; late news may be older than our first look.
    started = _day_on_record(name, rule, sorted(days, key=lambda record: record.day)[1:])
    if started is None or rule.daily is None or rule.daily.consequence is Consequence.ACCOUNT_LOST:
        return started
    # What the reset has released stays released; the firm's own limit beyond it would have cost the account.
    return replace(started, daily_floor=None if rule.daily.lost_at is None else started.day_start - rule.daily.lost_at)


def _day_on_record(name: date, rule: DrawdownRule, days: Iterable[DayRecord]) -> Standing | None:
    for record in days:
        if record.day == name and record.start_balance is not None and record.start_equity is not None:
            return start_day(rule, begin(rule), balance=record.start_balance, equity=record.start_equity)
    return None
