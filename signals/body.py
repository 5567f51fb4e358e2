"""From bytes to a JSON object. The content decides, never the content type: TradingView sends JSON as text, too."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from signals.problem import FieldProblem, InvalidSignal

DEEPEST = 50
ACCEPTED = "a JSON object in UTF-8, such as the alert messages in the README"


def read_json_object(body: bytes) -> dict[str, Any]:
    """Return the body's JSON object. Raises InvalidSignal as ``read_body`` does."""
    return read_body(body)[0]


def read_body(body: bytes) -> tuple[dict[str, Any], str]:
    """Return the body's JSON object, fractional numbers as Decimal, and its text.

    Raises InvalidSignal for anything else: not UTF-8, not JSON, not an object, NaN or infinity, a key given twice,
    nesting or numbers beyond reason.
    """
    try:
        text = body.decode("utf-8-sig")
        value = _DECODER.decode(text)
    except InvalidSignal:
        raise
    except UnicodeDecodeError as error:
        raise _unreadable(body, f"{ACCEPTED}; the bytes are not UTF-8") from error
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise _unreadable(body, f"{ACCEPTED}; reading it failed: {error}") from error
    if not isinstance(value, dict):
        raise _unreadable(body, ACCEPTED)
    if text.count("[") + text.count("{") > DEEPEST and _deeper_than(value, DEEPEST):
        raise _unreadable(body, f"{ACCEPTED}, nested at most {DEEPEST} deep")
    return value, text


def _deeper_than(value: Any, levels: int) -> bool:
    level = [value]
    for _ in range(levels):
        level = [item for held in level for item in _items(held)]
        if not level:
            return False
    return any(isinstance(held, dict | list) for held in level)


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _unreadable(body: bytes, accepted: str) -> InvalidSignal:
    return InvalidSignal(FieldProblem(field="body", given=body[:200].decode("utf-8", "replace"), accepted=accepted))


def _no_constant(name: str) -> None:
    raise InvalidSignal(FieldProblem(field="body", given=name, accepted="finite numbers; NaN and infinity are not"))


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InvalidSignal(
                FieldProblem(field=key, given=value, accepted="each key once; two values leave open which one counts")
            )
        found[key] = value
    return found


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_no_repeats)
