"""The kinds of value a setting can have: how its text is read, and what people are told to write."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from config.http_template import HttpTemplate, read_http_template
from config.platforms import HTTP_SCHEMES, WEBSOCKET_SCHEMES, Platform
from config.symbol_pair import SymbolPair, read_symbol_map

ON_WORDS = frozenset({"true", "1", "yes", "on"})
OFF_WORDS = frozenset({"false", "0", "no", "off"})

# Far above any account and any contract count; a figure beyond it is a slip of the keyboard, not a limit.
MOST_DOLLARS = 1_000_000_000
MOST_CONTRACTS = 100_000
# Enough for a reason; "yes" and "ok" are none.
SHORTEST_ACKNOWLEDGEMENT = 10


@dataclass(frozen=True, slots=True)
class Expected:
    """What is accepted, in words that follow "must be"."""

    text: str


def _on_or_off(text: str) -> bool:
    word = text.strip().lower()
    if word not in ON_WORDS | OFF_WORDS:
        raise ValueError("neither on nor off")
    return word in ON_WORDS


def _dry_run(text: str) -> bool:
    """Only the exact off words go live: a stray space or capital is a reason to ask, not to trade."""
    if text in OFF_WORDS:
        return False
    if text.strip().lower() in ON_WORDS:
        return True
    raise ValueError("neither on nor off")


def _sessions(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(" ".join(part.upper().split()) for part in text.split(",")))
    if "" in names:
        raise ValueError("a session without a name")
    return names


def _database_url(text: str) -> str | None:
    address = text.strip()
    if address and not address.startswith(("postgresql://", "postgres://")):
        raise ValueError("not the address of a PostgreSQL")
    return address or None


def _web_address(text: str) -> str | None:
    address = text.strip()
    if address and not address.startswith(HTTP_SCHEMES + WEBSOCKET_SCHEMES):
        raise ValueError("not a web address")
    return address or None


Dollars = Annotated[
    Decimal,
    Field(gt=0, le=MOST_DOLLARS, decimal_places=20),
    Expected("an amount in dollars above 0 and at most one billion, such as 1000.0"),
]
Reserve = Annotated[
    Decimal,
    Field(ge=0, le=MOST_DOLLARS, decimal_places=20),
    Expected("an amount in dollars from 0 to one billion, such as 250.0"),
]
SignedDollars = Annotated[
    Decimal,
    Field(ge=-MOST_DOLLARS, le=MOST_DOLLARS, decimal_places=20),
    Expected("an amount in dollars, at most one billion either way, such as 50000.0 or -250.0"),
]
Fraction = Annotated[
    Decimal,
    Field(gt=0, le=1, decimal_places=20),
    Expected("a fraction above 0 and at most 1, such as 0.01 for 1 %"),
]
Contracts = Annotated[
    int,
    Field(gt=0, le=MOST_CONTRACTS),
    Expected("a whole number of contracts from 1 to 100000, such as 5"),
]
Count = Annotated[int, Field(ge=1, le=1000), Expected("a whole number from 1 to 1000")]
Port = Annotated[int, Field(ge=0, le=65535), Expected("a port from 0 to 65535, such as 5000")]
Seconds = Annotated[
    float,
    Field(gt=0, le=86400, allow_inf_nan=False),
    Expected("a number of seconds above 0 and at most 86400, such as 2.0"),
]
WholeSeconds = Annotated[
    int,
    Field(gt=0, le=604800),
    Expected("a whole number of seconds from 1 to 604800, such as 300"),
]
OnOff = Annotated[
    bool,
    BeforeValidator(_on_or_off),
    Expected("true, 1, yes or on; or false, 0, no or off"),
]
DryRun = Annotated[
    bool,
    BeforeValidator(_dry_run),
    Expected("true, 1, yes or on; or, to send real orders, exactly false, 0, no or off in lower case"),
]
Sessions = Annotated[
    tuple[str, ...],
    BeforeValidator(_sessions),
    Expected("session names separated by commas, such as LONDON,NY AM"),
]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), Expected("a text that is not empty")]
RuleSetName = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, to_lower=True, pattern=r"^(?i:[a-z0-9]+(-[a-z0-9]+)*(@[0-9]{4}-[0-9]{2}-[0-9]{2})?)$"
    ),
    Expected("a rule set and its date, such as apex-eod-50k@2026-03-01; python -m config rule-sets lists them all"),
]
Acknowledgement = Annotated[
    str,
    BeforeValidator(lambda text: " ".join(text.split())),
    StringConstraints(min_length=SHORTEST_ACKNOWLEDGEMENT),
    Expected(f"a reason in words, at least {SHORTEST_ACKNOWLEDGEMENT} characters"),
]
PlatformName = Annotated[
    Platform,
    BeforeValidator(lambda text: text.strip().lower()),
    Expected(f"one of {', '.join(Platform)}"),
]
SymbolMap = Annotated[
    tuple[SymbolPair, ...],
    BeforeValidator(read_symbol_map),
    Expected("pairs such as NQ=US100.cash*20,ES=US500.cash*50: the venue's symbol, and its lots for one contract"),
]
Template = Annotated[
    HttpTemplate,
    BeforeValidator(read_http_template),
    Expected("the path of a JSON file that can be read"),
]
Directory = Annotated[
    Path,
    BeforeValidator(lambda text: Path(text.strip()) if text.strip() else None),
    Expected("the path of a directory, such as .data"),
]
# An empty text setting counts as not set: an empty secret protects nothing.
Text = Annotated[str | None, BeforeValidator(lambda text: text.strip() or None), Expected("a text")]
DatabaseUrl = Annotated[
    str | None,
    BeforeValidator(_database_url),
    Expected("an address such as postgresql://user:password@host:5432/name"),
]
WebAddress = Annotated[
    str | None,
    BeforeValidator(_web_address),
    Expected("an address that starts with https://, http://, wss:// or ws://"),
]
LogLevel = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_upper=True, pattern=r"^(?i:DEBUG|INFO|WARNING|ERROR|CRITICAL)$"),
    Expected("DEBUG, INFO, WARNING, ERROR or CRITICAL"),
]
LogFormat = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^(?i:human|json)$"),
    Expected("human or json"),
]
