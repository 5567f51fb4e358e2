"""Bodies without their secrets, for the record."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from typing import Any

from domain.checks import json_default
from domain.money import LARGEST_EXPONENT

SECRET_NAMES = frozenset(
    {"secret", "webhook_secret", "token", "api_token", "api_key", "apikey", "password", "passphrase"}
)
MASK = "[removed]"
SHORT_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
_SECRET_KEY = re.compile(r'(?i)"\s*(?:' + "|".join(sorted(SECRET_NAMES)) + r')\s*"\s*:')
_SECRET_TEXT = re.compile(
    r'(?i)("?\b(?:' + "|".join(sorted(SECRET_NAMES)) + r')"?\s*[:=]\s*)("(?:[^"\\]|\\.)*"?|[^\s,}&]+)'
)


def stored_body(fields: dict[str, Any], secrets: Iterable[str], text: str | None = None) -> str:
    """Return a signal's body as JSON text: unknown fields kept, secret ones taken out at every depth.

    ``text`` is the body as it came; it is returned as it is where nothing has to be taken out.
    """
    secrets = tuple(secrets)
    plain = json.dumps(fields, default=_as_text) if text is None else text
    # Nearly every body holds no secret and nothing that could hide one; taking it apart would cost more than the rest.
    hidden = "\\" in plain or _SECRET_KEY.search(plain) is not None or any(secret in plain for secret in secrets)
    return json.dumps(without_secrets(fields, secrets), default=_as_text) if hidden else plain


def redacted_text(body: bytes, secrets: Iterable[str], limit: int = 4000) -> str:
    """Return the first ``limit`` characters of a refused body as printable text, secrets masked before the cut."""
    text = body.decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
    masked = mask_values(_SECRET_TEXT.sub(rf'\1"{MASK}"', text), secrets)
    return masked[:limit]


def _as_text(value: object) -> object:
    if isinstance(value, Decimal) and abs(value.adjusted()) > LARGEST_EXPONENT:
        # 1e999999 as a JSON number would be a million digits long.
        return str(value)
    return json_default(value)


def mask_values(text: str, secrets: Iterable[str]) -> str:
    """Replace every occurrence of a secret, in each way in which JSON may spell it."""
    for secret in secrets:
        text = _spellings(secret).sub(MASK.replace("\\", r"\\"), text)
    return text


@cache
def _spellings(secret: str) -> re.Pattern[str]:
    return re.compile("".join(_spelled(character) for character in secret))


def _spelled(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    pairs = [units[at : at + 2].hex() for at in range(0, len(units), 2)]
    escaped = "".join(rf"\\u(?i:{pair})" for pair in pairs)
    ways = [re.escape(character), escaped]
    if character in SHORT_ESCAPES:
        ways.append(re.escape("\\" + SHORT_ESCAPES[character]))
    return f"(?:{'|'.join(ways)})"


def without_secrets(value: Any, secrets: tuple[str, ...]) -> Any:
    """Return a value of JSON's types with every secret in it masked, and the fields that are named like one."""
    if isinstance(value, dict):
        return {
            mask_values(key, secrets): MASK if key.strip().lower() in SECRET_NAMES else without_secrets(item, secrets)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(item, secrets) for item in value]
    if value is None or isinstance(value, bool):
        return value
    # A secret may be a number, too: it then goes as the text that is left of it.
    text = str(value)
    masked = mask_values(text, secrets)
    return value if masked == text else masked
