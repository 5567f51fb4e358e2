"""How old a signal may be, and how many may come. Exits get through unless the owner said otherwise."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from config.settings import Settings
from domain.account import AccountKey
from domain.order import TaskEvent
from signals.model import Signal
from signals.problem import FieldProblem
from web.client_address import client_address
from web.refusals import Refused

# Clocks differ; more than this is no clock's doing.
SKEW_SECONDS = 60
# Wrong secrets of one source in a minute before it is told to wait, and strangers' refusals in a minute that are kept.
WRONG_A_MINUTE, KEPT_A_MINUTE = 30, 120
LONGEST_NAME = 100


class Rates:
    """Counts by name, in this process alone: several web processes allow each as much."""

    def __init__(self) -> None:
        self._counts = FixedWindowRateLimiter(MemoryStorage())

    def wait(self, limit: RateLimitItem, *names: str) -> int:
        """Count one more and return 0; or return the seconds until more are allowed, where it is one too many."""
        if self._counts.hit(limit, *names):
            return 0
        return max(1, math.ceil(self._counts.get_window_stats(limit, *names).reset_time - time.time()))


class SignalLimits:
    """Judges signals whose sender is known, and counts the strangers. ``now`` gives the time in UTC."""

    def __init__(self, settings: Settings, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._proxies = settings.trusted_proxies
        self._oldest = {TaskEvent.ENTRY: settings.webhook_entry_max_age, TaskEvent.EXIT: settings.webhook_exit_max_age}
        self._of_source = _a_minute(settings.webhook_source_rate)
        self._of_strategy = _a_minute(settings.webhook_strategy_rate)
        self._now = now
        self._rates = Rates()
        self._wrong = RateLimitItemPerMinute(WRONG_A_MINUTE)
        self._kept = RateLimitItemPerMinute(KEPT_A_MINUTE)

    def check(self, signal: Signal, environ: Mapping[str, Any], sender: str | None, strategy: object) -> None:
        """Raise Refused for a signal that comes too late, or of which there are too many."""
        self._check_age(signal)
        if signal.task_event is not TaskEvent.EXIT:
            self.check_rate(environ, sender, strategy)

    def check_rate(self, environ: Mapping[str, Any], sender: str | None, strategy: object = None) -> None:
        """Raise Refused where a source or a strategy sends too much."""
        if self._of_source is not None:
            self._count(self._of_source, "source", self._source(environ))
        if self._of_strategy is not None:
            name = strategy[:LONGEST_NAME] if isinstance(strategy, str) else ""
            self._count(self._of_strategy, "strategy", sender or "", name)

    def stranger(self, refused: Refused, environ: Mapping[str, Any]) -> Refused:
        """Count what a stranger was refused; return it, or that he has to wait before he is told more.

        Only what is wrong is counted: who shows a secret gets in, whatever others at his address did before.
        """
        wait = self._rates.wait(self._wrong, "wrong", self._source(environ))
        if wait == 0:
            return refused
        message = f"More than {WRONG_A_MINUTE} requests a minute without a right secret came from this address."
        return Refused(429, "too_many_wrong", f"{message} No signal was stored.", retry_after=wait)

    def may_keep(self) -> bool:
        """Return whether one more is kept of those refusals that may come as a flood and drive out all others."""
        return self._rates.wait(self._kept, "kept") == 0

    def _check_age(self, signal: Signal) -> None:
        event, at = signal.task_event, signal.alert_time
        if event not in self._oldest:
            return
        oldest = self._oldest[event]
        if at is None:
            if event is TaskEvent.ENTRY and oldest is not None:
                raise _untimely("alert_time_missing", None, "a time, such as {{timenow}}: entries without are refused")
            return
        age = (self._now() - at).total_seconds()
        if age < -SKEW_SECONDS and (event is TaskEvent.ENTRY or oldest is not None):
            accepted = f"a time at most {SKEW_SECONDS} s ahead of our clock"
            raise _untimely("alert_time_ahead", at, accepted)
        if oldest is not None and age > oldest:
            raise _untimely("alert_too_old", at, f"a time at most {oldest} s ago; it is {age:.0f} s")

    def _count(self, limit: RateLimitItem, *names: str) -> None:
        wait = self._rates.wait(limit, *names)
        if wait > 0:
            message = f"More than {limit.amount} a minute from this {names[0]}. No signal was stored. Exits are taken."
            raise Refused(429, "too_many", message, retry_after=wait)

    def _source(self, environ: Mapping[str, Any]) -> str:
        return str(client_address(environ, self._proxies) or environ.get("REMOTE_ADDR"))


class UpdateLimit:
    """How many updates of one account's figures may come in a minute; None: any number."""

    def __init__(self, amount: int | None) -> None:
        self._limit = _a_minute(amount)
        self._rates = Rates()

    def check(self, account: AccountKey) -> None:
        """Raise Refused for an update that is one too many. The next one brings newer figures."""
        wait = 0 if self._limit is None else self._rates.wait(self._limit, "account", str(account))
        if self._limit is not None and wait > 0:
            message = f"More than {self._limit.amount} updates of {account} a minute. Nothing was stored."
            raise Refused(429, "too_many", message, retry_after=wait)


def _a_minute(amount: int | None) -> RateLimitItem | None:
    return None if amount is None else RateLimitItemPerMinute(amount)


def _untimely(code: str, at: datetime | None, accepted: str) -> Refused:
    problem = FieldProblem(field="alert_time", given=None if at is None else at.isoformat(), accepted=accepted)
    message = f"The alert's time is refused: accepted is {accepted}. No signal was stored; the body is kept."
    return Refused(400, code, message, (problem,))
