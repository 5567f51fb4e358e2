"""Exports: logs, signals, orders or the audit between two times, to a file or standard output."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from control.desk import Answer, Command, Desk
from control.words import Commands, moment, one_of
from database.audit import sink_of
from database.export import Format, Records, lines_of

EXPORT = """\
Write records as CSV or as one JSON object a line, the oldest first, to standard output or into a file, which appears
when it is whole. What lies in the archive is part of it. The audit comes as JSON lines whose hashes prove them.

examples:
  python -m control export logs --since 2026-11-01 --until 2026-12-01 --output november.csv
  python -m control export orders --format jsonl | jq .client_order_id
  python -m control export audit --output audit.jsonl
"""


def add_exports(commands: Commands) -> None:
    """Add ``export``."""
    export = commands.add(
        "export", _export, "write logs, signals, orders or the audit as CSV or JSON lines", about=EXPORT
    )
    export.add_argument("records", type=one_of(Records), metavar="logs|signals|orders|audit")
    export.add_argument("--since", type=moment, metavar="TIME", help="from this time or day on; UTC unless it says")
    export.add_argument("--until", type=moment, metavar="TIME", help="up to this time or day, and not with it")
    export.add_argument(
        "--format", type=one_of(Format), metavar="csv|jsonl", help="csv if not given; of the audit jsonl"
    )
    export.add_argument("--output", type=Path, metavar="FILE", help="instead of standard output")


def _export(typed: Namespace) -> Command:
    form = typed.format or (Format.JSONL if typed.records is Records.AUDIT else Format.CSV)
    if typed.records is Records.AUDIT and form is Format.CSV:
        raise ValueError("the audit is exported as JSON lines alone: as CSV its hashes would prove nothing")
    if getattr(typed, "json", False) and typed.output is None:
        raise ValueError("--json says what was written: it needs --output, or the two would get mixed")

    def run(desk: Desk) -> Answer:
        written = 0
        lines = lines_of(desk.slow_database, typed.records, form, typed.since, typed.until)
        with desk.progress(f"Export of {typed.records.lower()}") as progress, sink_of(typed.output) as sink:
            for line in lines:
                sink.write(line)
                written += 1
                progress.add()
        if typed.output is None:
            return Answer({}, None)
        records = max(0, written - (form is Format.CSV))
        data = {"status": "exported", "records": records, "format": form.lower(), "file": str(typed.output)}
        return Answer(data, f"{records:,} records written to {typed.output}")

    return run
