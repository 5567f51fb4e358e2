"""What is known of each account: figures and flags that were told, over those of the environment."""

from __future__ import annotations

import copy
import os
import threading
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from domain.account import AccountKey
from domain.money import decimal_of

ENV_FIGURES = ("EQUITY", "BALANCE", "DAY_PL", "TOTAL_PL", "DRAWDOWN", "PEAK_EQUITY")
FLAG_WORDS = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}


class AccountStateManager:
    """Thread-safe state per (firm_code, program_id). It invents nothing: what was never told is absent.

    ``environ`` is read by ``load_from_env`` only; None means the process environment. ``clock`` gives Unix seconds.
    """

    def __init__(self, environ: Mapping[str, str] | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self._environ = os.environ if environ is None else environ
        self._clock = clock
        self._lock = threading.Lock()
        self._state: dict[AccountKey, dict[str, Any]] = {}
        self._figures_at: dict[AccountKey, float] = {}
        self._read_env: set[AccountKey] = set()

    def update_account_state(self, firm_code: str, program_id: int, metrics: Mapping[str, Any]) -> None:
        """Merge figures (dollars; losses negative) into what is known, and note the time."""
        key = _key(firm_code, program_id)
        with self._lock:
            now = self._clock()
            self._figures_at[key] = now
            self._state.setdefault(key, {}).update(copy.deepcopy(dict(metrics)), last_update=now)

    def update_flag(self, firm_code: str, program_id: int, key: str, value: Any) -> None:
        """Set one field, such as ``paused``. A flag says nothing of the figures, so their age stays as it is."""
        account = _key(firm_code, program_id)
        with self._lock:
            self._state.setdefault(account, {}).update({key: copy.deepcopy(value), "last_update": self._clock()})

    def get_account_state(self, firm_code: str, program_id: int) -> dict[str, Any]:
        """Return a copy of what is known, or {} where nothing is."""
        with self._lock:
            return copy.deepcopy(self._state.get(_key(firm_code, program_id), {}))

    def load_from_env(self, firm_code: str, program_id: int) -> dict[str, Any]:
        """Fill what is not known yet from ``{FIRM}_{ID}_EQUITY`` and its kin; return the whole state, {} if none.

        Figures are Decimal dollars, ``paused`` a bool. A value that cannot be read is left out here and reported by
        the settings as a configuration error. What was told by other means is never overwritten.
        """
        key = _key(firm_code, program_id)
        found = self._read_environment(key)
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

    def known_state(self, firm_code: str, program_id: int) -> tuple[dict[str, Any], float | None]:
        """Return what is known, the environment included, and the Unix time at which figures last arrived."""
        key = _key(firm_code, program_id)
        with self._lock:
            read = key in self._read_env
        if not read:
            self.load_from_env(*key)
        # Together, so that no reader sees old figures with the time of new ones.
        with self._lock:
            return copy.deepcopy(self._state.get(key, {})), self._figures_at.get(key)

    def _read_environment(self, key: AccountKey) -> dict[str, Any]:
        prefix = f"{key.firm_code}_{key.program_id}_"
        found: dict[str, Any] = {}
        for name in ENV_FIGURES:
            text = self._environ.get(prefix + name, "").strip()
            if figure := _figure(text):
                found[name.lower()] = figure[0]
        paused = self._environ.get(prefix + "PAUSED", "").strip().lower()
        if paused:
            # A pause that cannot be read counts as a pause.
            found["paused"] = FLAG_WORDS.get(paused, True)
        return found


def _key(firm_code: str, program_id: int) -> AccountKey:
    return AccountKey(str(firm_code).strip().upper(), int(program_id))


def _figure(text: str) -> tuple[Decimal] | None:
    try:
        return (decimal_of(text),) if text else None
    except ValueError:
        return None
