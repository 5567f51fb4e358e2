"""The task queue: claim, record, give back. A claim is a lease; worker and attempt fence every later write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from database.connection import Database, Row, Transaction
from domain.json_text import json_text
from domain.order import TaskEvent

# PostgreSQL refuses a NOTIFY of 8,000 bytes or more.
EVENT_BYTES = 7_900
# What makes an event long. A reader finds it on record.
LOOKED_UP = frozenset({"verdicts", "error", "standing"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A claimed task. ``attempt`` counts from 1; ``trade_closed``: an exit of the trade came before this entry.

    ``age``: seconds since it was stored, or since a person gave it another try.
    """

    id: int
    trade_id: str
    event_type: TaskEvent
    payload: dict[str, Any]
    attempt: int
    trade_closed: bool
    age: Decimal = Decimal(0)

    @classmethod
    def from_row(cls, row: Row) -> Task:
        return cls(
            id=row["id"],
            trade_id=row["trade_id"],
            event_type=TaskEvent(row["event_type"]),
            payload=row["payload"],
            attempt=row["attempts"],
            trade_closed=row["trade_closed"],
            age=row["age"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A finished task: its log row's JSON text, the event that listeners are told, and what it was decided from.

    ``facts`` is None for a task that decides nothing; ``named``: the texts that the facts name, by digest.
    """

    task: Task
    body: str
    event: dict[str, Any]
    facts: str | None = None
    named: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """A task whose worker was lost: it waits again (PENDING) or is a dead letter (FAILED)."""

    task_id: int
    trade_id: str
    status: str


class TaskQueue:
    """The queue as one worker sees it. Every method raises DatabaseUnavailable when PostgreSQL cannot be reached."""

    def __init__(self, database: Database, *, worker: str, lease: float) -> None:
        self._database = database
        self.worker = worker
        self.lease = lease

    def claim(self, limit: int, *, only: int | None = None) -> list[Task]:
        """Claim up to ``limit`` due tasks in one committed transaction, exits first, then the oldest.

        ``only`` claims no other than this task, under the same conditions.
        """
        rows = self._database.run(
            "claim_tasks", again=True, limit=limit, only=only, worker=self.worker, lease=self.lease
        )
        rows.sort(key=lambda row: (row["priority"], row["id"]))
        return [Task.from_row(row) for row in rows]

    def record(self, results: list[Result], transaction: Transaction | None = None) -> set[int]:
        """Write logs and finish tasks together; return the ids whose claim still held and which are now finished.

        In ``transaction`` where one is given: then they are finished when that is committed.
        """
        named = {digest: text for result in results for digest, text in result.named.items()}
        values = {
            "facts": [result.facts for result in results],
            "digests": list(named),
            "texts": list(named.values()),
            "worker": self.worker,
            "task_ids": [result.task.id for result in results],
            "attempts": [result.task.attempt for result in results],
            "bodies": [result.body for result in results],
            "events": [event_text(result.event) for result in results],
        }
        if transaction is None:
            rows = self._database.run("record_results", again=True, **values)
        else:
            rows = transaction.rows("record_results", **values)
        return {row["id"] for row in rows}

    def record_failure(self, task: Task, *, error: str, final: bool, delay: float) -> bool:
        """Log a failed try; the task is due again after ``delay`` seconds, or a dead letter when ``final``."""
        event = {"event": "task_finished", "task_id": task.id, "trade_id": task.trade_id, "status": "FAILED"}
        rows = self._database.run(
            "record_failure",
            worker=self.worker,
            task_id=task.id,
            attempt=task.attempt,
            error=error,
            final=final,
            delay=delay,
            body=json_text({"error": error, "attempt": task.attempt}),
            event=event_text({**event, "event_type": str(task.event_type), "error": error[:500]}),
        )
        return bool(rows)

    def give_back(self, tasks: Iterable[Task]) -> None:
        """Return claimed tasks untouched; the try does not count."""
        self._on_claims("give_back", tasks)

    def renew(self, tasks: Iterable[Task]) -> None:
        """Prolong the leases of tasks in hand."""
        self._on_claims("renew_leases", tasks, lease=self.lease)

    def take_back_expired(self, max_attempts: int) -> list[Expired]:
        """Free the tasks whose lease has ended; those that had ``max_attempts`` tries become dead letters."""
        rows = self._database.run("take_back_expired", max_attempts=max_attempts)
        return [Expired(task_id=row["id"], trade_id=row["trade_id"], status=row["status"]) for row in rows]

    def follow_clock_back(self) -> int:
        """Make due what a clock of the server that was set back left in the future; return how many rows that were."""
        return int(self._database.run("follow_clock_back", lease=self.lease)[0]["changed"])

    def result_of(self, task_id: int) -> Row | None:
        """Return response_body (None while unfinished), status and last_error of a task."""
        rows = self._database.run("result_of_task", task_id=task_id)
        return rows[0] if rows else None

    def _on_claims(self, statement: str, tasks: Iterable[Task], **values: Any) -> None:
        held = list(tasks)
        if held:
            self._database.run(
                statement,
                worker=self.worker,
                task_ids=[task.id for task in held],
                attempts=[task.attempt for task in held],
                **values,
            )


def event_text(event: dict[str, Any]) -> str:
    """Return an event as the text of a NOTIFY; what does not fit is None and left for the reader to look up."""
    text = json_text(event)
    if len(text.encode()) <= EVENT_BYTES:
        return text
    return json_text({name: None if name in LOOKED_UP else value for name, value in event.items()})
