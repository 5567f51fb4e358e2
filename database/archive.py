"""``python -m database.archive --older-than 90d``: move finished work into the archive, whole trades at a time."""

from __future__ import annotations

import argparse
import re
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import FrameType
from typing import Any

from config.settings import load_settings
from database.archiving import Archive, NotArchivable, Report, Run
from database.audit_chain import AuditChain
from database.connection import Database, DatabaseUnavailable, Row, StatementRefused
from database.months import MonthsBusy, drop_empty_months, drop_snapshots, old_snapshots
from database.startup import open_database

DONE, FAILED, STOPPED = 0, 1, 130
ABOUT = (
    "Move finished trades with their tasks, logs, signals and facts into the schema archive. What is open, unresolved "
    "or waits for a person stays, and so do orders and the audit. May be stopped at any moment, run again, and run "
    "while the service works."
)
DAYS = {"d": 1, "w": 7, "y": 365}


class Unfinished(Exception):
    """A run ended before its time; the message says why and how much was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a run did, or would do: then ``prospect`` or ``snapshots`` has rows.

    ``older_than``: None where no trades were asked for. ``months``: the tables of months that were dropped.
    ``stopped``: a signal came before it was at its end.
    """

    verb: str
    older_than: datetime | None = None
    tasks: int = 0
    stopped: bool = False
    prospect: list[Row] | None = None
    months: tuple[str, ...] = ()
    snapshots: list[Row] | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return 0, 1 where it could not be done, 130 where it was stopped."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if (unclear := objection(options)) is not None:
        parser.error(unclear)
    database = Database(
        open_database(load_settings()).url, size=1, statement_timeout=0, name="execution-router-archive"
    )
    try:
        done = carry_out(database, options)
    except Unfinished as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    finally:
        database.close()
    sys.stdout.write(f"{told(done)}\n")
    return STOPPED if done.stopped else DONE


def objection(options: argparse.Namespace) -> str | None:
    """Return why what was typed makes no sense together, None where it does."""
    if options.older_than is None and options.snapshots_older_than is None:
        return "give --older-than, --snapshots-older-than or both"
    return "--drop needs --older-than" if options.older_than is None and options.drop else None


def carry_out(database: Database, options: argparse.Namespace, report: Report | None = None) -> Done:
    """Do what ``add_options`` has read, until it is done or a signal stops it. ``report`` is told how far it is.

    Raises Unfinished where it could not be done; what was done until then stays.
    """
    stopping = threading.Event()
    verb = "dropped" if options.drop else "moved"
    run = Run(stopping=stopping, verb=verb, report=report)
    before = _stop_at_signals(stopping)
    try:
        done = Done(verb=verb) if options.older_than is None else _trades(database, options, run)
        if options.snapshots_older_than is not None and not stopping.is_set():
            done = _with_snapshots(database, options, done)
    except (DatabaseUnavailable, StatementRefused, NotArchivable, MonthsBusy) as error:
        raise Unfinished(f"The archive stopped after {run.tasks:,} tasks, run it again to go on: {error}") from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return replace(done, stopped=stopping.is_set())


def limit_of(database: Database, days: int) -> datetime:
    """Return the moment that is so many days ago by the database's clock. Raises DatabaseUnavailable."""
    moment: datetime = database.run("archive_limit", days=days)[0]["older_than"]
    return moment


def _trades(database: Database, options: argparse.Namespace, run: Run) -> Done:
    archive = Archive(database=database, older_than=limit_of(database, options.older_than))
    done = Done(verb=run.verb, older_than=archive.older_than)
    _refuse_other_shapes(database)
    if options.dry_run:
        return replace(done, prospect=_prospect(database, archive.older_than, drop=options.drop))
    run.over(archive.drop if options.drop else archive.move, archive.settle)
    _seal(AuditChain(database))
    empty = [] if options.drop or run.stopping.is_set() else drop_empty_months(database, archive.older_than)
    return replace(done, tasks=run.tasks, months=tuple(empty))


def _with_snapshots(database: Database, options: argparse.Namespace, done: Done) -> Done:
    older_than = limit_of(database, options.snapshots_older_than)
    if options.dry_run:
        return replace(done, snapshots=old_snapshots(database, older_than))
    return replace(done, months=(*done.months, *drop_snapshots(database, older_than)))


def told(done: Done) -> str:
    """Return what a run did in words."""
    lines = _told_of_trades(done) if done.older_than is not None else []
    if done.months:
        lines.append(f"Months dropped: {', '.join(done.months)}")
    lines += [
        f"{row['name']}, up to {row['until']:%Y-%m-%d}, {row['bytes']:,} bytes: would be dropped"
        for row in done.snapshots or ()
    ]
    return "\n".join(lines) if lines else "Nothing to drop."


def _told_of_trades(done: Done) -> list[str]:
    if done.prospect is None:
        return [f"Tasks {done.verb}: {done.tasks:,}{'; stopped, run it again to go on' if done.stopped else ''}"]
    lines = [f"Finished before {done.older_than:%Y-%m-%d %H:%M} UTC:"]
    if done.verb == "dropped":
        lines.append(f"Tasks of the archive that would be dropped for good: {done.prospect[0]['tasks']:,}")
    elif not any(row["kept_because"] is None for row in done.prospect):
        lines.append("No task would be moved")
    for row in done.prospect if done.verb == "moved" else ():
        fate = "would be moved" if row["kept_because"] is None else f"stay: {row['kept_because']}"
        lines.append(f"Trades {row['trades']:,}, tasks {row['tasks']:,}: {fate}")
    return lines


def _refuse_other_shapes(database: Database) -> None:
    differing = [row["name"] for row in database.run("differing_shapes")]
    if differing:
        raise NotArchivable(
            f"columns of {', '.join(differing)} differ between the schemas public and archive: a column that was added "
            "to one has to be added to the other, too"
        )


def _prospect(database: Database, older_than: datetime, *, drop: bool) -> list[Row]:
    if drop:
        return database.run("drop_prospect", older_than=older_than)
    return database.run("archive_prospect", older_than=older_than)


def _seal(chain: AuditChain) -> None:
    # So that a check finds nothing overdue where no service runs.
    while chain.seal():
        pass


def _stop_at_signals(stopping: threading.Event) -> dict[signal.Signals, Any]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    return {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}


def _days(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,5})([dwy])", text)
    days = 0 if found is None else int(found[1]) * DAYS[found[2]]
    if days < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 90d, 26w or 2y; at least 1d")
    return days


def add_options(parser: argparse.ArgumentParser) -> None:
    """Let a parser read what ``carry_out`` takes."""
    parser.add_argument(
        "--older-than", metavar="TIME", type=_days, help="90d, 26w or 2y since a trade's last task ended"
    )
    parser.add_argument(
        "--snapshots-older-than",
        metavar="TIME",
        type=_days,
        help="besides or instead: delete for good the snapshots of accounts of months that ended so long ago",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done, and what stays and why")
    parser.add_argument(
        "--drop",
        action="store_true",
        help="instead: delete for good what lies in the archive and is older; signals stay, so that a repeat is known",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m database.archive",
        description=ABOUT,
    )
    add_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
