"""Placeholders in a venue template: a closed list of names, put in as values, never run as code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, Final

Value = str | int | Decimal | None

# Of a key whose object is sent whole or not at all.
MARK = "?"
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


class Gap(Enum):
    """What is not there."""

    GAP = "gap"


GAP: Final = Gap.GAP


def names_in(text: str) -> set[str]:
    """Return the names between braces. Raises ValueError for a brace that is none of a placeholder's."""
    if re.search(r"[{}]", _PLACEHOLDER.sub("", text)):
        raise ValueError("a brace that belongs to no placeholder; a placeholder is a name in braces, like {symbol}")
    return set(_PLACEHOLDER.findall(text))


def texts_in(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Yield every text within a JSON value with its place, names of keys among them."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield f"{place}.{key} (the key)", key
            yield from texts_in(inner, f"{place}.{key}")
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from texts_in(inner, f"{place}.{number}")


def put_in(text: str, values: Mapping[str, Value]) -> str | Gap:
    """Return a text with its placeholders replaced, once, by what they stand for; a gap where one has no value."""
    if any(values[name] is None for name in _PLACEHOLDER.findall(text)):
        return GAP
    return _PLACEHOLDER.sub(lambda match: as_text(values[match[1]]), text)


def filled(value: Any, values: Mapping[str, Value], *, numbers_as_text: bool = False) -> Any:
    """Return a JSON value with its placeholders replaced.

    A text that is nothing but a placeholder becomes the value itself, so that a number stays one. What has no value is
    left out with its key. What stands under a key that ends in ``?`` is left out as a whole where any placeholder in it
    has no value; the mark is not sent.
    """
    if isinstance(value, str):
        whole = _PLACEHOLDER.fullmatch(value)
        if whole is None:
            return put_in(value, values)
        one = values[whole[1]]
        if one is None:
            return GAP
        return as_text(one) if numbers_as_text and isinstance(one, Decimal) else one
    if isinstance(value, Mapping):
        whole_or_not = {key: part for key, part in value.items() if not (key.endswith(MARK) and _lacks(part, values))}
        inner = {
            key.removesuffix(MARK): filled(part, values, numbers_as_text=numbers_as_text)
            for key, part in whole_or_not.items()
        }
        return {key: part for key, part in inner.items() if part is not GAP}
    if isinstance(value, list | tuple):
        parts = [filled(part, values, numbers_as_text=numbers_as_text) for part in value]
        return [part for part in parts if part is not GAP]
    return value


def _lacks(part: Any, values: Mapping[str, Value]) -> bool:
    return any(values[name] is None for _, text in texts_in(part, "") for name in _PLACEHOLDER.findall(text))


def as_text(value: Value) -> str:
    """Return a value as text; a number without an exponent."""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def at(body: Any, path: str) -> Any:
    """Return what stands at a dotted path, whole numbers counting from 0 in lists; a gap where nothing does.

    The empty path is the whole body.
    """
    found = body
    for step in path.split(".") if path else ():
        if isinstance(found, dict) and step in found:
            found = found[step]
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            return GAP
    return found
