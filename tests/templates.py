"""Venue templates for tests: the documented example, and changes to it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from connectors.platforms.template import VenueTemplate

DOCUMENT = Path(__file__).parents[1] / "docs" / "venue_templates.md"
DOCUMENTED = re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
EXAMPLE: dict[str, Any] = json.loads(
    re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)[0]
)
SECRET = 's3cret/of "mine"'

Change = Callable[[dict[str, Any]], object]


def template(*changes: Change) -> VenueTemplate:
    """The documented example with some things changed."""
    fields = copy.deepcopy(EXAMPLE)
    for change in changes:
        change(fields)
    return VenueTemplate.from_json(json.dumps(fields))


def put(path: str, value: Any) -> Change:
    """Put a value at a dotted path of a template."""

    def change(fields: dict[str, Any]) -> None:
        *way, last = path.split(".")
        for step in way:
            fields = fields[step]
        fields[last] = value

    return change


def drop(*paths: str) -> Change:
    """Take keys out of a template."""

    def change(fields: dict[str, Any]) -> None:
        for path in paths:
            *way, last = path.split(".")
            inner = fields
            for step in way:
                inner = inner[step]
            del inner[last]

    return change


def both(*changes: Change) -> Change:
    def change(fields: dict[str, Any]) -> None:
        for one in changes:
            one(fields)

    return change
