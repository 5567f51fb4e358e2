"""The types of single fields: how a sender may write a price, a size, a direction, a time."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator

from domain.money import decimal_of
from domain.order import Direction
from signals.json_forms import a_number, a_time, one_of, printable, whole_number

MAX_PRICE = Decimal(1_000_000_000)
MAX_CONTRACTS = 1_000_000
PLACEHOLDER = re.compile(r"\{\{.*?\}\}", re.DOTALL)
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
EPOCH_MILLISECONDS = Decimal(100_000_000_000)

DIRECTION_WORDS: dict[str, Direction] = {
    "LONG": Direction.LONG,
    "BUY": Direction.LONG,
    "BULLISH": Direction.LONG,
    "SHORT": Direction.SHORT,
    "SELL": Direction.SHORT,
    "BEARISH": Direction.SHORT,
}


def _number(value: Any) -> Decimal:
    number = decimal_of(value)
    # Bounded before any arithmetic: 1e999999 is a finite Decimal, and spelling it out would take a gigabyte.
    if number.adjusted() > 12 or (number != 0 and number.adjusted() < -12) or len(number.as_tuple().digits) > 28:
        raise ValueError("out of range")
    return number


def _price(value: Any) -> Decimal:
    number = _number(value)
    if not 0 < number < MAX_PRICE:
        raise ValueError("out of range")
    return number


def _contracts(value: Any) -> int:
    number = _number(value)
    if number != number.to_integral_value() or not 1 <= number <= MAX_CONTRACTS:
        raise ValueError("out of range")
    return int(number)


def _percent(value: Any) -> Decimal:
    number = _number(value)
    if not 0 < number <= 100:
        raise ValueError("out of range")
    return number


def text_of(longest: int) -> Callable[[Any], str]:
    """Return what reads a text of 1 to ``longest`` printable characters; it raises ValueError for anything else."""

    def read(value: Any) -> str:
        # A trade id is often a bare number in JSON; a list or an object is a mistake.
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ValueError("not text")
        text = str(value).strip()
        if not 0 < len(text) <= longest or UNPRINTABLE.search(text):
            raise ValueError("not usable text")
        return text

    return read


def _direction(value: Any) -> Direction:
    word = value.strip().upper() if isinstance(value, str) else ""
    if word not in DIRECTION_WORDS:
        raise ValueError("not a direction")
    return DIRECTION_WORDS[word]


def read_time(value: Any) -> datetime:
    """Return an aware UTC time from ISO 8601 text with a zone, or Unix seconds or milliseconds.

    Raises ValueError for anything else; text without a zone is read as UTC, as TradingView writes its times.
    """
    if isinstance(value, str) and not re.fullmatch(r"\s*\d+(\.\d+)?\s*", value):
        moment = datetime.fromisoformat(value.strip())
        try:
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except OverflowError as error:
            raise ValueError("out of range") from error
    number = _number(value)
    seconds = number / 1000 if number >= EPOCH_MILLISECONDS else number
    if seconds <= 0:
        raise ValueError("out of range")
    try:
        return datetime.fromtimestamp(float(seconds), UTC)
    except (OverflowError, OSError) as error:
        raise ValueError("out of range") from error


Price = Annotated[Decimal, BeforeValidator(_price), a_number(minimum=1e-12, exclusiveMaximum=float(MAX_PRICE))]
Figure = Annotated[Decimal, BeforeValidator(_number), a_number(minimum=-9_999_999_999_999, maximum=9_999_999_999_999)]
Percent = Annotated[Decimal, BeforeValidator(_percent), a_number(minimum=1e-12, maximum=100)]
Contracts = Annotated[int, BeforeValidator(_contracts), whole_number(1, MAX_CONTRACTS)]
TradeId = Annotated[str, BeforeValidator(text_of(255)), printable(255)]
Words = Annotated[str, BeforeValidator(text_of(100)), printable(100)]
Symbol = Annotated[str, BeforeValidator(text_of(50)), printable(50)]
DirectionWord = Annotated[
    Direction,
    BeforeValidator(_direction),
    one_of(*DIRECTION_WORDS, *map(str.title, DIRECTION_WORDS), *map(str.lower, DIRECTION_WORDS)),
]
AlertTime = Annotated[datetime, BeforeValidator(read_time), a_time()]
