"""What a person orders of an account by hand: an override, switches, a new start. Each with who and why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from domain.account_update import FIGURES
from domain.money import decimal_of
from signals.account_fields import DOLLARS, Dollars, Read, read
from signals.account_update import STATE_SPELLINGS, AccountBounds, refuse_debt
from signals.fields import AlertTime, Words, text_of
from signals.json_forms import printable
from signals.problem import FieldProblem, InvalidSignal

# An override that nobody remembers would hide the account's true figures.
LONGEST = timedelta(days=31)
# Less would be over before it is on record.
SHORTEST = timedelta(minutes=1)
LONGEST_MINUTES = int(LONGEST.total_seconds()) // 60
# What stops an account; any other word than yes or no would be read as a yes.
SWITCHES = ("paused", "halted", "reduce_only")
# Facts of the account's state that a flag would put itself over.
FACTS = frozenset(
    {*FIGURES, "peak_equity", "high_water_mark", "day_start_balance", "last_update", "source", "positions"}
)
MOST_FLAGS = 20
FLAG_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}", re.ASCII)

SET_BY = "who orders it, 1 to 100 printable characters"
MINUTES = f"a number of minutes from 1 to {LONGEST_MINUTES}"
REASON = "why, 1 to 500 printable characters"
SPELLINGS: dict[str, tuple[str, ...]] = {
    **{name: STATE_SPELLINGS[name] for name in FIGURES if name in STATE_SPELLINGS},
    "reason": ("reason",),
    "set_by": ("set_by",),
    "expires_at": ("expires_at",),
    "minutes": ("minutes",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideOrder:
    """Put a person's figures (dollars) over every other source until ``expires_at``."""

    figures: Mapping[str, Decimal]
    reason: str
    set_by: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagsOrder:
    """Set flags of an account for good."""

    flags: Mapping[str, Any]
    reason: str
    set_by: str


class Signed(BaseModel):
    """Who orders something, and why."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    reason: Annotated[str, BeforeValidator(text_of(500)), printable(500)] = Field(description=REASON)
    set_by: Words = Field(description=SET_BY)


class Withdrawal(BaseModel):
    """Who withdraws something, and why; the true figures count again, so neither has to be said."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    reason: Annotated[str, BeforeValidator(text_of(500)), printable(500)] = Field("withdrawn", description=REASON)
    set_by: Words = Field("somebody with the API token", description=SET_BY)


class OverrideBody(Signed):
    expires_at: AlertTime | None = Field(None, description="a time as ISO 8601 or in Unix seconds or milliseconds")
    minutes: Dollars | None = Field(None, description=MINUTES)
    equity: Dollars | None = Field(None, description=DOLLARS)
    balance: Dollars | None = Field(None, description=DOLLARS)
    unrealized_pl: Dollars | None = Field(None, description=DOLLARS)
    realized_pl: Dollars | None = Field(None, description=DOLLARS)
    day_pl: Dollars | None = Field(None, description=DOLLARS)
    total_pl: Dollars | None = Field(None, description=DOLLARS)
    drawdown: Dollars | None = Field(None, description=DOLLARS)


def parse_override(fields: Mapping[str, Any], now: datetime, bounds: AccountBounds) -> OverrideOrder:
    """Return the override that a body orders. Raises InvalidSignal; a field nobody knows is refused, not left out."""
    body = read(OverrideBody, fields, SPELLINGS, now=now)
    _refuse_unknown(body)
    order = body.model
    told = {name: getattr(order, name) for name in FIGURES}
    figures = {name: figure for name, figure in told.items() if figure is not None}
    if not figures:
        accepted = f"at least one of {', '.join(FIGURES)} in dollars"
        raise InvalidSignal(FieldProblem(field="body", given=None, accepted=accepted))
    refuse_debt(order.balance, bounds, body.names["balance"])
    return OverrideOrder(
        figures=figures, reason=order.reason, set_by=order.set_by, expires_at=_expiry(order, now, body.names)
    )


def parse_flags(fields: Mapping[str, Any], now: datetime) -> FlagsOrder:
    """Return the flags that a body orders: every field besides ``reason`` and ``set_by``. Raises InvalidSignal."""
    body = read(Signed, fields, SPELLINGS, now=now)
    flags = {name: fields[name] for name in body.ignored}
    if not 1 <= len(flags) <= MOST_FLAGS:
        accepted = f"1 to {MOST_FLAGS} flags, such as paused: true, beside reason and set_by"
        raise InvalidSignal(FieldProblem(field="body", given=len(flags), accepted=accepted))
    problems = [problem for name, value in flags.items() if (problem := _flag_problem(name, value)) is not None]
    if problems:
        raise InvalidSignal(*problems)
    return FlagsOrder(flags=flags, reason=body.model.reason, set_by=body.model.set_by)


def parse_signed(fields: Mapping[str, Any], now: datetime) -> Signed:
    """Return who orders something and why. Raises InvalidSignal."""
    return read(Signed, fields, SPELLINGS, now=now).model


def parse_withdrawal(fields: Mapping[str, Any], now: datetime) -> Withdrawal:
    """Return who withdraws an override and why, as far as the body says it. Raises InvalidSignal."""
    return read(Withdrawal, fields, SPELLINGS, now=now).model


def _refuse_unknown(body: Read[Any]) -> None:
    if body.ignored:
        accepted = f"one of {', '.join(SPELLINGS)}"
        raise InvalidSignal(*(FieldProblem(field=name, given=None, accepted=accepted) for name in body.ignored[:20]))


def _expiry(order: OverrideBody, now: datetime, names: Mapping[str, str]) -> datetime:
    if (order.expires_at is None) == (order.minutes is None):
        accepted = "either expires_at or minutes: an override has an end"
        raise InvalidSignal(FieldProblem(field=names["expires_at"], given=None, accepted=accepted))
    if order.minutes is not None:
        if not 1 <= order.minutes <= LONGEST_MINUTES:
            raise InvalidSignal(FieldProblem(field=names["minutes"], given=str(order.minutes), accepted=MINUTES))
        return now + timedelta(minutes=float(order.minutes))
    assert order.expires_at is not None  # noqa: S101 - one of the two was given
    if not now + SHORTEST <= order.expires_at <= now + LONGEST:
        accepted = f"a time from a minute to {LONGEST.days} days after {now.isoformat()}, the time here"
        given = order.expires_at.isoformat()
        raise InvalidSignal(FieldProblem(field=names["expires_at"], given=given, accepted=accepted))
    return order.expires_at


def _flag_problem(name: str, value: Any) -> FieldProblem | None:
    if name in FACTS or not FLAG_NAME.fullmatch(name):
        accepted = "a flag's name: small letters, digits and _, at most 100, and not one of the account's figures"
        return FieldProblem(field=name, given=name, accepted=accepted)
    if name in SWITCHES:
        right, accepted = isinstance(value, bool), "true or false"
    else:
        right, accepted = _is_plain(value), "true, false, null, a number, or a text of at most 500 printable characters"
    given = value if value is None or isinstance(value, bool) else str(value)
    return None if right else FieldProblem(field=name, given=given, accepted=accepted)


def _is_plain(value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return True
    try:
        text_of(500)(value) if isinstance(value, str) else decimal_of(value)
    except ValueError:
        return False
    return True
