"""Exact numbers: read by their printed form, written back as JSON numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

LARGEST_EXPONENT = 100
# Whole numbers within it need no look at their digits.
LARGEST_PLAIN = 10**18
MOST_DOLLARS = Decimal(1_000_000_000)
# Platforms keep money in doubles; what stands behind the millionth of a dollar is their noise.
FINEST = Decimal("0.000001")


def decimal_of(value: object) -> Decimal:
    """Return a finite Decimal read from the printed form of ``value``, so that 0.1 stays 0.1.

    Raises ValueError for anything that is not a finite number: text, booleans, NaN, infinity, None.
    """
    if type(value) is Decimal and value.is_finite() and -LARGEST_EXPONENT <= value.adjusted() <= LARGEST_EXPONENT:
        return value
    if type(value) is int and -LARGEST_PLAIN < value < LARGEST_PLAIN:
        return Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError(f"{value!r} is not a number")
    if isinstance(value, str) and "_" in value:
        raise ValueError(f"{value!r} is not a number")
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    except InvalidOperation as error:
        raise ValueError(f"{value!r} is not a number") from error
    if not number.is_finite():
        raise ValueError(f"{value!r} is not a finite number")
    # Spelling out 1e999999999 would take all memory; no figure of a trade is anywhere near.
    if abs(number.adjusted()) > LARGEST_EXPONENT:
        raise ValueError(f"{value!r} is out of range")
    return number


def dollars_of(value: object) -> Decimal:
    """Return an amount of money that a platform tells, without the noise of its doubles.

    Raises ValueError for what is not a finite number or is beyond a billion either way.
    """
    number = decimal_of(value)
    if abs(number) > MOST_DOLLARS:
        raise ValueError(f"{value!r} is out of range: at most one billion dollars either way")
    # Only noise is cut off: a number of few decimals keeps those it has.
    rounded = number.quantize(FINEST)
    return number if rounded == number else rounded


def optional_decimal(values: Mapping[str, Any], key: str) -> Decimal | None:
    """Return ``values[key]`` as a Decimal, or None where the key is absent or None.

    Raises ValueError that names the key when the value is there but is not a finite number.
    """
    value = values.get(key)
    if value is None:
        return None
    try:
        return decimal_of(value)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error


def plain(number: Decimal) -> str:
    """Return a number as people write it: no exponent, its own decimals kept."""
    text = str(number)
    return f"{number:f}" if "E" in text else text


def json_number(number: Decimal) -> int | float:
    """Return the JSON form of a number: an integer where it is whole, its nearest double otherwise."""
    text = str(number)
    if text.isdigit() or text[1:].isdigit():
        return int(text)
    nearest = float(text)
    return nearest if math.isfinite(nearest) else int(number)
