"""The loop that serves the queue: claim, decide, record; patient with a database that is away."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from database.connection import DatabaseUnavailable
from database.queue import TaskQueue
from routing.order_desk import OrderDesk
from routing.patience import outage_pause
from routing.processor import Processed, TaskProcessor
from routing.retry import RetryPolicy
from routing.task_server import TaskServer

# How long a batch leaves the processor to a web process that receives a burst: storing comes first, but never for long.
GIVE_WAY_SECONDS = 0.2
GLANCE_SECONDS = 0.02
# How much a batch may grow while the queue is long: larger ones cost less a task, and let an exit wait longer.
MOST_TIMES = 5


class QueueWorker:
    """Serves a queue from a thread. ``wake`` lets it look at once instead of at the next poll.

    ``give_way`` says whether this process has more urgent work; the loop then pauses briefly after each batch.
    ``desk`` decides where accounts trade live. While more waits than a batch takes, batches grow up to five times
    ``batch_size``, and each is recorded while the next one is decided.
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
        self._queue = queue
        self._poll_interval = poll_interval
        self._max_attempts = retry.max_attempts
        # Where accounts trade live a batch holds their locks: it stays as small as it was set.
        self._sizes = (batch_size, batch_size if desk is not None else MOST_TIMES * batch_size)
        self._size = batch_size
        self._busy = False
        self._logger = logger
        self._give_way = give_way
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._server = TaskServer(
            queue, processor, retry=retry, logger=logger, stopping=self._stopping.is_set, desk=desk
        )
        self.times = self._server.times
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

    def is_busy(self) -> bool:
        """Return whether more waited at the last look than a batch takes."""
        return self._busy

    def serve_one(self, task_id: int) -> Processed | None:
        """Claim and serve this task in the caller's thread; None where it cannot be claimed."""
        tasks = self._queue.claim(1, only=task_id)
        if not tasks:
            return None
        return self._server.serve(tasks).get(task_id)

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
                self._report_away(error, f"next try in {pause:.1f} s")
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
        try:
            self._server.settle()
        except DatabaseUnavailable as error:
            self._report_away(error, "its last batch is taken over when its lease ends")

    def _let_others_pass(self) -> None:
        deadline = time.monotonic() + GIVE_WAY_SECONDS
        while self._give_way() and time.monotonic() < deadline and not self._stopping.wait(GLANCE_SECONDS):
            pass

    def _serve_once(self) -> bool:
        self._take_back_expired()
        tasks = self._queue.claim(self._size)
        self._busy = len(tasks) == self._size
        if self._busy and not self._give_way():
            self._size = min(2 * self._size, self._sizes[1])
            self._server.serve_behind(tasks)
            return True
        self._size = self._sizes[0]
        try:
            self._server.settle()
        finally:
            if tasks:
                self._server.serve(tasks)
        return bool(tasks)

    def _take_back_expired(self) -> None:
        now = time.monotonic()
        if now - self._expiry_checked < min(self._poll_interval, self._queue.lease / 2):
            return
        self._expiry_checked = now
        left_in_future = self._queue.follow_clock_back()
        if left_in_future:
            self._logger.warning(
                "The database's clock was set back; %s tasks and orders that lay in its future are due now",
                left_in_future,
                extra={"event": "clock_set_back"},
            )
        for expired in self._queue.take_back_expired(self._max_attempts):
            self._logger.warning(
                "Task %s was left by a lost worker and is %s now",
                expired.task_id,
                expired.status,
                extra={"event": "lease_expired", "trade_id": expired.trade_id},
            )

    def _renew(self) -> None:
        while not self._stopping.wait(self._queue.lease / 3):
            try:
                self._queue.renew(self._server.in_hand())
            except DatabaseUnavailable as error:
                self._logger.warning("Leases were not renewed: %s", error, extra={"event": "renew_failed"})

    def _report_away(self, error: DatabaseUnavailable, what_next: str) -> None:
        self._logger.warning("Router has no database, %s: %s", what_next, error, extra={"event": "database_away"})
