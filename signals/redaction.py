"""Bodies without their secrets, for the record."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from domain.checks import json_default

SECRET_NAMES = frozenset(
    {"secret", "webhook_secret", "token", "api_token", "api_key", "apikey", "password", "passphrase"}
)
MASK = "[removed]"
_SECRET_TEXT = re.compile(
    r'(?i)("?\b(?:' + "|".join(sorted(SECRET_NAMES)) + r')"?\s*[:=]\s*)("(?:[^"\\]|\\.)*"?|[^\s,}&]+)'
)


def stored_body(fields: dict[str, Any], secrets: Iterable[str]) -> str:
    """Return a signal's body as JSON text: unknown fields kept, secret ones taken out at every depth."""
    text = json.dumps(_without_secrets(fields), default=json_default)
    return mask_values(text, secrets)


def redacted_text(body: bytes, secrets: Iterable[str], limit: int = 4000) -> str:
    """Return the first ``limit`` characters of a refused body as printable text, secrets masked before the cut."""
    text = body.decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
    masked = mask_values(_SECRET_TEXT.sub(rf'\1"{MASK}"', text), secrets)
    return masked[:limit]


def mask_values(text: str, secrets: Iterable[str]) -> str:
    """Replace every occurrence of a secret, as it is and as JSON spells it."""
    for secret in secrets:
        for spelled in {secret, json.dumps(secret)[1:-1]}:
            text = text.replace(spelled, MASK)
    return text


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: MASK if key.strip().lower() in SECRET_NAMES else _without_secrets(item) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return value
