"""What a connector's ``get_account_status`` returns, and how it is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from domain.account_update import FIGURES, AccountUpdate, Source
from domain.json_text import json_text
from domain.money import dollars_of

# Clocks differ a little. Figures from further ahead would make everything that is told until then look late.
CLOCKS_DIFFER = timedelta(seconds=60)
# A longest holiday, amply. A firm that never saw the account may answer with the beginning of 1970.
OLDEST = timedelta(days=31)


class InvalidStatus(ValueError):
    """A firm's answer that cannot be what it says of an account. Nothing of it is used."""


def read_status(status: Mapping[str, Any], *, asked_at: datetime, received_at: datetime) -> AccountUpdate:
    """Return a firm's answer on one account as an update. Dollars; losses negative.

    The dictionary: ``equity`` (with open profit), ``balance`` (without), ``unrealized_pl``, ``realized_pl``,
    ``day_pl``, ``total_pl``, ``drawdown``: each a number or its text, at most a billion; missing or None is "not said".
    ``realized_pl`` and ``day_pl`` are of the firm's day. ``at``: when the firm saw the figures, an aware datetime or
    ISO 8601 with an offset; without it they are as of ``asked_at``. ``positions``: a list of dictionaries.
    ``connected`` False: the firm's figures mean nothing at the moment. Further keys are left alone.

    Raises InvalidStatus with the key and the value where one cannot be read, where there is no figure at all, and where
    the time is ahead of ours or over a month ago.
    """
    if not isinstance(status, Mapping):
        raise InvalidStatus(f"{status!r} is no dictionary of figures")
    connected = status.get("connected", True)
    if not isinstance(connected, bool):
        raise InvalidStatus(f"connected: {connected!r} is neither True nor False")
    at = _time(status.get("at"), asked_at, received_at)
    if not connected:
        return AccountUpdate(at=at, received_at=received_at, source=Source.FIRM_API, no_data=True)
    figures = {name: _figure(name, status[name]) for name in FIGURES if status.get(name) is not None}
    if not figures:
        raise InvalidStatus(f"none of {', '.join(FIGURES)} is in it: {sorted(map(str, status))}")
    told = AccountUpdate.of(figures, at=at, received_at=received_at, source=Source.FIRM_API)
    return replace(told, positions=_positions(status.get("positions")))


def refuse_zeros(update: AccountUpdate, levels: Iterable[Decimal | None]) -> None:
    """Raise InvalidStatus for an equity or balance of exactly 0 on an account that would be lost or stopped by it.

    ``levels``: what equity must stay above, in dollars. A platform that is not connected shows zeros; an account that
    starts at 0 has its levels below.
    """
    reached = [level for level in levels if level is not None and level >= 0]
    if reached and 0 in (update.equity, update.balance):
        raise InvalidStatus(
            f"equity or balance is 0, as on a platform without a connection; a level is at {reached[0]}"
        )


def _figure(name: str, value: object) -> Decimal:
    try:
        return dollars_of(value)
    except ValueError as error:
        raise InvalidStatus(f"{name}: {error}") from error


def _time(told: object, asked_at: datetime, received_at: datetime) -> datetime:
    if told is None:
        return asked_at
    at = told
    if isinstance(told, str):
        try:
            at = datetime.fromisoformat(told)
        except ValueError as error:
            raise InvalidStatus(f"at: {told!r} is no time in ISO 8601") from error
    if not isinstance(at, datetime) or at.utcoffset() is None:
        raise InvalidStatus(f"at: {told!r} is no time with an offset from UTC")
    if at - received_at > CLOCKS_DIFFER:
        ahead = int((at - received_at).total_seconds())
        raise InvalidStatus(f"at: {told!r} is {ahead} s ahead of this machine's clock")
    if received_at - at > OLDEST:
        raise InvalidStatus(f"at: {told!r} is more than {OLDEST.days} days ago")
    return at


def _positions(told: object) -> tuple[Mapping[str, Any], ...] | None:
    if told is None:
        return None
    if not isinstance(told, list | tuple) or not all(isinstance(position, Mapping) for position in told):
        raise InvalidStatus(f"positions: {told!r} is no list of dictionaries")
    try:
        json_text(list(told))
    except TypeError as error:
        raise InvalidStatus(f"positions: {error}") from error
    return tuple(dict(position) for position in told)
