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

from account_engine.account_change import changed_event, with_days
from account_engine.account_view import AccountView, Environment, Laid, best_day_share, laid_over, view_of, with_peak
from account_engine.alerts import Changes, changes
from account_engine.consistency import ConsistencyStanding
from account_engine.daily_history import DayRecord, PlatformDay
from account_engine.firm_days import close_days
from account_engine.tracked import AccountWrite, Known, Outcome, Reset, Restart, Snapshot, Step, Tracked
from account_engine.tracking import apply, restarted, under_rules
from domain.account import AccountKey
from domain.account_update import AccountUpdate, Source
from domain.rule_set import AccountRules
from domain.turns import TurnLock

TRIES = 20
# A burst of signals asks for the same view again and again. Whatever is told of an account makes a new one at once.
VIEW_SECONDS = timedelta(seconds=0.2)
# An account that is told of several times a second needs no clock.
FRESH = timedelta(seconds=1)
# Figures of a day may still be on their way when it ends; news from after the end closes it without waiting.
RESET_GRACE = timedelta(seconds=5)
# What may have to be put on record of an account before any figure came, an alert, is the program's own word.
UNKNOWN = Known(tracked=Tracked(source=Source.PROGRAM))


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
        self._locks: dict[AccountKey, TurnLock] = {}
        self._cache: dict[AccountKey, Known] = {}
        self._views: dict[AccountKey, tuple[Known, datetime, AccountView]] = {}
        self._shares: dict[
            AccountKey, tuple[tuple[DayRecord, ...], tuple[PlatformDay, ...], ConsistencyStanding | None]
        ] = {}
        self._heard: dict[AccountKey, int] = {}
        self._laid: dict[AccountKey, tuple[Known, Laid]] = {}

    def known(self, key: AccountKey) -> Known:
        """Return what is on record of an account, from the cache where it is there."""
        cached = self._cache.get(key)
        if cached is not None:
            return cached
        return self._read([key])[key]

    def view(self, key: AccountKey) -> AccountView:
        """Return where an account stands now; only its age and its pace may be up to VIEW_SECONDS behind."""
        return self._view_at(self._clock(), key)

    def views(self, keys: Iterable[AccountKey]) -> list[AccountView]:
        """Return where accounts stand at one moment, each as ``view`` does."""
        now = self._clock()
        return [self._view_at(now, key) for key in keys]

    def _view_at(self, now: datetime, key: AccountKey) -> AccountView:
        known = self.known(key)
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
            return apply(known.tracked, update, rules, known.days)

        return self._change(key, step, told=update.daily_pl)

    def rules_of(self, key: AccountKey) -> AccountRules:
        """Return the rules in force of an account."""
        return self._rules_of(key)

    def is_fresh(self, key: AccountKey) -> bool:
        """Return whether news of an account came just now, which has closed its days and judged it already."""
        cached = self._cache.get(key)
        received_at = None if cached is None else cached.tracked.received_at
        return received_at is not None and timedelta(0) <= self._clock() - received_at < FRESH

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
        after, news = with_days(replace(known, tracked=written.tracked), step, told)
        view = self._view(key, after)
        alerts = changes(known.alerts, view.standing)
        if step.tracked == known.tracked and alerts == Changes((), ()) and not news:
            # History alone is no new version of the account; what is in it already came before.
            repeated = bool(step.snapshots) and not self._record.keep_late(key, step.snapshots)
            outcome = Outcome.REPEATED if repeated else step.outcome
            return Taken(outcome=outcome, view=self._view(key, known))
        change = AccountWrite(
            key=key,
            at=view.standing.at,
            step=written,
            changes=alerts,
            platform_days=news,
            event=changed_event(key, written, view, alerts),
            restart=restart,
        )
        if not self._record.write(change):
            return None
        self._keep({key: replace(after, alerts=alerts.applied_to(known.alerts))})
        return Taken(outcome=step.outcome, view=view, resets=step.resets)

    def _view(self, key: AccountKey, known: Known) -> AccountView:
        rules = self._rules_of(key)
        environment = self._environment_of(key)
        return view_of(
            key,
            known,
            rules,
            environment,
            now=self._clock(),
            max_age=self._max_age,
            share=self._share(key, known, rules),
            laid=self._laid_over(key, known, rules, environment),
        )

    def _laid_over(self, key: AccountKey, known: Known, rules: AccountRules, environment: Environment) -> Laid:
        # Between two changes of an account only its age moves.
        cached = self._laid.get(key)
        if cached is not None and cached[0] is known:
            return cached[1]
        laid = laid_over(known, rules, environment)
        self._laid[key] = (known, laid)
        return laid

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
        read = {key: self._seen(key, found.get(key, UNKNOWN)) for key in keys}
        self._keep(read)
        return read

    def _keep(self, found: Mapping[AccountKey, Known]) -> None:
        with self._lock:
            for key, known in found.items():
                cached, version = self._cache.get(key), known.tracked.version
                # What comes slowly must not put back what a quicker write, here or elsewhere, has replaced.
                if version >= self._heard.get(key, 0) and (cached is None or cached.tracked.version <= version):
                    self._cache[key] = known

    def _seen(self, key: AccountKey, known: Known) -> Known:
        return replace(known, tracked=with_peak(known.tracked, self._environment_of(key)))

    def _lock_of(self, key: AccountKey) -> TurnLock:
        with self._lock:
            return self._locks.setdefault(key, TurnLock())
