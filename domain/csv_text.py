"""Rows as lines of CSV that a spreadsheet may open."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

# A spreadsheet takes a text that begins so for a formula, and carries it out: OWASP, "CSV Injection".
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def cell(value: Any) -> str:
    """Return a value as a cell of CSV. Text that a spreadsheet would carry out gets a quote before it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, int | float | Decimal):
        return str(value)
    text = " ".join(str(entry) for entry in value) if isinstance(value, list | tuple) else str(value)
    return f"'{text}" if text.lstrip().startswith(FORMULA) or text.startswith(FORMULA) else text


def csv_line(cells: Sequence[str]) -> str:
    """Return cells as one line of CSV, with its end."""
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()
