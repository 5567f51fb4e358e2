"""Records as lines of a file, read by a cursor of the server, so that memory stays bounded however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum

from database.audit import export_lines
from database.audit_chain import START, Link
from database.audit_check import pages
from database.connection import Database, Row, Transaction
from domain.csv_text import cell, csv_line
from domain.json_text import json_text, with_times


class Records(StrEnum):
    """What may be exported."""

    LOGS = "LOGS"
    SIGNALS = "SIGNALS"
    ORDERS = "ORDERS"
    AUDIT = "AUDIT"


class Format(StrEnum):
    """How: for a spreadsheet, or one JSON object a line."""

    CSV = "CSV"
    JSONL = "JSONL"


def lines_of(
    database: Database, records: Records, form: Format, since: datetime | None, until: datetime | None
) -> Iterator[bytes]:
    """Return the records from ``since`` up to, not with, ``until``, the oldest first, each as a line; CSV has a head.

    The audit comes as JSON lines that prove themselves: database/audit.py. Raises DatabaseUnavailable and
    StatementRefused.
    """
    if records is Records.AUDIT:
        ended: list[Link] = [START]
        yield from export_lines(database, since, ended, until)
        return
    with database.transaction() as transaction:
        transaction.rows("begin_export")
        _open(transaction, records, since or "-infinity", until or "infinity")
        head = form is Format.CSV
        for page in pages(transaction):
            if head:
                yield csv_line(list(page[0])).encode()
                head = False
            for row in page:
                yield _line(row, form)


def _open(transaction: Transaction, records: Records, since: datetime | str, until: datetime | str) -> None:
    match records:
        case Records.LOGS:
            transaction.rows("open_logs", since=since, until=until)
        case Records.SIGNALS:
            transaction.rows("open_signals", since=since, until=until)
        case _:
            transaction.rows("open_orders", since=since, until=until)


def _line(row: Row, form: Format) -> bytes:
    if form is Format.JSONL:
        return f"{json_text(with_times(row))}\n".encode()
    cells = (json_text(with_times(value)) if isinstance(value, dict | list) else value for value in row.values())
    return csv_line([cell(value) for value in cells]).encode()
