"""The tracker: takes updates of accounts, keeps them on record, and says where each account stands.

A cache over the record. Each write is worked out from the newest version that this process knows and only succeeds
where that is still the newest; otherwise the account is read again and the update applied anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from account_engine.account_view import AccountView, Environment, best_day_share, first_tracked, view_of
from account_engine.alerts import Changes, changes
from account_engine.consistency import ConsistencyStanding
from account_engine.daily_history import DayRecord, PlatformDay
from account_engine.firm_days import close_days
from account_engine.tracked import AccountWrite, Known, Outcome, Reset, Restart, Snapshot, Step
from account_engine.tracking import apply, restarted, under_rules
from domain.account import AccountKey
from domain.account_update import AccountUpdate
from domain.rule_set import AccountRules

TRIES = 20
# A burst of signals asks for the same view again and again. Whatever is told of an account makes a new one at once.
VIEW_SECONDS = timedelta(seconds=0.2)
# Figures of a day may still be on their way when it ends; news from after the end closes it without waiting.
RESET_GRACE = timedelta(seconds=5)


class Record(Protocol):
    """Where accounts are kept."""

    def read(self, keys: Iterable[AccountKey]) -> dict[AccountKey, Known]: ...
    def versions(self) -> dict[AccountKey, int]: ...
    def write(self, change: AccountWrite) -> bool: ...
    def keep_late(self, key: AccountKey, snapshots: Iterable[Snapshot]) -> bool: ...
    def set_flags(
        self, key: AccountKey, flags: Mapping[str, Any], *, set_by: str | None, reason: str | None
    ) -> None: ...
    def set_override(
        self, key: AccountKey, figures: Mapping[str, Decimal], *, reason: str, set_by: str, expires_at: datetime
    ) -> None: ...


class Contended(Exception):
    """Others wrote to the account all the time; the update was not kept and may be sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of an update, the account after it, and the days that were closed."""

    outcome: Outcome
    view: AccountView
    resets: tuple[Reset, ...] = ()


class AccountTracker:
    """Tracks accounts on a record that all processes share.

    ``rules_of`` gives an account's rules in force, ``environment_of`` what the owner's environment says of it.
    ``clock`` gives the time in UTC. ``max_age`` in seconds: older figures are stale. Safe to call from many threads.
    """

    def __init__(
        self,
        record: Record,
        *,
        rules_of: Callable[[AccountKey], AccountRules],
        environment_of: Callable[[AccountKey], Environment],
        clock: Callable[[], datetime],
        max_age: Decimal,
    ) -> None:
        self._record = record
        self._rules_of = rules_of
        self._environment_of = environment_of
        self._clock = clock
        self._max_age = max_age
        self._lock = threading.Lock()
        self._locks: dict[AccountKey, threading.Lock] = {}
        self._cache: dict[AccountKey, Known] = {}
        self._views: dict[AccountKey, tuple[Known, datetime, AccountView]] = {}
        self._shares: dict[
            AccountKey, tuple[tuple[DayRecord, ...], tuple[PlatformDay, ...], ConsistencyStanding | None]
        ] = {}
        self._heard: dict[AccountKey, int] = {}

    def known(self, key: AccountKey) -> Known:
        """Return what is on record of an account, from the cache where it is there."""
        cached = self._cache.get(key)
        if cached is not None:
            return cached
        return self._read([key])[key]

    def view(self, key: AccountKey) -> AccountView:
        """Return where an account stands now; only its age and its pace may be up to VIEW_SECONDS behind."""
        known, now = self.known(key), self._clock()
        seen = self._views.get(key)
        if seen is not None and seen[0] is known and abs(now - seen[1]) < VIEW_SECONDS:
            return seen[2]
        view = self._view(key, known)
        self._views[key] = (known, now, view)
        return view

    def refresh(self, keys: Iterable[AccountKey]) -> None:
        """Read again what another process has changed, so that what follows is exact."""
        versions = self._record.versions()
        outdated = []
        for key in keys:
            cached = self._cache.get(key)
            if cached is None or cached.tracked.version != versions.get(key, 0):
                outdated.append(key)
        if outdated:
            self._read(outdated)

    def heard(self, key: AccountKey, version: int) -> None:
        """Forget what is cached of an account unless it has this version or a later one."""
        with self._lock:
            self._heard[key] = max(version, self._heard.get(key, 0))
            cached = self._cache.get(key)
            if cached is not None and cached.tracked.version < version:
                del self._cache[key]

    def forget(self) -> None:
        """Forget everything cached: changes may have been missed."""
        with self._lock:
            self._cache.clear()
            self._heard.clear()

    def take(self, key: AccountKey, update: AccountUpdate) -> Taken:
        """Apply an update and put it on record. Raises Contended, or what the record raises."""
        rules = self._rules_of(key)

        def step(known: Known) -> Step:
            return apply(known.tracked, update, rules)

        return self._change(key, step, told=update.daily_pl)

    def let_time_pass(self, key: AccountKey) -> Taken:
        """Close the days that have ended and judge the account as of now; writes only where that changes something."""
        rules, now = self._rules_of(key), self._clock()

        def step(known: Known) -> Step:
            return close_days(under_rules(known.tracked, rules), rules, now - RESET_GRACE, now=now)

        return self._change(key, step)

    def restart(self, key: AccountKey, *, reason: str, set_by: str) -> Taken:
        """Begin an account anew, as the firm did: marks and floor start over with the next figures."""
        rules, now = self._rules_of(key), self._clock()

        def step(known: Known) -> Step:
            return Step(tracked=restarted(known.tracked, rules, now), outcome=Outcome.CURRENT)

        return self._change(key, step, restart=Restart(reason=reason, set_by=set_by))

    def set_flags(
        self, key: AccountKey, flags: Mapping[str, Any], *, set_by: str | None = None, reason: str | None = None
    ) -> None:
        """Set flags of an account for every process, for good."""
        self._record.set_flags(key, flags, set_by=set_by, reason=reason)
        self._read([key])

    def set_override(
        self, key: AccountKey, figures: Mapping[str, Decimal], *, reason: str, set_by: str, expires_at: datetime
    ) -> None:
        """Put a person's figures (dollars) over every other source until ``expires_at``; none withdraw it."""
        self._record.set_override(key, figures, reason=reason, set_by=set_by, expires_at=expires_at)
        self._read([key])

    def _change(
        self,
        key: AccountKey,
        advance: Callable[[Known], Step],
        *,
        told: Mapping[Any, Decimal] | None = None,
        restart: Restart | None = None,
    ) -> Taken:
        with self._lock_of(key):
            for _ in range(TRIES):
                known = self.known(key)
                taken = self._try(key, known, advance(known), told or {}, restart)
                if taken is not None:
                    return taken
                self._read([key])
        raise Contended(f"{key} was written to by others {TRIES} times in a row; nothing was stored of this update")

    def _try(
        self, key: AccountKey, known: Known, step: Step, told: Mapping[Any, Decimal], restart: Restart | None
    ) -> Taken | None:
        written = replace(step, tracked=replace(step.tracked, version=known.tracked.version + 1))
        after, news = _with_days(replace(known, tracked=written.tracked), step, told)
        view = self._view(key, after)
        alerts = changes(known.alerts, view.standing)
        if step.tracked == known.tracked and alerts == Changes((), ()) and not news:
            # History alone is no new version of the account; what is in it already came before.
            repeated = bool(step.snapshots) and not self._record.keep_late(key, step.snapshots)
            outcome = Outcome.REPEATED if repeated else step.outcome
            return Taken(outcome=outcome, view=self._view(key, known))
        change = AccountWrite(
            key=key,
            step=written,
            changes=alerts,
            platform_days=news,
            event=_event(key, written, view, alerts),
            restart=restart,
        )
        if not self._record.write(change):
            return None
        self._keep({key: replace(after, alerts=alerts.applied_to(known.alerts))})
        return Taken(outcome=step.outcome, view=view, resets=step.resets)

    def _view(self, key: AccountKey, known: Known) -> AccountView:
        rules = self._rules_of(key)
        return view_of(
            key,
            known,
            rules,
            self._environment_of(key),
            now=self._clock(),
            max_age=self._max_age,
            share=self._share(key, known, rules),
        )

    def _share(self, key: AccountKey, known: Known, rules: AccountRules) -> ConsistencyStanding | None:
        # Days change once a day, updates come several times a second: the share is worked out anew for new days only.
        cached = self._shares.get(key)
        if cached is not None and cached[0] is known.days and cached[1] is known.platform_days:
            return cached[2]
        share = best_day_share(known, rules)
        self._shares[key] = (known.days, known.platform_days, share)
        return share

    def _read(self, keys: list[AccountKey]) -> dict[AccountKey, Known]:
        found = self._record.read(keys)
        read = {key: found.get(key) or self._unknown(key) for key in keys}
        self._keep(read)
        return read

    def _keep(self, found: Mapping[AccountKey, Known]) -> None:
        with self._lock:
            for key, known in found.items():
                cached, version = self._cache.get(key), known.tracked.version
                # What comes slowly must not put back what a quicker write, here or elsewhere, has replaced.
                if version >= self._heard.get(key, 0) and (cached is None or cached.tracked.version <= version):
                    self._cache[key] = known

    def _unknown(self, key: AccountKey) -> Known:
        return Known(tracked=first_tracked(self._environment_of(key)))

    def _lock_of(self, key: AccountKey) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(key, threading.Lock())


