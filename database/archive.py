"""``python -m database.archive --older-than 90d``: move finished work into the archive, whole trades at a time."""

from __future__ import annotations

import argparse
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import FrameType
from typing import Any, NamedTuple

from config.settings import load_settings
from database.audit_chain import AuditChain
from database.connection import Database, DatabaseUnavailable, Row, StatementRefused, Transaction
from database.startup import open_database

DONE, FAILED, STOPPED = 0, 1, 130
# A step is so short that nobody who works beside it waits for it noticeably.
STEP_TASKS = 500
BUSY_SECONDS = 0.1
ABOUT = (
    "Move finished trades with their tasks, logs, signals and facts into the schema archive. What is open, unresolved "
    "or waits for a person stays, and so do orders and the audit. May be stopped at any moment, run again, and run "
    "while the service works."
)
REPORT_SECONDS = 1.0
DAYS = {"d": 1, "w": 7, "y": 365}

# Told how many tasks are done so far.
Report = Callable[[int], None]


class NotArchivable(Exception):
    """Nothing may be moved as things are; the message says why."""


class Unfinished(Exception):
    """A run ended before its time; the message says why and how much was done."""


class Busy(Exception):
    """A delivery is being stored just now: the step is taken back and tried again."""


class Step(NamedTuple):
    """What one transaction moved or dropped, and the task after which the next one looks on."""

    last_id: int
    tasks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """Moves or drops what was finished before ``older_than``, one step a transaction.

    Whatever is stopped between two steps, or in the middle of one, leaves each row in one place. The methods raise
    DatabaseUnavailable, StatementRefused, and NotArchivable where another run is under way.
    """

    database: Database
    older_than: datetime

    def move(self, after: int) -> Step | None:
        """Move the next whole trades; None where no finished task after ``after`` is old enough. Raises Busy."""
        with self.database.transaction() as transaction:
            _lock(transaction)
            found = transaction.rows("archivable_tasks", after=after, older_than=self.older_than, limit=STEP_TASKS)[0]
            if found["last_id"] is None:
                return None
            if found["task_ids"]:
                self._move(transaction, found["task_ids"], found["trade_ids"])
            return Step(found["last_id"], len(found["task_ids"]))

    def drop(self, after: int) -> Step | None:
        """Delete the next tasks of the archive for good, with logs and facts; their signals stay. See ``move``."""
        with self.database.transaction() as transaction:
            _lock(transaction)
            found = transaction.rows("droppable_tasks", after=after, older_than=self.older_than, limit=STEP_TASKS)[0]
            task_ids = found["task_ids"]
            if not task_ids:
                return None
            counts = {
                "facts": _count(transaction.rows("drop_facts", task_ids=task_ids)),
                "logs": _count(transaction.rows("drop_logs", task_ids=task_ids)),
                "tasks": _count(transaction.rows("drop_tasks", task_ids=task_ids)),
            }
            self._record(transaction, "DROPPED", task_ids, {**counts, "signals": 0})
            return Step(found["last_id"], len(task_ids))

    def settle(self) -> None:
        """Let plans that were made while the archive was empty be made anew."""
        self.database.run("analyze_archive")

    def _move(self, transaction: Transaction, task_ids: list[int], trade_ids: list[str]) -> None:
        counts = {
            "facts": _count(transaction.rows("archive_facts", task_ids=task_ids)),
            "logs": _count(transaction.rows("archive_logs", task_ids=task_ids)),
        }
        if not transaction.rows("hold_deliveries")[0]["held"]:
            raise Busy
        counts["signals"] = _count(transaction.rows("archive_signals", trade_ids=trade_ids))
        counts["tasks"] = _count(transaction.rows("archive_tasks", task_ids=task_ids))
        self._record(transaction, "MOVED", task_ids, counts)

    def _record(self, transaction: Transaction, kind: str, task_ids: list[int], counts: dict[str, int]) -> None:
        transaction.rows("record_archive_batch", kind=kind, older_than=self.older_than, task_ids=task_ids, **counts)


