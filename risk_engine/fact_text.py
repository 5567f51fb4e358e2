"""Facts as JSON and back: every value comes back as what it was, so that a decision can be made anew from the record.

JSON's own types stand for themselves; everything else is an object with one key: ``$d`` a Decimal, ``$t`` a time,
``$u`` a tuple, ``$m`` a mapping, ``$e`` a word of an enumeration, ``$c`` a class with its fields. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any

from account_engine.standing import AccountStanding, StandingState
from config.contract_months import ContractMonth
from config.contracts import ContractTerms
from config.instruments import Instrument, InstrumentBook
from config.platforms import Platform
from config.symbol_pair import SymbolPair
from domain.account import AccountKey
from domain.drawdown_rule import Consequence, DailyLoss, DayBase, DrawdownRule, Family
from domain.dry_reason import DryReason
from domain.firm_day import FirmDay
from domain.ledger import Exposure, OpenLeg
from domain.rule_set import AccountRules, Confidence, Consistency, RuleSet, RuleSetRef, ScalingTier, ShareOf
from risk_engine.decision import AccountFacts, FirmFacts

CLASSES: Mapping[str, type] = {
    found.__name__: found
    for found in (
        *(
            AccountFacts,
            AccountKey,
            AccountRules,
            AccountStanding,
            Consistency,
            ContractMonth,
            ContractTerms,
            DailyLoss,
        ),
        *(DrawdownRule, Exposure, FirmDay, FirmFacts, Instrument, InstrumentBook, OpenLeg, RuleSet, RuleSetRef),
        *(ScalingTier, SymbolPair),
    )
}
WORDS: Mapping[str, type[Enum]] = {
    found.__name__: found
    for found in (Confidence, Consequence, DayBase, DryReason, Family, Platform, ShareOf, StandingState)
}
_TIMES: Mapping[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
}


class UnknownFact(TypeError):
    """A value of a type that the record has no form for."""


def encoded(value: Any) -> Any:
    """Return a value in JSON's own types. Raises UnknownFact for a type that is not listed here."""
    if value is None or type(value) in {str, bool, int}:
        return value
    if isinstance(value, Enum):
        return {"$e": [_known(value, WORDS), value.value]}
    if isinstance(value, Decimal):
        return {"$d": str(value)}
    if isinstance(value, date | time):
        return {"$t": [type(value).__name__, value.isoformat()]}
    return _encoded_whole(value)


def _encoded_whole(value: Any) -> Any:
    if isinstance(value, AccountKey) or (is_dataclass(value) and not isinstance(value, type)):
        of: Any = type(value)
        names = field_names(of)
        return {"$c": [_known(value, CLASSES), {name: encoded(getattr(value, name)) for name in names}]}
    if isinstance(value, Mapping):
        return {"$m": [[encoded(key), encoded(inner)] for key, inner in value.items()]}
    if isinstance(value, tuple):
        return {"$u": [encoded(inner) for inner in value]}
    if isinstance(value, list):
        return [encoded(inner) for inner in value]
    if isinstance(value, float):
        return value
    raise UnknownFact(f"{type(value).__name__} has no form in the record: {value!r}")


def decoded(value: Any) -> Any:
    """Return what ``encoded`` was given. Raises KeyError for a class or word that this version does not know."""
    if isinstance(value, list):
        return [decoded(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    ((mark, content),) = value.items()
    return _READ[mark](content)


def _class(content: Any) -> Any:
    name, values = content
    return CLASSES[name](**{entry: decoded(inner) for entry, inner in values.items()})


_READ: Mapping[str, Callable[[Any], Any]] = {
    "$d": Decimal,
    "$t": lambda content: _TIMES[content[0]](content[1]),
    "$e": lambda content: WORDS[content[0]](content[1]),
    "$u": lambda content: tuple(decoded(inner) for inner in content),
    "$m": lambda content: {decoded(key): decoded(inner) for key, inner in content},
    "$c": _class,
}


@cache
def field_names(of: Any) -> tuple[str, ...]:
    """Return the names of the fields that a class is made from."""
    if of is AccountKey:
        return AccountKey._fields
    return tuple(entry.name for entry in fields(of) if entry.init)


def _known(value: Any, names: Mapping[str, type]) -> str:
    name = type(value).__name__
    if names.get(name) is not type(value):
        raise UnknownFact(f"{name} has no form in the record")
    return name
