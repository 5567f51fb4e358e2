"""The end of a firm's day for one account: closed once, in order, from the last figures before it. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from account_engine.drawdown import DayClose, Standing, advance
from account_engine.figures import Pair, derived, raised_at_close
from account_engine.tracked import Day, Outcome, Reset, Snapshot, SnapshotKind, Step, Tracked
from domain.rule_set import AccountRules

# A reset performed later than this after it was due was missed at its time, and is marked as caught up.
PUNCTUAL = timedelta(minutes=1)


def close_days(tracked: Tracked, rules: AccountRules, until: datetime, *, now: datetime) -> Step:
    """Close every firm day of the account that had ended by ``until``, in order, from its last figures."""
    snapshots: list[Snapshot] = []
    resets: list[Reset] = []
    for _ in [] if tracked.day is None else rules.day.ended(tracked.day.day, until):
        tracked, closing, reset = _close(tracked, rules, now)
        snapshots += closing
        resets.append(reset)
    return Step(tracked=tracked, outcome=Outcome.CURRENT, snapshots=tuple(snapshots), resets=tuple(resets))


def with_standing(tracked: Tracked, standing: Standing, at: datetime) -> Tracked:
    """Return the account with where its drawdown rule stands since ``at``; the first moment of a lock is kept."""
    locked_at = tracked.floor_locked_at if tracked.floor_locked_at is not None else at
    return replace(tracked, standing=standing, floor_locked_at=locked_at if standing.locked else None)


def snapshot_of(tracked: Tracked, kind: SnapshotKind, observed_at: datetime, received_at: datetime) -> Snapshot:
    """Return an account's present state as a point of its history."""
    standing, mark = tracked.standing, tracked.marks.intraday
    return Snapshot(
        kind=kind,
        observed_at=observed_at,
        received_at=received_at,
        source=tracked.source,
        firm_day=None if tracked.day is None else tracked.day.day,
        equity=tracked.figures.get("equity"),
        balance=tracked.figures.get("balance"),
        day_pl=tracked.figures.get("day_pl"),
        high_water_mark=None if mark is None else mark.value,
        floor=None if standing is None else standing.floor,
        daily_floor=None if standing is None else standing.daily_floor,
    )


def _close(tracked: Tracked, rules: AccountRules, now: datetime) -> tuple[Tracked, list[Snapshot], Reset]:
    assert tracked.day is not None  # noqa: S101 - the caller closes days that exist
    day, pair = tracked.day, Pair.of(tracked.figures)
    due = rules.day.ends_at(day.day)
    balance = pair.equity if pair.balance is None else pair.balance
    before = after = tracked
    standing = tracked.standing
    if standing is not None and rules.drawdown is not None:
        if pair.equity is not None and balance is not None:
            close = DayClose(at=due, equity=pair.equity, balance=balance)
            after = with_standing(after, advance(rules.drawdown, standing, close), due)
    elif standing is not None:
        # No rule says any more what the day's limit had meant; what it may have paused is released.
        after = replace(after, standing=replace(standing, daily_breached_at=None))
    closing = [snapshot_of(tracked, SnapshotKind.CLOSE, due, now)] if pair.equity is not None else []
    reset = Reset(
        day=day,
        due_at=due,
        closing_balance=balance,
        closing_equity=pair.equity,
        figures_at=tracked.observed_at,
        caught_up=now - due > PUNCTUAL,
        released=_is_paused(before) and not _is_paused(after),
    )
    after = replace(
        after,
        day=Day(day=day.day + timedelta(days=1), start_balance=balance, start_equity=pair.equity),
        marks=raised_at_close(tracked.marks, balance, due),
    )
    figures = {name: figure for name, figure in tracked.figures.items() if name not in ("day_pl", "realized_pl")}
    if pair.equity is not None:
        figures |= derived(after, pair.equity, rules)
    return replace(after, figures=figures), closing, reset


def _is_paused(tracked: Tracked) -> bool:
    return tracked.standing is not None and tracked.standing.daily_breached_at is not None
