"""When the log rows of tasks are committed: what tells of a finished task is let out by the commit, not before."""

from __future__ import annotations

import json
import threading
import time
from types import TracebackType
from typing import Self

from database.connection import Subscription
from database.events import CHANNEL

PATIENCE_SECONDS = 10.0


class Commits:
    """Hears of every finished task on a connection of its own, as a ``with``, and keeps when."""

    def __init__(self, url: str) -> None:
        self._subscription = Subscription(url, CHANNEL)
        self._heard: dict[int, int] = {}
        self._news = threading.Condition()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="commits")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._subscription.interrupt()
        self._thread.join()
        self._subscription.__exit__(kind, error, trace)

    def of(self, task_id: int) -> int:
        """Return when the task's log row was committed, in nanoseconds of the wall clock; waits for it.

        Raises TimeoutError.
        """
        with self._news:
            if not self._news.wait_for(lambda: task_id in self._heard, PATIENCE_SECONDS):
                raise TimeoutError(f"task {task_id} was not decided within {PATIENCE_SECONDS} s")
            return self._heard[task_id]

    def _listen(self) -> None:
        while not self._done.is_set():
            texts = self._subscription.wait()
            moment = time.time_ns()
            events = [json.loads(text) for text in texts]
            with self._news:
                self._heard |= {event["task_id"]: moment for event in events if event["event"] == "task_finished"}
                self._news.notify_all()
