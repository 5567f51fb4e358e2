"""From one update to the next state of an account: newest figures, high-water marks, day, floor. Pure.

What holds for every order of arrival: an update older than the newest never becomes current; a repeated one changes
nothing; a mark never falls; each firm day is closed once, by the first news from after its end or by time alone. Of two
different updates of one moment the last to arrive counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from account_engine.daily_history import DayRecord
from account_engine.drawdown import Reading, Standing, advance, begin, raise_mark, start_day
from account_engine.figures import Pair, figures_after, pair_after, raised, stretched
from account_engine.firm_days import close_days, snapshot_of, with_standing
from account_engine.late_news import correct_close, is_of_a_closed_day, kept_late, late, late_snapshot
from account_engine.tracked import Day, Outcome, Reset, Snapshot, SnapshotKind, Step, Tracked
from domain.account_update import AccountUpdate
from domain.drawdown_rule import Consequence, DrawdownRule, Family
from domain.rule_set import AccountRules

SNAPSHOT_EVERY = timedelta(seconds=1)


def apply(tracked: Tracked, update: AccountUpdate, rules: AccountRules, days: Sequence[DayRecord] = ()) -> Step:
    """Return the account after one update. ``days`` are those on record: late news is held against their limits."""
    tracked = under_rules(tracked, rules)
    if update.no_data:
        return _disconnected(tracked, update)
    if tracked.began_at is not None and update.at < tracked.began_at:
        return kept_late(tracked, update, rules)
    if tracked.observed_at is not None and update.at < tracked.observed_at:
        return late(tracked, update, rules, days)
    if _is_repeated(tracked, update):
        return Step(tracked=tracked, outcome=Outcome.REPEATED)
    closed = close_days(tracked, rules, update.at, now=update.received_at)
    return _newest(closed, update, rules, days)


def under_rules(tracked: Tracked, rules: AccountRules) -> Tracked:
    """Return the account under the rules in force: where they changed, its floor is worked out anew from its marks.

    An account that had been lost stays lost: a rule that is changed afterwards undoes no breach.
    """
    if tracked.rule_digest == rules.digest:
        return tracked
    named = None if rules.rule_set is None else str(rules.rule_set.ref)
    standing = _without_rule(tracked, rules) if rules.drawdown is None else _standing(rules.drawdown, tracked, rules)
    locked_at = tracked.floor_locked_at if standing is not None and standing.locked else None
    return replace(tracked, standing=standing, floor_locked_at=locked_at, rule_set=named, rule_digest=rules.digest)


def restarted(tracked: Tracked, rules: AccountRules, at: datetime) -> Tracked:
    """Return the account after the firm gave it a new start: marks, floor and breaches begin anew.

    What was seen before ``at`` and arrives after it belongs to the life that is over.
    """
    since = at if tracked.observed_at is None else max(at, tracked.observed_at)
    fresh = Tracked(
        version=tracked.version, life=tracked.life + 1, began_at=since, source=tracked.source, details=tracked.details
    )
    return under_rules(fresh, rules)


def _without_rule(tracked: Tracked, rules: AccountRules) -> Standing | None:
    """Return what stays of a standing whose rule is gone: whether the account was lost, or is stopped for the day."""
    standing = tracked.standing
    if standing is None or (standing.breached_at is None and standing.daily_breached_at is None):
        return None
    return replace(standing, floor=None, locked=False, breached_at=_lost_at(tracked, rules), daily_floor=None)


def _lost_at(tracked: Tracked, rules: AccountRules) -> datetime | None:
    """Return when the account was lost. A daily breach that outlived its day's reset had cost it, and under rules
    whose daily limit only pauses that would be forgotten.
    """
    standing, day = tracked.standing, tracked.day
    if standing is None:
        return None
    daily = None if rules.drawdown is None else rules.drawdown.daily
    kept = daily is not None and daily.consequence is Consequence.ACCOUNT_LOST
    began = None if day is None else rules.day.starts_at(day.day)
    by_day = standing.daily_breached_at
    outlived = by_day is not None and began is not None and by_day < began and not kept
    return min((at for at in (standing.breached_at, by_day if outlived else None) if at is not None), default=None)


def _standing(rule: DrawdownRule, tracked: Tracked, rules: AccountRules) -> Standing:
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
    standing = replace(standing, equity=tracked.figures.get("equity", standing.equity))
    if tracked.standing is None:
        return standing
    return replace(
        standing,
        breached_at=_lost_at(tracked, rules),
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
        and (tracked.no_data_since is None or update.at < tracked.no_data_since)
        and all(tracked.figures.get(name) == figure for name, figure in update.figures().items())
        and all(tracked.details.get(name) == value for name, value in update.details.items())
        and update.positions in (None, tracked.positions)
    )


def _newest(closed: Step, update: AccountUpdate, rules: AccountRules, days: Sequence[DayRecord]) -> Step:
    before = closed.tracked
    pair = pair_after(Pair.of(before.figures), update)
    tracked = _with_day(before, update, pair, rules)
    corrections: tuple[Reset, ...] = ()
    told = update
    of_closed = is_of_a_closed_day(tracked, update, rules)
    if of_closed:
        tracked, corrections = correct_close(tracked, update, pair, rules, days)
        # The running day's results are not those of the day that is over.
        told = replace(update, day_pl=None, realized_pl=None)
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
    after = replace(after, figures=figures_after(after, told, pair, rules))
    if of_closed:
        own: tuple[Snapshot, ...] = (late_snapshot(update, pair, rules),)
    else:
        kind = _kind(before, after, update)
        after = after if kind is None else replace(after, last_snapshot_at=update.at)
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
    start_balance, start_equity = _start(update, pair.equity, pair.equity if pair.balance is None else pair.balance)
    said = update.day_pl is not None or update.realized_pl is not None
    day = Day(day=rules.day.day_of(update.at), start_balance=start_balance, start_equity=start_equity, start_known=said)
    standing = tracked.standing
    if standing is not None and rules.drawdown is not None:
        standing = start_day(rules.drawdown, standing, balance=start_balance, equity=start_equity)
    return replace(tracked, day=day, standing=standing)


def _start(update: AccountUpdate, equity: Decimal, balance: Decimal) -> tuple[Decimal, Decimal]:
    """Return balance and equity at the day's start, worked out as if nothing had been open then.

    The day's result has the open profit in it, so it leads back from equity, the realised one from the balance.
    """
    by_result = None if update.day_pl is None else equity - update.day_pl
    by_realised = None if update.realized_pl is None else balance - update.realized_pl
    start_balance = by_realised if by_realised is not None else by_result
    start_equity = by_result if by_result is not None else by_realised
    return balance if start_balance is None else start_balance, equity if start_equity is None else start_equity


def _with_reading(tracked: Tracked, update: AccountUpdate, pair: Pair, rules: AccountRules) -> Tracked:
    """Hold equity against the floors, let the floor follow, and remember the day's extremes."""
    if pair.equity is None or tracked.day is None:
        return tracked
    after = replace(tracked, day=stretched(tracked.day, pair.equity))
    if tracked.standing is None or rules.drawdown is None:
        return after
    balance = pair.equity if pair.balance is None else pair.balance
    reading = Reading(at=update.at, equity=pair.equity, balance=balance)
    return with_standing(after, advance(rules.drawdown, tracked.standing, reading), update.at)


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
