"""What is known of each account: figures and flags that were told, over those of the environment.

With a tracker they are those on record, shared by all processes; without a database they live in this object.
"""

from __future__ import annotations

import copy
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from account_engine.account_tracker import AccountTracker
from account_engine.environment import read_environment
from account_engine.standing import AccountStanding
from domain.account import AccountKey
from domain.account_update import FIGURES, AccountUpdate, Source
from domain.money import decimal_of

# State, Unix time at which figures last arrived, standing.
AccountNow = tuple[Mapping[str, Any], float | None, AccountStanding | None]


class AccountStateManager:
    """Thread-safe state per (firm_code, program_id). It invents nothing: what was never told is absent.

    ``environ`` is read by ``load_from_env`` only; None means the process environment. ``clock`` gives Unix seconds.
    ``tracker`` keeps everything on record; its state has the high-water marks and what follows from equity besides.
    """

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        clock: Callable[[], float] = time.time,
        tracker: AccountTracker | None = None,
    ) -> None:
        self.tracker = tracker
        self._environ = os.environ if environ is None else environ
        self._clock = clock
        self._lock = threading.Lock()
        self._state: dict[AccountKey, dict[str, Any]] = {}
        self._figures_at: dict[AccountKey, float] = {}
        self._read_env: set[AccountKey] = set()

    def update_account_state(self, firm_code: str, program_id: int, metrics: Mapping[str, Any]) -> None:
        """Merge figures (dollars; losses negative) into what is known, and note the time."""
        key = _key(firm_code, program_id)
        if self.tracker is not None:
            self.tracker.take(key, _update(metrics, datetime.fromtimestamp(self._clock(), UTC)))
            return
        with self._lock:
            now = self._clock()
            self._figures_at[key] = now
            self._state.setdefault(key, {}).update(copy.deepcopy(dict(metrics)), last_update=now)

    def update_flag(self, firm_code: str, program_id: int, key: str, value: Any) -> None:
        """Set one field, such as ``paused``. A flag says nothing of the figures, so their age stays as it is."""
        account = _key(firm_code, program_id)
        if self.tracker is not None:
            self.tracker.set_flags(account, {key: value})
            return
        with self._lock:
            self._state.setdefault(account, {}).update({key: copy.deepcopy(value), "last_update": self._clock()})

    def get_account_state(self, firm_code: str, program_id: int) -> dict[str, Any]:
        """Return a copy of what is known, or {} where nothing is."""
        if self.tracker is not None:
            return copy.deepcopy(dict(self.tracker.view(_key(firm_code, program_id)).state))
        with self._lock:
            return copy.deepcopy(self._state.get(_key(firm_code, program_id), {}))

    def load_from_env(self, firm_code: str, program_id: int) -> dict[str, Any]:
        """Fill what is not known yet from ``{FIRM}_{ID}_EQUITY`` and its kin; return the whole state, {} if none.

        Figures are Decimal dollars, ``paused`` a bool. A value that cannot be read is left out here and reported by
        the settings as a configuration error. What was told by other means is never overwritten.
        """
        if self.tracker is not None:
            return self.get_account_state(firm_code, program_id)
        key = _key(firm_code, program_id)
        found = read_environment(self._environ, key)
        with self._lock:
            self._read_env.add(key)
            state = self._state.get(key, {})
            news = {name: value for name, value in found.items() if name not in state}
            if news:
                now = self._clock()
                if any(name != "paused" for name in news):
                    self._figures_at.setdefault(key, now)
                self._state[key] = {"source": "ENV", **news, **state, "last_update": now}
            return copy.deepcopy(self._state.get(key, {}))

    def refresh(self, keys: Iterable[AccountKey]) -> None:
        """See what other processes have changed of these accounts, so that what is asked next is exact."""
        if self.tracker is not None:
            self.tracker.refresh(keys)

    def facts_of(self, keys: Iterable[AccountKey]) -> list[AccountNow]:
        """Return state and time as ``known_state`` does, with each account's standing where it is tracked."""
        if self.tracker is None:
            return [(*self.known_state(*key), None) for key in keys]
        return [
            (view.state, None if view.figures_at is None else view.figures_at.timestamp(), view.standing)
            for view in self.tracker.views(keys)
        ]

    def known_state(self, firm_code: str, program_id: int) -> tuple[dict[str, Any], float | None]:
        """Return what is known, the environment included, and the Unix time at which figures last arrived."""
        key = _key(firm_code, program_id)
        if self.tracker is not None:
            [(state, figures_at, _)] = self.facts_of([key])
            return copy.deepcopy(dict(state)), figures_at
        with self._lock:
            read = key in self._read_env
        if not read:
            self.load_from_env(*key)
        # Together, so that no reader sees old figures with the time of new ones.
        with self._lock:
            return copy.deepcopy(self._state.get(key, {})), self._figures_at.get(key)


def _key(firm_code: str, program_id: int) -> AccountKey:
    return AccountKey(str(firm_code).strip().upper(), int(program_id))


def _update(metrics: Mapping[str, Any], now: datetime) -> AccountUpdate:
    """Return a program's figures as an update of now; one that is no number stays as it is, and refuses entries."""
    figures: dict[str, Decimal] = {}
    details: dict[str, Any] = {}
    for name, value in metrics.items():
        try:
            figure = decimal_of(value) if name in FIGURES else None
        except ValueError:
            figure = None
        if figure is None:
            details[name] = value
        else:
            figures[name] = figure
    return AccountUpdate.of(figures, at=now, received_at=now, source=Source.PROGRAM, details=details)
