"""The fields of a message about an account: how they may be spelled, and how their values may be written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, ValidationInfo, WithJsonSchema

from domain.money import MOST_DOLLARS, decimal_of, dollars_of
from signals.json_forms import a_number
from signals.problem import FieldProblem, InvalidSignal

MOST_DAYS = 1000
MOST_POSITIONS = 200
# A session may bear the date of the next trading day, which may lie behind a weekend and a holiday.
DAYS_AHEAD = timedelta(days=7)
EARLIEST_DAY = date(2000, 1, 1)
MOST_PROBLEMS = 20
WITHOUT_SEPARATORS = str.maketrans("", "", "_- ")

DOLLARS = "a number of dollars, at most one billion either way"
DAILY = (
    f"at most {MOST_DAYS} days from {EARLIEST_DAY} to a week ahead, written 2026-11-18 or 20261118, each once and with "
    "its result in dollars"
)
POSITIONS = f"a list of at most {MOST_POSITIONS} objects of printable text and finite numbers"
NINJATRADER_WORDS = ["Connected", "Connecting", "ConnectionLost", "Disconnecting", "Disconnected"]
CONNECTED = "true or false, or NinjaTrader's word: Connected, Connecting, ConnectionLost, Disconnecting or Disconnected"
INNER = {"daily_pl": DAILY, "positions": POSITIONS}

_DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:T00:00:00(?:\.0+)?Z?)?", re.ASCII)
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_CONNECTION_WORDS = {
    "connected": True,
    "connecting": False,
    "connectionlost": False,
    "disconnecting": False,
    "disconnected": False,
    "noconnection": False,
    "notconnected": False,
    "unknown": False,
}
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read(Generic[M]):
    """A body as it was read: the model, under which name each field was given, and the names that nobody looked at."""

    model: M
    names: Mapping[str, str]
    ignored: tuple[str, ...]


def read(
    model: type[M], fields: Mapping[str, Any], spellings: Mapping[str, tuple[str, ...]], *, now: datetime
) -> Read[M]:
    """Return the model that a body describes. Raises InvalidSignal with every field that is wrong.

    ``spellings`` has the accepted names of each field, the first one given counts. Case, ``_``, ``-`` and spaces in a
    name do not matter: ``cash_value``, ``cashValue`` and ``CashValue`` are one.
    """
    by_word = _by_word(fields)
    names = {name: spellings[name][0] for name in model.model_fields}
    values: dict[str, Any] = {}
    for name in model.model_fields:
        for spelling in spellings[name]:
            key, value = by_word.get(_own_word(spelling), (spelling, None))
            if value is not None:
                names[name], values[name] = key, value
                break
    left = dict(by_word)
    for name in model.model_fields:
        for spelling in spellings[name]:
            left.pop(_own_word(spelling), None)
    ignored = tuple(key for key, _ in left.values())
    try:
        return Read(model=model.model_validate(values, context={"now": now}), names=names, ignored=ignored)
    except ValidationError as error:
        problems = [_problem(model, names, values, detail["loc"], detail["input"]) for detail in error.errors()]
        raise InvalidSignal(*list(dict.fromkeys(problems))[:MOST_PROBLEMS]) from error


def _by_word(fields: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    found: dict[str, tuple[str, Any]] = {}
    for key, value in fields.items():
        known = found.setdefault(_squeezed(key), (key, value))
        if known[0] != key and known[1] != value:
            accepted = f"the same value as {known[0]}, or only one of the two"
            raise InvalidSignal(FieldProblem(field=key, given=str(value), accepted=accepted))
    return found


def _squeezed(name: str) -> str:
    return name.translate(WITHOUT_SEPARATORS).lower()


# Of our own spellings, which are few; what others write as names has no end.
_own_word = cache(_squeezed)


def _problem(
    model: type[BaseModel],
    names: Mapping[str, str],
    values: Mapping[str, Any],
    loc: tuple[int | str, ...],
    given: Any,
) -> FieldProblem:
    name = str(loc[0])
    inner = [str(part) for part in loc[1:] if part != "[key]"]
    accepted = INNER[name] if inner else model.model_fields[name].description or "a value"
    # As text, so that equal problems can be told: lists and objects have no hash.
    shown = given if given is None or isinstance(given, bool) else str(given)
    return FieldProblem(
        field=".".join([names[name], *inner]), given=shown if name in values else None, accepted=accepted
    )


def _day(value: Any, info: ValidationInfo) -> date:
    match = _DAY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("not a day")
    day = date(*(int(part) for part in match.groups()))
    assert info.context is not None  # noqa: S101 - given by ``read``
    if not EARLIEST_DAY <= day <= (info.context["now"] + DAYS_AHEAD).date():
        raise ValueError("out of range")
    return day


def _daily(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError("not a mapping")
    days = [match.groups() for key in value if (match := _DAY.fullmatch(str(key).strip()))]
    if len(set(days)) != len(days):
        raise ValueError("a day twice")
    return value


def _position(value: Any) -> Any:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            pending += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            pending += item
        elif isinstance(item, str):
            if _UNSTORABLE.search(item):
                raise ValueError("not printable")
        elif item is not None and not isinstance(item, bool):
            decimal_of(item)
    return value


def _connected(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    connected = _CONNECTION_WORDS.get(_squeezed(value)) if isinstance(value, str) else None
    if connected is None:
        raise ValueError("not a connection's status")
    return connected


Dollars = Annotated[
    Decimal, BeforeValidator(dollars_of), a_number(minimum=-float(MOST_DOLLARS), maximum=float(MOST_DOLLARS))
]
Daily = Annotated[
    dict[Annotated[date, BeforeValidator(_day)], Dollars],
    Field(max_length=MOST_DAYS),
    BeforeValidator(_daily),
]
Positions = Annotated[
    list[Annotated[dict[str, Any], BeforeValidator(_position)]],
    Field(max_length=MOST_POSITIONS),
]
Connected = Annotated[
    bool,
    BeforeValidator(_connected),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "string", "enum": NINJATRADER_WORDS}]}),
]
