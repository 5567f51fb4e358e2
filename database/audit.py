"""``python -m database.audit``: ``verify`` the audit, ``export`` it, print its ``head``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import orjson

from config.settings import load_settings
from database.audit_chain import START, AuditChain, Link, event_text
from database.audit_check import MEANING, Fault, Tally, check_audit, pages
from database.connection import Database, DatabaseUnavailable, Row, StatementRefused
from database.startup import open_database

CLEAN, ALTERED, UNCHECKED = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says.

    Return 0, 1 where ``verify`` found something, 2 where the audit could not be read.
    """
    options = _parser().parse_args(arguments)
    database = Database(open_database(load_settings()).url, size=1, statement_timeout=0, name="execution-router-audit")
    try:
        if options.command == "verify":
            return verify(database, options.head)
        if options.command == "export":
            return _export(database, options.since, options.output)
        head = AuditChain(database).head()
        sys.stdout.write(f"{head.position} {head.hash}\n")
    except (DatabaseUnavailable, StatementRefused, OSError) as error:
        sys.stderr.write(f"The audit could not be read: {error}\n")
        return UNCHECKED
    finally:
        database.close()
    return CLEAN


def verify(database: Database, head: str | None, tally: Tally | None = None) -> int:
    """Check the whole audit, print each finding and a summary, and return the exit status. ``tally`` counts along."""
    tally, faults = Tally() if tally is None else tally, set[Fault]()
    with database.transaction() as transaction:
        for finding in check_audit(transaction, tally, head=head):
            faults.add(finding.fault)
            sys.stdout.write(f"{finding.fault}: {finding.where} {finding.what}\n")
    for fault in Fault:
        if fault in faults:
            sys.stdout.write(f"\n{fault}: {MEANING[fault]}\n")
    sys.stdout.write(
        f"{'ALTERED' if faults else 'CLEAN'}: {tally.findings} findings, {tally.sealed} events sealed, "
        f"{tally.unsealed} not yet, {tally.missing} missing; head {tally.head.position} {tally.head.hash}\n"
    )
    return ALTERED if faults else CLEAN


def export_lines(
    database: Database, since: datetime | None, ended: list[Link], until: datetime | None = None
) -> Iterator[bytes]:
    """Return what is sealed as lines of JSON, in order, and put the last link into ``ended``.

    ``since``: only what was sealed at this time or later; ``until``: and before that. What stands between ``"event":``
    and the line's last brace is the text that ``event_digest`` is the SHA-256 of; database/audit_chain.py says what
    ``hash`` is of.
    """
    with database.transaction() as transaction:
        transaction.rows("begin_audit_check")
        transaction.rows("open_chain", since="-infinity" if since is None else since, until=until or "infinity")
        for page in pages(transaction):
            yield from (_line(row) for row in page)
            ended[:] = [Link(page[-1]["position"], page[-1]["hash"])]


def _line(row: Row) -> bytes:
    event = orjson.Fragment(b"null" if row["id"] is None else event_text(row))
    link = {name: row[name] for name in ("position", "sealed_at", "event_digest", "hash")}
    return orjson.dumps({**link, "event": event}, option=orjson.OPT_APPEND_NEWLINE)


def _export(database: Database, since: datetime | None, output: Path | None) -> int:
    ended: list[Link] = [START]
    count = 0
    with sink_of(output) as sink:
        for line in export_lines(database, since, ended):
            sink.write(line)
            count += 1
    sys.stderr.write(f"{count} events exported, up to {ended[0].position} {ended[0].hash}\n")
    return CLEAN


@contextmanager
def sink_of(output: Path | None) -> Iterator[BinaryIO]:
    """Give where to write; a file appears under its name only when it is whole."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    unfinished = output.with_name(output.name + ".part")
    with unfinished.open("wb") as file:
        yield file
    unfinished.replace(output)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m database.audit", description="Check and export the audit.")
    commands = parser.add_subparsers(dest="command", required=True)
    verifying = commands.add_parser("verify", help="find every altered row; exit status 1 where there is one")
    verifying.add_argument("--head", metavar="HASH", type=hash_of, help="a hash that `head` printed; it must be there")
    exporting = commands.add_parser("export", help="write what is sealed as JSON lines")
    exporting.add_argument(
        "--since", metavar="TIME", type=_time, help="sealed since then (ISO 8601, UTC unless it says)"
    )
    exporting.add_argument("--output", metavar="FILE", type=Path, help="instead of standard output")
    commands.add_parser("head", help="print position and hash of the chain's end, to be written down elsewhere")
    return parser


def hash_of(text: str) -> str:
    """Take a hash as ``head`` prints it, with or without its position."""
    found = text.rsplit(maxsplit=1)[-1].lower() if text.strip() else ""
    if len(found) != len(START.hash) or not set(found) <= set("0123456789abcdef"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a hash of 64 hexadecimal digits")
    return found


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 2026-11-20T00:00Z") from error


if __name__ == "__main__":
    sys.exit(main())
