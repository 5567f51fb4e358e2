"""The archive: finished work moved into it, whole trades at a time, and dropped from it for good."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from database.connection import Database, Row, Transaction

# A step is so short that nobody who works beside it waits for it noticeably.
STEP_TASKS = 500
BUSY_SECONDS = 0.1
REPORT_SECONDS = 1.0

# Told how many tasks are done so far.
Report = Callable[[int], None]


class NotArchivable(Exception):
    """Nothing may be moved as things are; the message says why."""


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


def _lock(transaction: Transaction) -> None:
    if not transaction.rows("lock_archive")[0]["locked"]:
        raise NotArchivable("another run of the archive is under way")


def _count(rows: list[Row]) -> int:
    return int(rows[0]["rows"])
