"""From one update to the next state of an account: newest figures, high-water marks, day, floor. Pure.

What holds for every order of arrival: an update older than the newest never becomes current; a repeated one changes
nothing; a mark never falls; each firm day is closed once, by the first news from after its end or by time alone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from account_engine.drawdown import Reading, Standing, advance, begin, raise_mark, start_day
from account_engine.figures import Pair, figures_after, pair_after, raised, stretched
from account_engine.firm_days import close_days, correct_close, snapshot_of
from account_engine.tracked import Day, Outcome, Reset, Snapshot, SnapshotKind, Step, Tracked
from domain.account_update import AccountUpdate
from domain.drawdown_rule import DrawdownRule, Family
from domain.rule_set import AccountRules

SNAPSHOT_EVERY = timedelta(seconds=1)


def apply(tracked: Tracked, update: AccountUpdate, rules: AccountRules) -> Step:
    """Return the account after one update."""
    tracked = under_rules(tracked, rules)
    if update.no_data:
        return _disconnected(tracked, update)
    if tracked.began_at is not None and update.at < tracked.began_at:
        return _kept_late(tracked, update, rules)
    if tracked.observed_at is not None and update.at < tracked.observed_at:
        return _late(tracked, update, rules)
    if _is_repeated(tracked, update):
        return Step(tracked=tracked, outcome=Outcome.REPEATED)
    closed = close_days(tracked, rules, update.at, now=update.received_at)
    return _newest(closed, update, rules)


def under_rules(tracked: Tracked, rules: AccountRules) -> Tracked:
    """Return the account under the rules in force: where they changed, its floor is worked out anew from its marks.

    An account that had been lost stays lost: a rule that is changed afterwards undoes no breach.
    """
    if tracked.rule_digest == rules.digest:
        return tracked
    named = None if rules.rule_set is None else str(rules.rule_set.ref)
    standing = None if rules.drawdown is None else _standing(rules.drawdown, tracked)
    return replace(tracked, standing=standing, rule_set=named, rule_digest=rules.digest)


def restarted(tracked: Tracked, rules: AccountRules, at: datetime) -> Tracked:
    """Return the account after the firm gave it a new start: marks, floor and breaches begin anew.

    What was seen before ``at`` and arrives after it belongs to the life that is over.
    """
    fresh = Tracked(
        version=tracked.version, life=tracked.life + 1, began_at=at, source=tracked.source, details=tracked.details
    )
    return under_rules(fresh, rules)


def _standing(rule: DrawdownRule, tracked: Tracked) -> Standing:
    marks = {
        Family.TRAILING_INTRADAY: tracked.marks.intraday,
        Family.TRAILING_CLOSED: tracked.marks.closed,
        Family.TRAILING_EOD: tracked.marks.eod,
    }
    mark = marks.get(rule.family)
    standing = begin(rule) if mark is None else raise_mark(rule, begin(rule), mark.value)
    day = tracked.day
    if day is not None and day.start_balance is not None and day.start_equity is not None:
        standing = start_day(rule, standing, balance=day.start_balance, equity=day.start_equity)
    if tracked.standing is None:
        return standing
    return replace(
        standing,
        equity=tracked.standing.equity,
        breached_at=tracked.standing.breached_at,
        daily_breached_at=tracked.standing.daily_breached_at,
    )


def _disconnected(tracked: Tracked, update: AccountUpdate) -> Step:
    """Without a connection a platform shows zeros: the last figures stand, and no limit is judged by the zeros."""
    newest = max((at for at in (tracked.observed_at, tracked.began_at) if at is not None), default=update.at)
    if tracked.no_data_since is not None or update.at < newest:
        return Step(tracked=tracked, outcome=Outcome.NO_DATA)
    after = replace(tracked, no_data_since=update.at, source=update.source)
    snapshot = Snapshot(
        kind=SnapshotKind.NO_DATA,
        observed_at=update.at,
        received_at=update.received_at,
        source=update.source,
        firm_day=None if tracked.day is None else tracked.day.day,
        equity=None,
        balance=None,
    )
    return Step(tracked=after, outcome=Outcome.NO_DATA, snapshots=(snapshot,))


def _is_repeated(tracked: Tracked, update: AccountUpdate) -> bool:
    return (
        tracked.observed_at == update.at
        and tracked.no_data_since is None
        and all(tracked.figures.get(name) == figure for name, figure in update.figures().items())
        and all(tracked.details.get(name) == value for name, value in update.details.items())
        and update.positions in (None, tracked.positions)
    )


def _late(tracked: Tracked, update: AccountUpdate, rules: AccountRules) -> Step:
    """What comes late is history. It may show a high that nobody saw, and a mark knows no "too late"."""
    pair = pair_after(Pair(), update)
    standing = tracked.standing
    if standing is not None and rules.drawdown is not None:
        followed = {Family.TRAILING_INTRADAY: pair.equity, Family.TRAILING_CLOSED: pair.balance}
        figure = followed.get(rules.drawdown.family)
        standing = standing if figure is None else raise_mark(rules.drawdown, standing, figure)
    after = replace(tracked, marks=raised(tracked.marks, pair, update.at), standing=standing)
    return _kept_late(after, update, rules)


def _kept_late(after: Tracked, update: AccountUpdate, rules: AccountRules) -> Step:
    pair = pair_after(Pair(), update)
    if pair.equity is None and pair.balance is None:
        return Step(tracked=after, outcome=Outcome.OLDER)
    snapshot = Snapshot(
        kind=SnapshotKind.LATE,
        observed_at=update.at,
        received_at=update.received_at,
        source=update.source,
        firm_day=rules.day.day_of(update.at),
        equity=pair.equity,
        balance=pair.balance,
        day_pl=update.day_pl,
    )
    return Step(tracked=after, outcome=Outcome.OLDER, snapshots=(snapshot,))


def _newest(closed: Step, update: AccountUpdate, rules: AccountRules) -> Step:
    before = closed.tracked
    pair = pair_after(Pair.of(before.figures), update)
    tracked = _with_day(before, update, pair, rules)
    corrections: tuple[Reset, ...] = ()
    if tracked.day is not None and update.at < rules.day.starts_at(tracked.day.day):
        tracked, corrections = correct_close(tracked, update, pair, rules)
    else:
        tracked = _with_reading(tracked, update, pair, rules)
    lost_at = tracked.no_data_since
    after = replace(
        tracked,
        source=update.source,
        observed_at=update.at,
        received_at=update.received_at,
        # Figures from before the connection was lost do not say that it is back.
        no_data_since=lost_at if lost_at is not None and update.at < lost_at else None,
        marks=raised(tracked.marks, pair, update.at),
        positions=tracked.positions if update.positions is None else update.positions,
        details=_details(tracked, update),
    )
    after = replace(after, figures=figures_after(after, update, pair, rules))
    kind = _kind(before, after, update)
    if kind is not None:
        after = replace(after, last_snapshot_at=update.at)
    own = () if kind is None else (snapshot_of(after, kind, update.at, update.received_at),)
    return Step(
        tracked=after,
        outcome=Outcome.CURRENT,
        snapshots=(*closed.snapshots, *own),
        resets=(*closed.resets, *corrections),
    )


def _details(tracked: Tracked, update: AccountUpdate) -> dict[str, Any]:
    """Return the further fields; one that had stood in for an unreadable figure goes when the figure is told."""
    told = update.figures()
    return {**{name: value for name, value in tracked.details.items() if name not in told}, **update.details}


def _with_day(tracked: Tracked, update: AccountUpdate, pair: Pair, rules: AccountRules) -> Tracked:
    """Begin the first day of an account that was not known before, from what the update says of the day so far.

    Where it says what was realised but not the day's whole result, no position is taken to have been open when the day
    began: the firms have them closed by then.
    """
    if tracked.day is not None or pair.equity is None:
        return tracked
    realised = update.day_pl if update.realized_pl is None else update.realized_pl
    balance = pair.equity if pair.balance is None else pair.balance
    start_balance = balance if realised is None else balance - realised
    if update.day_pl is not None:
        start_equity = pair.equity - update.day_pl
    else:
        start_equity = pair.equity if realised is None else start_balance
    said = update.day_pl is not None or update.realized_pl is not None
    day = Day(day=rules.day.day_of(update.at), start_balance=start_balance, start_equity=start_equity, start_known=said)
    standing = tracked.standing
    if standing is not None and rules.drawdown is not None:
        standing = start_day(rules.drawdown, standing, balance=start_balance, equity=start_equity)
    return replace(tracked, day=day, standing=standing)


def _with_reading(tracked: Tracked, update: AccountUpdate, pair: Pair, rules: AccountRules) -> Tracked:
    """Hold equity against the floors, let the floor follow, and remember the day's extremes."""
    if pair.equity is None or tracked.day is None:
        return tracked
    standing, locked_at = tracked.standing, tracked.floor_locked_at
    if standing is not None and rules.drawdown is not None:
        balance = pair.equity if pair.balance is None else pair.balance
        standing = advance(rules.drawdown, standing, Reading(at=update.at, equity=pair.equity, balance=balance))
        locked_at = update.at if standing.locked and locked_at is None else locked_at
    day = stretched(tracked.day, pair.equity)
    return replace(tracked, day=day, standing=standing, floor_locked_at=locked_at)


def _kind(before: Tracked, after: Tracked, update: AccountUpdate) -> SnapshotKind | None:
    """Return why this state goes into the history: a new extreme always, otherwise one state a second."""
    if not any(name in after.figures for name in ("equity", "balance")):
        return None
    extremes = (before.day, before.marks, _breaches(before)) != (after.day, after.marks, _breaches(after))
    if extremes:
        return SnapshotKind.EXTREME
    last = before.last_snapshot_at
    return SnapshotKind.UPDATE if last is None or update.at - last >= SNAPSHOT_EVERY else None


def _breaches(tracked: Tracked) -> tuple[datetime | None, datetime | None]:
    standing = tracked.standing
    return (None, None) if standing is None else (standing.breached_at, standing.daily_breached_at)
