"""Rows as a person reads them in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from domain.json_text import json_text, with_times
from domain.money import plain

Row = Mapping[str, Any]
# Heading, and what stands under it.
Columns = Sequence[tuple[str, str]]
LONGEST_CELL = 80


def table(rows: Iterable[Row], columns: Columns, *, without: str) -> str:
    """Return rows under headings, each column as wide as it has to be; ``without`` where there are no rows."""
    cells = [[cell(row[name]) for _, name in columns] for row in rows]
    if not cells:
        return without
    lines = [[heading for heading, _ in columns], *cells]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def facts(row: Row) -> str:
    """Return a row as one line a fact; what is not known or empty is left out."""
    known = {name: value for name, value in row.items() if value not in (None, "", [], {})}
    width = max((len(name) for name in known), default=0)
    return "\n".join(f"  {name.ljust(width)}  {cell(value, longest=None)}" for name, value in known.items())


def cell(value: Any, *, longest: int | None = LONGEST_CELL) -> str:
    """Return one value as text: times in UTC to the second, numbers without exponent, long texts cut off."""
    if value is None:
        text = "-"
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, datetime):
        text = f"{value:%Y-%m-%d %H:%M:%S}"
    elif isinstance(value, Decimal):
        text = plain(value)
    elif isinstance(value, Mapping | list):
        text = json_text(with_times(value))
    else:
        text = " ".join(str(value).split())
    return text if longest is None or len(text) <= longest else text[: longest - 3] + "..."


def age(seconds: int) -> str:
    """Return a span of time in its two largest units: ``3 d 4 h``, ``5 min 2 s``."""
    units = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    parts: list[str] = []
    rest = max(0, int(seconds))
    for name, size in units:
        if rest >= size or parts or name == "s":
            parts.append(f"{rest // size} {name}")
            rest %= size
    return " ".join(parts[:2])