@dataclass(slots=True, kw_only=True)
class Run:
    """Steps until nothing is left or ``stopping`` is set. After each one it pauses as long as the step took."""

    stopping: threading.Event
    verb: str
    report: Report | None = None
    tasks: int = 0
    _began: float = field(default_factory=time.monotonic)
    _reported: float = 0.0

    def over(self, step: Callable[[int], Step | None], settle: Callable[[], None]) -> None:
        """Take steps, and say on standard error how far they are; settle after the first and the last one."""
        after = 0
        while not self.stopping.is_set():
            began = time.monotonic()
            try:
                taken = step(after)
            except Busy:
                self.stopping.wait(BUSY_SECONDS)
                continue
            if taken is None:
                break
            if after == 0:
                settle()
            after = taken.last_id
            self.tasks += taken.tasks
            self._report()
            self.stopping.wait(time.monotonic() - began)
        settle()

    def _report(self) -> None:
        if self.report is not None:
            self.report(self.tasks)
            return
        now = time.monotonic()
        if now - self._reported >= REPORT_SECONDS:
            self._reported = now
            sys.stderr.write(f"Tasks {self.verb}: {self.tasks:,}, {self.tasks / (now - self._began):,.0f} a second\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a run did, or would do: then ``prospect`` has rows. ``stopped``: a signal came before it was at its end."""

    verb: str
    older_than: datetime
    tasks: int = 0
    stopped: bool = False
    prospect: list[Row] | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return 0, 1 where it could not be done, 130 where it was stopped."""
    options = _parser().parse_args(arguments)
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


def carry_out(database: Database, options: argparse.Namespace, report: Report | None = None) -> Done:
    """Do what ``add_options`` has read, until it is done or a signal stops it. ``report`` is told how far it is.

    Raises Unfinished where it could not be done; what was done until then stays.
    """
    stopping = threading.Event()
    verb = "dropped" if options.drop else "moved"
    run = Run(stopping=stopping, verb=verb, report=report)
    before = _stop_at_signals(stopping)
    try:
        older_than = database.run("archive_limit", days=options.older_than)[0]["older_than"]
        archive = Archive(database=database, older_than=older_than)
        _refuse_other_shapes(database)
        if options.dry_run:
            return Done(verb=verb, older_than=older_than, prospect=_prospect(database, older_than, drop=options.drop))
        run.over(archive.drop if options.drop else archive.move, archive.settle)
        _seal(AuditChain(database))
    except (DatabaseUnavailable, StatementRefused, NotArchivable) as error:
        raise Unfinished(f"The archive stopped after {run.tasks:,} tasks, run it again to go on: {error}") from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return Done(verb=verb, older_than=older_than, tasks=run.tasks, stopped=stopping.is_set())


def told(done: Done) -> str:
    """Return what a run did in words."""
    if done.prospect is None:
        return f"Tasks {done.verb}: {done.tasks:,}{'; stopped, run it again to go on' if done.stopped else ''}"
    lines = [f"Finished before {done.older_than:%Y-%m-%d %H:%M} UTC:"]
    if done.verb == "dropped":
        lines.append(f"Tasks of the archive that would be dropped for good: {done.prospect[0]['tasks']:,}")
    elif not any(row["kept_because"] is None for row in done.prospect):
        lines.append("No task would be moved")
    for row in done.prospect if done.verb == "moved" else ():
        fate = "would be moved" if row["kept_because"] is None else f"stay: {row['kept_because']}"
        lines.append(f"Trades {row['trades']:,}, tasks {row['tasks']:,}: {fate}")
    return "\n".join(lines)


def _lock(transaction: Transaction) -> None:
    if not transaction.rows("lock_archive")[0]["locked"]:
        raise NotArchivable("another run of the archive is under way")


def _count(rows: list[Row]) -> int:
    return int(rows[0]["rows"])


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
        "--older-than", metavar="TIME", type=_days, required=True, help="90d, 26w or 2y since a trade's last task ended"
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
