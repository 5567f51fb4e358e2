"""Rows as a file to download, written while they are read: CSV for a spreadsheet, JSON for a program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from flask import Response

from domain.csv_text import cell, csv_line
from domain.json_text import json_text, with_times

CUT_OFF = "cut off here: narrow the time or the filters"


def csv_file(name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Response:
    """Return rows as CSV with a head. An empty row is the mark that more was cut off."""

    def lines() -> Iterator[str]:
        yield csv_line(columns)
        for row in rows:
            yield csv_line([cell(row.get(column)) for column in columns] if row else [CUT_OFF])

    return _file(name, "text/csv; charset=utf-8", lines())


def json_file(name: str, rows: Iterable[Mapping[str, Any]]) -> Response:
    """Return rows as one JSON object: ``rows``, and ``complete``, false where more was cut off."""

    def text() -> Iterator[str]:
        yield '{"rows": ['
        separator, complete = "", True
        for row in rows:
            if not row:
                complete = False
                break
            yield separator + json_text(with_times(dict(row)))
            separator = ",\n"
        yield '], "complete": ' + json_text(complete) + "}\n"

    return _file(name, "application/json", text())


def begun(rows: Iterator[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Return the rows with the first of them read already, so that a fault shows before anything is answered."""
    first = next(rows, None)

    def all_of_them() -> Iterator[Mapping[str, Any]]:
        if first is not None:
            yield first
            yield from rows

    return all_of_them()


def _file(name: str, mimetype: str, parts: Iterator[str]) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(parts, content_type=mimetype, headers=headers)
