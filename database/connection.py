"""Connections to PostgreSQL: a pool that waits, statements by name, transactions as a ``with``."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, Self

from database.driver import (
    ConnectionLost,
    DatabaseSilent,
    DatabaseUnavailable,
    DriverError,
    ServerConnection,
    SessionNotKept,
    StatementRefused,
    answered,
    connect,
    connect_for_long,
    translated,
)
from database.transaction import Row, Transaction

__all__ = [
    "ConnectionLost",
    "Database",
    "DatabaseUnavailable",
    "Row",
    "Session",
    "SessionNotKept",
    "StatementRefused",
    "Subscription",
    "Transaction",
    "connect",
]

# How long a lost connection is remembered as one, and how many of them at most.
FAILURE_SECONDS = 300.0
MOST_FAILURES = 100
# A server that said nothing is not asked again by everybody at once: each would wait as long, one after the other.
SILENCE_SECONDS = 1.0
# A server that refuses does so at once; who needs longer for a failure has said nothing.
SILENT_CONNECT_SECONDS = 1.0


class PoolUse(NamedTuple):
    """How a pool stands: connections in use, the most there may be, and failures of it within the last minutes."""

    used: int
    size: int
    failures: int


class Database:
    """A pool of at most ``size`` connections, opened when they are first needed.

    A caller waits up to ``patience`` seconds for a free one. ``statement_timeout`` in seconds is the server's.
    When a connection is lost, all idle ones are dropped with it: after a restart of the server each of them is dead.
    After a server said nothing for too long, nobody opens a connection for SILENCE_SECONDS.
    """

    def __init__(
        self,
        url: str,
        *,
        size: int = 5,
        patience: float = 1.0,
        statement_timeout: float = 30.0,
        name: str = "execution-router",
    ) -> None:
        self._url = url
        self.name = name
        self._size = size
        self._used = 0
        self._failures: deque[float] = deque(maxlen=MOST_FAILURES)
        self._patience = patience
        self._statement_timeout = statement_timeout
        self._free = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[ServerConnection] = []
        self._generation = 0
        self._silent_until = float("-inf")

    def run(self, name: str, /, *, again: bool = False, **values: Any) -> list[Row]:
        """Run one named statement in a transaction of its own and return its rows.

        ``again``: the statement may be run a second time when the connection is lost in the middle, because running
        it twice is the same as running it once. A statement that took too long is not run again. Raises
        DatabaseUnavailable or StatementRefused.
        """
        try:
            with self._connection() as connection:
                return Transaction(connection).rows(name, **values)
        except ConnectionLost:
            if not again:
                raise
        with self._connection() as connection:
            return Transaction(connection).rows(name, **values)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Give one transaction: committed at the end, rolled back when anything is raised."""
        with self._connection() as connection:
            connection.begin()
            try:
                transaction = Transaction(connection)
                yield transaction
                transaction.flush()
                with answered(connection):
                    connection.commit()
            except BaseException:
                with suppress(DriverError, DatabaseUnavailable), answered(connection):
                    connection.rollback()
                raise

    def close(self) -> None:
        """Close every idle connection. The pool may be used again; it then opens new ones."""
        with self._lock:
            self._generation += 1
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def use(self) -> PoolUse:
        """Return how the pool stands; asks no server."""
        since = time.monotonic() - FAILURE_SECONDS
        with self._lock:
            return PoolUse(self._used, self._size, sum(at > since for at in self._failures))

    @contextmanager
    def _connection(self) -> Iterator[ServerConnection]:
        if not self._free.acquire(timeout=self._patience):
            self._failed()
            raise DatabaseUnavailable(f"no free connection within {self._patience} s")
        try:
            with self._lock:
                self._used += 1
                generation = self._generation
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                connection = self._connect()
            try:
                yield connection
            except DatabaseUnavailable as error:
                if isinstance(error, DatabaseSilent):
                    self._silent_until = time.monotonic() + SILENCE_SECONDS
                connection.close()
                self.close()
                raise
            finally:
                self._give_back(connection, generation)
        except DatabaseUnavailable:
            self._failed()
            raise
        finally:
            with self._lock:
                self._used -= 1
            self._free.release()

    def _connect(self) -> ServerConnection:
        began = time.monotonic()
        if began < self._silent_until:
            raise DatabaseUnavailable("the database did not answer a moment ago")
        try:
            return connect(self._url, name=self.name, statement_timeout=self._statement_timeout)
        except DatabaseUnavailable:
            now = time.monotonic()
            if now - began >= SILENT_CONNECT_SECONDS:
                self._silent_until = now + SILENCE_SECONDS
            raise

    def _failed(self) -> None:
        with self._lock:
            self._failures.append(time.monotonic())

    def _give_back(self, connection: ServerConnection, generation: int) -> None:
        with self._lock:
            # Whatever became of it: what one caller has begun, no other goes on with.
            keep = not connection.closed and connection.is_idle() and generation == self._generation
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()


class Session:
    """One connection outside the pool, for what lives and dies with a connection: an advisory lock.

    The server ends it after ``idle_timeout`` seconds without a statement, so that a process which was stopped, or whose
    machine is gone, holds nothing for longer than that. Raises DatabaseUnavailable.
    """

    def __init__(self, url: str, *, name: str, idle_timeout: float, statement_timeout: float = 5.0) -> None:
        self._connection = connect_for_long(
            url, name=name, statement_timeout=statement_timeout, idle_timeout=idle_timeout
        )

    def rows(self, name: str, /, **values: Any) -> list[Row]:
        """Run a named statement and return its rows."""
        return Transaction(self._connection).rows(name, **values)

    def close(self) -> None:
        """Close the connection; what it held is free."""
        self._connection.close()


class Subscription:
    """A LISTEN on one channel, as a ``with``. Raises DatabaseUnavailable when there is no connection or it is lost."""

    QUIET_SECONDS = 15.0

    def __init__(self, url: str, channel: str) -> None:
        self._connection = connect_for_long(url, name="execution-router-listener", statement_timeout=5.0)
        self._wake_read, self._wake_write = socket.socketpair()
        try:
            with translated(), self._connection.cursor() as cursor:
                cursor.execute(f"LISTEN {channel}")
        except BaseException:
            # Whoever makes it has nothing yet that he could leave.
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._wake_read.close()
        self._wake_write.close()

    def wait(self) -> list[str]:
        """Return the payloads that have come in; returns empty after an interrupt or a quiet while."""
        with translated():
            ready, _, _ = select.select(
                [self._connection.fileno(), self._wake_read.fileno()], [], [], self.QUIET_SECONDS
            )
            if not ready:
                # A connection that died without a word only shows when it is used.
                with answered(self._connection):
                    self._connection.cursor().execute("SELECT 1")
            self._connection.poll()
            notifies, self._connection.notifies[:] = list(self._connection.notifies), []
        return [notify.payload for notify in notifies]

    def interrupt(self) -> None:
        """Let ``wait`` return at once; may be called from another thread."""
        with suppress(OSError):
            self._wake_write.send(b"x")
