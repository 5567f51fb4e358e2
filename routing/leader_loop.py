"""A thread that does its work again and again, while its process is the leader."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from database.connection import DatabaseUnavailable
from routing.patience import outage_pause


class Leads(Protocol):
    """Whoever can say whether this process is the leader."""

    def is_leader(self) -> bool: ...


class LeaderLoop:
    """Calls ``work`` every ``interval`` seconds from a daemon thread, each time only if this process leads then.

    With the database away it waits longer and longer, at most 3 s; no other error ends it either.
    """

    def __init__(
        self, name: str, work: Callable[[], None], leadership: Leads, *, interval: float, logger: logging.Logger
    ) -> None:
        self._name = name
        self._work = work
        self._leadership = leadership
        self._interval = interval
        self._logger = logger
        self.stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start; a second call does nothing while it runs."""
        if self.is_alive():
            return
        self.stopping.clear()
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Finish what is in hand; return whether that was done within ``timeout`` seconds."""
        self.stopping.set()
        if self._thread is not None:
            self._thread.join(timeout)
        return not self.is_alive()

    def is_alive(self) -> bool:
        """Return whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        failures = 0
        while not self.stopping.is_set():
            pause = self._interval
            try:
                if self._leadership.is_leader():
                    self._work()
                failures = 0
            except DatabaseUnavailable as error:
                failures += 1
                pause = outage_pause(failures)
                self._logger.warning(
                    "%s has no database, next try in %.1f s: %s",
                    self._name,
                    pause,
                    error,
                    extra={"event": "database_away"},
                )
            except Exception:
                self._logger.exception("A round of %s failed", self._name, extra={"event": "round_failed"})
            self.stopping.wait(pause)
