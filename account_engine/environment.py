"""What the environment variables ``{FIRM}_{ID}_EQUITY`` and their kin say of an account. Dollars."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from account_engine.account_view import Environment
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


def read_environment(environ: Mapping[str, str], key: AccountKey) -> dict[str, Any]:
    """Return the figures (Decimal dollars) and ``paused`` (bool) that are set for an account.

    A figure that cannot be read is left out here and reported by the settings as a configuration error.
    """
    prefix = f"{key.firm_code}_{key.program_id}_"
    found: dict[str, Any] = {}
    for name in ENV_FIGURES:
        text = environ.get(prefix + name, "").strip()
        if figure := _figure(text):
            found[name.lower()] = figure[0]
    paused = environ.get(prefix + "PAUSED", "").strip().lower()
    if paused:
        # A pause that cannot be read counts as a pause.
        found["paused"] = FLAG_WORDS.get(paused, True)
    return found


class Environments:
    """The environment's word on each account, read once: its figures are as old as that first look."""

    def __init__(self, environ: Mapping[str, str], clock: Callable[[], datetime]) -> None:
        self._environ = environ
        self._clock = clock
        self._read: dict[AccountKey, Environment] = {}

    def __call__(self, key: AccountKey) -> Environment:
        """Return what the environment says of an account."""
        known = self._read.get(key)
        if known is None:
            found = read_environment(self._environ, key)
            paused, peak = found.pop("paused", None), found.pop("peak_equity", None)
            known = Environment(read_at=self._clock(), figures=found, peak_equity=peak, paused=paused)
            known = self._read.setdefault(key, known)
        return known


def _figure(text: str) -> tuple[Decimal] | None:
    try:
        return (decimal_of(text),) if text else None
    except ValueError:
        return None
