"""A server that says nothing: how long an answer is waited for, and the connection of a caller who waits too long.

The server's own limits end a statement only where the server works and its word gets through. A network that swallows
packets, or a frozen server, says nothing at all, and libpq then waits without end.
"""

from __future__ import annotations

import itertools
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# How far from its time a limit may be kept; while nobody waits, the thread sleeps.
TICK_SECONDS = 0.05
# What an answer may take longer than the server's limit on the statement: a fifth of it, and at least this.
SHORTEST_GRACE_SECONDS = 0.2


def longest_wait(statement_timeout: float) -> float | None:
    """Return after how many seconds a statement's answer is given up; None for a statement without a limit (0)."""
    if statement_timeout <= 0:
        return None
    return statement_timeout + max(SHORTEST_GRACE_SECONDS, statement_timeout / 5)


class Watch:
    """Shuts the sockets of those who wait too long, in one thread a process, begun when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[float, int]] = {}
        self._shut: set[int] = set()
        self._numbers = itertools.count()
        self._busy = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, socket_number: int, seconds: float) -> int:
        """Watch a socket from now on; return the number under which ``end`` knows it."""
        with self._lock:
            number = next(self._numbers)
            self._waiting[number] = (time.monotonic() + seconds, socket_number)
            # A forked process has the object and not the thread.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="database-watch", daemon=True)
                self._thread.start()
        if not self._busy.is_set():
            self._busy.set()
        return number

    def end(self, number: int) -> bool:
        """Watch no more; return whether the socket was shut."""
        with self._lock:
            self._waiting.pop(number, None)
            shut = number in self._shut
            self._shut.discard(number)
        return shut

    def _run(self) -> None:
        while True:
            self._busy.wait()
            time.sleep(TICK_SECONDS)
            now = time.monotonic()
            # Under the lock, so that nobody closes the socket and has its number given to another meanwhile.
            with self._lock:
                for number, (until, socket_number) in list(self._waiting.items()):
                    # An answer that is there only waits for its reader to have a turn.
                    if now > until and not _has_answer(socket_number):
                        del self._waiting[number]
                        self._shut.add(number)
                        _shut(socket_number)
                if not self._waiting:
                    self._busy.clear()


def _has_answer(socket_number: int) -> bool:
    poll = select.poll()
    poll.register(socket_number, select.POLLIN)
    return bool(poll.poll(0))


def _shut(socket_number: int) -> None:
    with suppress(OSError):
        borrowed = socket.socket(fileno=socket_number)
        try:
            with suppress(OSError):
                borrowed.shutdown(socket.SHUT_RDWR)
        finally:
            borrowed.detach()


_watch = Watch()


class Overdue(Exception):
    """The answer did not come in time, and the connection was given up."""


@contextmanager
def answered_within(socket_number: int, seconds: float | None) -> Iterator[None]:
    """Give up a connection whose answer takes longer; None: wait without end. Raises Overdue in its error's place."""
    if seconds is None:
        yield
        return
    number = _watch.begin(socket_number, seconds)
    shut = False
    try:
        yield
    except Exception as error:
        shut = _watch.end(number)
        if shut:
            raise Overdue(f"the database did not answer within {seconds:.1f} s") from error
        raise
    finally:
        if not shut:
            _watch.end(number)
