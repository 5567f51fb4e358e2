"""The loop that serves the queue: claim, decide, record; patient with a database that is away."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from database.connection import DatabaseUnavailable, StatementRefused
from database.queue import Result, Task, TaskQueue
from domain.order import TaskEvent
from risk_engine.fact_record import FactRecorder
from risk_engine.fact_text import UnknownFact
from routing.ledger_view import LedgerView
from routing.order_desk import OrderDesk
from routing.patience import outage_pause
from routing.processor import Processed, TaskProcessor
from routing.retry import RetryPolicy

# How long a batch leaves the processor to a web process that receives a burst: storing comes first, but never for long.
GIVE_WAY_SECONDS = 0.2
GLANCE_SECONDS = 0.02


class QueueWorker:
    """Serves a queue from a thread. ``wake`` lets it look at once instead of at the next poll.

    ``give_way`` says whether this process has more urgent work; the loop then pauses briefly after each batch.
    ``desk`` decides where accounts trade live.
    """

    def __init__(
        self,
        queue: TaskQueue,
        processor: TaskProcessor,
        *,
        poll_interval: float,
        batch_size: int,
        retry: RetryPolicy,
        logger: logging.Logger,
        give_way: Callable[[], bool] = lambda: False,
        desk: OrderDesk | None = None,
    ) -> None:
        self._desk = desk
        self._recorder = FactRecorder()
        self._queue = queue
        self._processor = processor
        self._poll_interval = poll_interval
        self._batch_size = batch_size
        self._retry = retry
        self._logger = logger
        self._give_way = give_way
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._lock = threading.Lock()
        self._in_hand: dict[int, Task] = {}
        self._threads: list[threading.Thread] = []
        self._expiry_checked = float("-inf")

    def start(self) -> None:
        """Start serving; a second call does nothing while it runs."""
        if self.is_alive():
            return
        self._stopping.clear()
        self._threads = [
            threading.Thread(target=self._serve, name="execution-router", daemon=True),
            # Leases are renewed from a thread of its own: work that takes long must not look like a dead worker.
            threading.Thread(target=self._renew, name="execution-router-leases", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float) -> bool:
        """Finish the task in hand, give back the rest; return whether that was done within ``timeout`` seconds."""
        self._stopping.set()
        self._woken.set()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def wake(self) -> None:
        """Look for work now."""
        # Asked first: setting an event takes a lock, and in a burst everybody wakes the router.
        if not self._woken.is_set():
            self._woken.set()

    def is_alive(self) -> bool:
        """Return whether the loop runs."""
        return bool(self._threads) and self._threads[0].is_alive()

    def serve_one(self, task_id: int) -> Processed | None:
        """Claim and serve this task in the caller's thread; None where it cannot be claimed."""
        tasks = self._queue.claim(1, only=task_id)
        if not tasks:
            return None
        return self._serve_batch(tasks).get(task_id)

    def _serve(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                busy = self._serve_once()
                failures = 0
            except DatabaseUnavailable as error:
                failures += 1
                pause = outage_pause(failures)
                self._logger.warning(
                    "Router has no database, next try in %.1f s: %s",
                    pause,
                    error,
                    extra={"event": "database_away"},
                )
                self._stopping.wait(pause)
                continue
            except Exception:
                # Nothing may end the loop; what it could not record stays claimed and comes back when the lease ends.
                self._logger.exception("Router round failed", extra={"event": "round_failed"})
                busy = False
            if not busy:
                self._woken.wait(self._poll_interval)
            else:
                self._let_others_pass()

    def _let_others_pass(self) -> None:
        deadline = time.monotonic() + GIVE_WAY_SECONDS
        while self._give_way() and time.monotonic() < deadline and not self._stopping.wait(GLANCE_SECONDS):
            pass

    def _serve_once(self) -> bool:
        self._take_back_expired()
        tasks = self._queue.claim(self._batch_size)
        if tasks:
            self._serve_batch(tasks)
        return bool(tasks)

    def _serve_batch(self, tasks: list[Task]) -> dict[int, Processed]:
        with self._lock:
            self._in_hand.update({task.id: task for task in tasks})
        try:
            return self._decide_and_record(tasks)
        finally:
            with self._lock:
                for task in tasks:
                    self._in_hand.pop(task.id, None)

    def _decide_and_record(self, tasks: list[Task]) -> dict[int, Processed]:
        if self._desk is not None:
            return self._decide_at_desk(self._desk, tasks)
        if any(task.event_type is TaskEvent.ENTRY for task in tasks):
            self._processor.prepare()
        done: dict[int, Processed] = {}
        results: list[Result] = []
        for position, task in enumerate(tasks):
            if self._stopping.is_set() and position > 0:
                self._queue.give_back(tasks[position:])
                break
            try:
                done[task.id] = self._decide(task, None)
                results.append(self._result(task, done[task.id]))
            except Exception as error:  # noqa: BLE001 - one bad task must not take its neighbours with it
                self._report_failed(task, error)
        self._record(results)
        return done

    def _decide(self, task: Task, view: LedgerView | None) -> Processed:
        return self._processor.process(
            task.event_type, task.trade_id, task.payload, trade_closed=task.trade_closed, age=task.age, view=view
        )

    def _result(self, task: Task, processed: Processed) -> Result:
        body, event = processed.body_json(), _event(task, processed)
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
        try:
            decided = desk.decide(tasks, self._decide, self._result)
        except StatementRefused as error:
            if len(tasks) == 1:
                self._report_failed(tasks[0], error)
                return {}
            # One row that PostgreSQL refuses must not take its neighbours with it.
            return {number: done for task in tasks for number, done in self._decide_at_desk(desk, [task]).items()}
        for named in decided.named:
            self._recorder.kept(named)
        for task, failure in decided.failed:
            self._report_failed(task, failure)
        for task in decided.lost:
            self._report_lost(task)
        return decided.done

    def _record(self, results: list[Result]) -> None:
        if not results:
            return
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
        for result in results:
            self._recorder.kept(result.named)
            if result.task.id not in finished:
                self._report_lost(result.task)

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

    def _take_back_expired(self) -> None:
        now = time.monotonic()
        if now - self._expiry_checked < min(self._poll_interval, self._queue.lease / 2):
            return
        self._expiry_checked = now
        for expired in self._queue.take_back_expired(self._retry.max_attempts):
            self._logger.warning(
                "Task %s was left by a lost worker and is %s now",
                expired.task_id,
                expired.status,
                extra={"event": "lease_expired", "trade_id": expired.trade_id},
            )

    def _renew(self) -> None:
        while not self._stopping.wait(self._queue.lease / 3):
            with self._lock:
                held = list(self._in_hand.values())
            try:
                self._queue.renew(held)
            except DatabaseUnavailable as error:
                self._logger.warning("Leases were not renewed: %s", error, extra={"event": "renew_failed"})


def _event(task: Task, processed: Processed) -> dict[str, Any]:
    return {
        "event": "task_finished",
        "task_id": task.id,
        "trade_id": task.trade_id,
        "event_type": str(task.event_type),
        "status": "SUCCESS",
        "verdicts": processed.verdicts,
    }
