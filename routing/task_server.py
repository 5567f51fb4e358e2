"""Decides claimed tasks and puts on record what came of them."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from time import perf_counter
from typing import Any

from database.connection import StatementRefused
from database.queue import Result, Task, TaskQueue
from domain.order import TaskEvent
from domain.stage_times import StageTimes
from risk_engine.fact_record import FactRecorder
from risk_engine.fact_text import UnknownFact
from routing.behind import Behind
from routing.facts import Seen
from routing.ledger_view import LedgerView
from routing.order_desk import OrderDesk
from routing.processor import Processed, TaskProcessor
from routing.retry import RetryPolicy


class TaskServer:
    """Serves batches of claimed tasks. ``desk`` decides where accounts trade live.

    ``stopping`` says whether no task should be begun any more: the rest of a batch is then given back.
    """

    def __init__(
        self,
        queue: TaskQueue,
        processor: TaskProcessor,
        *,
        retry: RetryPolicy,
        logger: logging.Logger,
        stopping: Callable[[], bool],
        desk: OrderDesk | None = None,
    ) -> None:
        self._queue = queue
        self._processor = processor
        self._retry = retry
        self._logger = logger
        self._stopping = stopping
        self._desk = desk
        self._recorder = FactRecorder()
        self._recording = Behind("execution-router-record")
        # How long tasks waited for their claim, and what deciding and recording them took.
        self.times = StageTimes()
        self._lock = threading.Lock()
        self._in_hand: dict[int, Task] = {}

    def in_hand(self) -> list[Task]:
        """Return the tasks that are being decided or recorded; may be asked from any thread."""
        with self._lock:
            return list(self._in_hand.values())

    def serve(self, tasks: list[Task]) -> dict[int, Processed]:
        """Decide and record tasks; return what was decided, by task id. May be called from any thread.

        Raises DatabaseUnavailable; tasks that are not on record then stay claimed until their lease ends.
        """
        with self._held(tasks):
            if self._desk is not None:
                return self._decide_at_desk(self._desk, tasks)
            done, results = self._decide_all(tasks)
            self._record(results)
        return done

    def serve_behind(self, tasks: list[Task]) -> None:
        """Decide tasks, and record them while the caller goes on to the next ones; one batch at a time is recorded so.

        Raises DatabaseUnavailable, also for the batch before.
        """
        if self._desk is not None:
            self.serve(tasks)
            return
        with ExitStack() as held:
            held.enter_context(self._held(tasks))
            _, results = self._decide_all(tasks)
            try:
                self._recording.settle()
            except Exception:
                self._record(results)
                raise
            until_recorded = held.pop_all()

        def record() -> None:
            with until_recorded:
                self._record(results)

        self._recording.start(record)

    def settle(self) -> None:
        """Wait until the batch that is recorded behind is on record. Raises DatabaseUnavailable where it is not."""
        self._recording.settle()

    @contextmanager
    def _held(self, tasks: list[Task]) -> Iterator[None]:
        self.times.add("wait", [float(task.age) for task in tasks])
        with self._lock:
            self._in_hand.update({task.id: task for task in tasks})
        try:
            yield
        finally:
            with self._lock:
                for task in tasks:
                    self._in_hand.pop(task.id, None)

    def _decide_all(self, tasks: list[Task]) -> tuple[dict[int, Processed], list[Result]]:
        seen = self._processor.prepare() if any(task.event_type is TaskEvent.ENTRY for task in tasks) else None
        done: dict[int, Processed] = {}
        results: list[Result] = []
        seconds: list[float] = []
        for position, task in enumerate(tasks):
            began = perf_counter()
            if self._stopping() and position > 0:
                self._queue.give_back(tasks[position:])
                break
            try:
                done[task.id] = self._decide(task, None, seen)
                results.append(self._result(task, done[task.id]))
            except Exception as error:  # noqa: BLE001 - one bad task must not take its neighbours with it
                self._report_failed(task, error)
            seconds.append(perf_counter() - began)
        self.times.add("decide", seconds)
        return done, results

    def _decide(self, task: Task, view: LedgerView | None, seen: Seen | None) -> Processed:
        return self._processor.process(
            task.event_type,
            task.trade_id,
            task.payload,
            trade_closed=task.trade_closed,
            age=task.age,
            view=view,
            seen=seen,
        )

    def _result(self, task: Task, processed: Processed) -> Result:
        body, event = processed.body_json(), finished_event(task, processed)
        if processed.facts is None:
            return Result(task=task, body=body, event=event)
        try:
            recorded = self._recorder.record(processed.facts)
        except UnknownFact:
            # A verdict that cannot be replayed is better than none.
            self._logger.exception("The facts of task %s cannot be kept", task.id, extra={"event": "facts_not_kept"})
            return Result(task=task, body=body, event=event)
        return Result(task=task, body=body, event=event, facts=recorded.text, named=recorded.named)

    def _decide_at_desk(self, desk: OrderDesk, tasks: list[Task]) -> dict[int, Processed]:
        began = perf_counter()
        try:
            decided = desk.decide(tasks, self._decide, self._result)
        except StatementRefused as error:
            if len(tasks) == 1:
                self._report_failed(tasks[0], error)
                return {}
            # One row that PostgreSQL refuses must not take its neighbours with it.
            return {number: done for task in tasks for number, done in self._decide_at_desk(desk, [task]).items()}
        self.times.add("decide_and_record", [perf_counter() - began])
        for named in decided.named:
            self._recorder.kept(named)
        for task, failure in decided.failed:
            self._report_failed(task, failure)
        for task in decided.lost:
            self._report_lost(task)
        self._report_decided([task for task in tasks if task.id in decided.done])
        return decided.done

    def _record(self, results: list[Result]) -> None:
        if not results:
            return
        began = perf_counter()
        try:
            finished = self._queue.record(results)
        except StatementRefused as error:
            if len(results) == 1:
                self._fail(results[0].task, error)
                return
            # One row that PostgreSQL refuses must not take its neighbours with it.
            for result in results:
                self._record([result])
            return
        self.times.add("record", [perf_counter() - began])
        for result in results:
            self._recorder.kept(result.named)
            if result.task.id not in finished:
                self._report_lost(result.task)
        self._report_decided([result.task for result in results if result.task.id in finished])

    def _report_decided(self, tasks: list[Task]) -> None:
        """Log what is on record now, a batch in one line: a line a task would cost more than deciding some of them."""
        if tasks:
            self._logger.info(
                "Decided: %s",
                ", ".join(f"{task.event_type} of {task.trade_id} (task {task.id})" for task in tasks),
                extra={"event": "tasks_decided", "task_ids": [task.id for task in tasks]},
            )

    def _report_lost(self, task: Task) -> None:
        self._logger.warning(
            "Task %s was taken over by another worker; this result was dropped",
            task.id,
            extra={"event": "claim_lost", "trade_id": task.trade_id},
        )

    def _report_failed(self, task: Task, error: Exception) -> None:
        self._logger.error(
            "Task %s failed",
            task.id,
            exc_info=error,
            extra={"event": "task_failed", "trade_id": task.trade_id},
        )
        self._fail(task, error)

    def _fail(self, task: Task, error: Exception) -> None:
        self._queue.record_failure(
            task,
            error=f"{type(error).__name__}: {error}".replace("\x00", ""),
            final=task.attempt >= self._retry.max_attempts,
            delay=self._retry.delay(task.attempt, random.random()),  # noqa: S311 - jitter, not a secret
        )


def finished_event(task: Task, processed: Processed) -> dict[str, Any]:
    """Return what listeners are told of a finished task."""
    return {
        "event": "task_finished",
        "task_id": task.id,
        "trade_id": task.trade_id,
        "event_type": str(task.event_type),
        "status": "SUCCESS",
        "verdicts": processed.verdicts,
    }
