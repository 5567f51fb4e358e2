"""Announcements: what was committed is told to other processes, one NOTIFY transaction for all that gathered.

A NOTIFY inside a writer's own transaction takes a lock of the whole server at its commit and holds it while the commit
is flushed to the disk, so that writers on all connections wait for each other. Here the fact is committed without it,
and told after that in a transaction of its own, which writes nothing that has to be flushed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from database.connection import Database, DatabaseUnavailable, StatementRefused

# Between two transactions. The first event of a quiet time never waits; while events keep coming, more of them gather.
SHORTEST_GAP_SECONDS = 0.005
LONGEST_GAP_SECONDS = 0.02
# More than so many a second come in floods alone, whose receivers are busy without being told.
FLOOD_A_SECOND, FLOOD_GAP_SECONDS = 400, 0.05
MOST_WAITING = 10_000
LONGEST_PAUSE_SECONDS = 5.0

Announce = Callable[[Sequence[str]], None]


class Announcer:
    """Tells events from a thread of its own, in the order in which they came; one for each process.

    An event is handed over after its fact is committed, never before. It is a hint and may be told twice, or be lost
    with the process: routers poll, pages read again. With the database away the newest ``most`` wait for it.
    """

    def __init__(self, url: str, *, logger: logging.Logger, most: int = MOST_WAITING) -> None:
        self._database = Database(url, size=1, statement_timeout=5.0, name="execution-router-announcer")
        self._logger = logger
        self._most = most
        self._lock = threading.Lock()
        self._waiting: deque[str] = deque()
        self._dropped = 0
        self._filled = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start telling; what came before is told first. A second call does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="announcer", daemon=True)
            self._thread.start()

    def announce(self, events: Sequence[str]) -> None:
        """Take events of committed facts, each the text of a NOTIFY, and return at once. Never raises."""
        with self._lock:
            self._waiting.extend(events)
            self._drop_oldest()
        # Asked first: setting an event takes a lock, and in a burst everybody announces.
        if not self._filled.is_set():
            self._filled.set()

    def stop(self, timeout: float = 1.0) -> None:
        """Tell what still waits, once, and end the thread; waits at most ``timeout`` seconds."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._filled.set()
        if self._thread is not None:
            self._thread.join(timeout)
        self._database.close()

    def _run(self) -> None:
        failures, gap, taken_at = 0, SHORTEST_GAP_SECONDS, time.monotonic()
        while not self._stopping.is_set():
            gap = min(gap * 2, LONGEST_GAP_SECONDS) if self._filled.is_set() else SHORTEST_GAP_SECONDS
            self._filled.wait()
            # Cleared before the events are taken: who comes in between sets it again and is told in the next round.
            self._filled.clear()
            events, before, taken_at = self._take(), taken_at, time.monotonic()
            failures = 0 if self._tell(events) else failures + 1
            if failures:
                self._filled.set()
            gathered = max(taken_at - before, LONGEST_GAP_SECONDS)
            self._stopping.wait(_pause(failures) if failures else rest(len(events), gathered, gap))
        self._tell(self._take())

    def _tell(self, events: list[str]) -> bool:
        """Tell these events; return whether that is done, False to try it again."""
        try:
            self._send(events)
        except DatabaseUnavailable as error:
            self._logger.warning(
                "%s events are not told yet: %s", len(events), error, extra={"event": "announce_failed"}
            )
            with self._lock:
                self._waiting.extendleft(reversed(events))
                self._drop_oldest()
            return False
        except Exception:
            # Nothing may end the loop.
            self._logger.exception("%s events cannot be told", len(events), extra={"event": "announce_refused"})
        return True

    def _take(self) -> list[str]:
        with self._lock:
            events = list(self._waiting)
            self._waiting.clear()
            dropped, self._dropped = self._dropped, 0
        if dropped:
            self._logger.warning(
                "%s events were dropped untold; of a long outage the newest %s are kept. Polls find what they told of",
                dropped,
                self._most,
                extra={"event": "announcements_dropped"},
            )
        return events

    def _send(self, events: list[str]) -> None:
        if not events:
            return
        try:
            self._database.run("announce", again=True, events=events)
        except StatementRefused as error:
            if len(events) == 1:
                self._logger.error("An event cannot be told: %s", error, extra={"event": "announce_refused"})
            else:
                # One that PostgreSQL refuses must not take its neighbours with it.
                for event in events:
                    self._send([event])

    def _drop_oldest(self) -> None:
        while len(self._waiting) > self._most:
            self._waiting.popleft()
            self._dropped += 1


def announce_at_once(database: Database, logger: logging.Logger) -> Announce:
    """Return what tells events in the caller's thread, for a script that serves nothing. It never raises."""

    def announce(events: Sequence[str]) -> None:
        try:
            database.run("announce", again=True, events=list(events))
        except (DatabaseUnavailable, StatementRefused) as error:
            # The fact is stored; without the hint the next poll finds it.
            logger.warning("%s events were not told: %s", len(events), error, extra={"event": "announce_failed"})

    return announce


def rest(events: int, seconds: float, gap: float) -> float:
    """Return how many seconds are rested after so many events that gathered in so many seconds; mostly ``gap``."""
    return FLOOD_GAP_SECONDS if events > FLOOD_A_SECOND * seconds else gap


def _pause(failures: int) -> float:
    return min(LONGEST_PAUSE_SECONDS, 0.1 * 2.0 ** min(failures, 10))
