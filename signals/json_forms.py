"""How fields may be written, as JSON Schema: what the document of the API says of them."""

from __future__ import annotations

from typing import Any

from pydantic import WithJsonSchema

ACCOUNT = r"^[A-Za-z0-9_]{1,50}/[1-9][0-9]{0,8}$"
SCOPE = r"^[A-Za-z0-9_]{1,50}(/[1-9][0-9]{0,8})?$"
# A number of thirteen digits, milliseconds: the latest time that is read from a number.
LATEST = 9_999_999_999_999
EARLIEST = 0.001
# What a sender may also put between quotation marks: a number as people write it.
NUMBER = r"^[+-]?[0-9]{1,9}(\.[0-9]{1,6})?$"
ABOVE_ZERO = r"^([1-9][0-9]{0,8}(\.[0-9]{1,6})?|0?\.0{0,5}[1-9][0-9]{0,5})$"
COUNT = r"^[1-9][0-9]{0,5}$"


def a_number(**limits: float) -> WithJsonSchema:
    """Return the form of a number within limits such as ``minimum``, in digits or as a text of digits."""
    written = ABOVE_ZERO if limits.get("minimum", 0) > 0 else NUMBER
    return WithJsonSchema({"anyOf": [{"type": "number", **limits}, {"type": "string", "pattern": written}]})


def whole_number(least: int, most: int) -> WithJsonSchema:
    """Return the form of a whole number, in digits or as a text of digits."""
    plain = {"type": "integer", "minimum": least, "maximum": most}
    return WithJsonSchema({"anyOf": [plain, {"type": "string", "pattern": COUNT}]})


def digits(least: int, most: int) -> WithJsonSchema:
    """Return the form of a whole number in an address."""
    return WithJsonSchema({"type": "integer", "minimum": least, "maximum": most})


def words(longest: int) -> dict[str, Any]:
    """Return the form of a text of 1 to ``longest`` printable characters, one of them no space."""
    printable = r"^[^\x00-\x1f\x7f]*[^\x00-\x1f\x7f\s][^\x00-\x1f\x7f]*$"
    return {"type": "string", "minLength": 1, "maxLength": longest, "pattern": printable}


def printable(longest: int) -> WithJsonSchema:
    """Return the form of printable words, or of a whole number in their place."""
    return WithJsonSchema({"anyOf": [words(longest), {"type": "integer"}]})


def a_time() -> WithJsonSchema:
    """Return the form of a time: ISO 8601, or Unix seconds or milliseconds."""
    text, seconds = {"type": "string", "format": "date-time"}, {"type": "string", "pattern": "^[1-9][0-9]{0,11}$"}
    return WithJsonSchema({"anyOf": [text, {"type": "number", "minimum": EARLIEST, "maximum": LATEST}, seconds]})


def matching(pattern: str) -> WithJsonSchema:
    """Return the form of a text of this pattern."""
    return WithJsonSchema({"type": "string", "pattern": pattern})


def one_of(*words: str) -> WithJsonSchema:
    """Return the form of one of these words."""
    return WithJsonSchema({"type": "string", "enum": list(words)})
