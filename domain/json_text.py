"""JSON text of what the service writes: money as JSON numbers, nothing by accident."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import orjson

from domain.checks import json_default

# A dataclass or a time in a row is a mistake of ours; orjson alone would write it in a form that nobody chose.
STRICT = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def json_text(value: Any) -> str:
    """Return JSON text: Decimal as a JSON number, other types as JSON has them. Raises TypeError for what has none."""
    try:
        return orjson.dumps(value, default=json_default, option=STRICT).decode()
    except TypeError:
        # Beyond 64 bits orjson gives up; an integer of any length is valid JSON and is kept whole.
        return json.dumps(value, default=json_default, allow_nan=False)


def with_times(value: Any) -> Any:
    """Return rows as JSON can hold them: their times as ISO 8601 text, everything else as it is."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: with_times(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [with_times(item) for item in value]
    return value