def _with_days(known: Known, step: Step, told: Mapping[Any, Decimal]) -> tuple[Known, tuple[PlatformDay, ...]]:
    """Return the account with the days that this step closed and that the platform told, and what of it is news.

    What comes late only fills gaps: of a day that is known, something newer was said.
    """
    late = step.outcome is Outcome.OLDER
    before = {day.day: day for day in known.platform_days}
    running = None if step.tracked.day is None else step.tracked.day.day
    news = tuple(
        PlatformDay(day=day, pnl=pnl, finalised=running is not None and day < running)
        for day, pnl in sorted(told.items())
        if day not in before or (before[day].pnl != pnl and not late)
    )
    if not news and not step.resets:
        return known, news
    platform = before | {day.day: day for day in news}
    days = {day.day: day for day in known.days}
    for reset in step.resets:
        earlier = days.get(reset.day.day)
        days[reset.day.day] = reset.record(earlier)
    return replace(known, days=tuple(days.values()), platform_days=tuple(platform.values())), news


def _event(key: AccountKey, step: Step, view: AccountView, alerts: Changes) -> dict[str, Any]:
    """Return what listeners hear: which account has changed to which version, where it stands, which alerts."""
    return {
        "event": "account_changed",
        "firm_code": key.firm_code,
        "program_id": key.program_id,
        "version": step.tracked.version,
        "standing": view.standing.as_row(),
        "raised": [alert.as_row() for alert in alerts.raised],
        "cleared": [{"rule": str(cleared.rule), "mark": cleared.mark} for cleared in alerts.cleared],
    }
