"""Connections to PostgreSQL: a pool that waits, statements by name, transactions as a ``with``. psycopg2 lives here."""

from __future__ import annotations

import json
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any, Self

import psycopg2
import psycopg2.extensions
import psycopg2.extras

from database.statements import prepared_forms, statements

Row = dict[str, Any]
CONNECT_TIMEOUT_SECONDS = 2
# A process that was stopped in the middle of a transaction holds its locks no longer: others wait for them.
LONGEST_SILENCE_SECONDS = 10.0


class DatabaseUnavailable(Exception):
    """PostgreSQL cannot be reached, or the connection was lost. Nothing is known to be stored."""


class ConnectionLost(DatabaseUnavailable):
    """The connection broke while in use. What had been sent may have been carried out."""


class StatementRefused(Exception):
    """PostgreSQL refused what was sent; sending it again would be refused again."""


class _Connection(psycopg2.extensions.connection):
    """A connection that knows which statements the server has prepared for it."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.prepared: set[str] = set()


class Transaction:
    """One connection in use. Statements are given by name, values as keywords."""

    def __init__(self, connection: psycopg2.extensions.connection) -> None:
        self._connection = connection

    def rows(self, name: str, /, **values: Any) -> list[Row]:
        """Run a named statement and return its rows."""
        with _translated(), self._connection.cursor() as cursor:
            form = prepared_forms().get(name)
            if form is not None and isinstance(self._connection, _Connection):
                if name not in self._connection.prepared:
                    cursor.execute(form[0])
                    self._connection.prepared.add(name)
                cursor.execute(form[1], values)
            else:
                cursor.execute(statements()[name], values)
            columns = [column.name for column in cursor.description or ()]
            return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()] if columns else []

    def row(self, name: str, /, **values: Any) -> Row | None:
        """Run a named statement and return its first row, None where there is none."""
        return next(iter(self.rows(name, **values)), None)

    def script(self, text: str) -> None:
        """Run a file's SQL as it is. Only for our own schema files."""
        with _translated(), self._connection.cursor() as cursor:
            cursor.execute(text)


class Database:
    """A pool of at most ``size`` connections, opened when they are first needed.

    A caller waits up to ``patience`` seconds for a free one. ``statement_timeout`` in seconds is the server's.
    When a connection is lost, all idle ones are dropped with it: after a restart of the server each of them is dead.
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
        self._name = name
        self._patience = patience
        self._statement_timeout = statement_timeout
        self._free = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[psycopg2.extensions.connection] = []
        self._generation = 0

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
            connection.autocommit = False
            try:
                yield Transaction(connection)
                with _translated():
                    connection.commit()
            except BaseException:
                with suppress(psycopg2.Error):
                    connection.rollback()
                raise
            finally:
                with suppress(psycopg2.Error):
                    connection.autocommit = True

    def close(self) -> None:
        """Close every idle connection. The pool may be used again; it then opens new ones."""
        with self._lock:
            self._generation += 1
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _connection(self) -> Iterator[psycopg2.extensions.connection]:
        if not self._free.acquire(timeout=self._patience):
            raise DatabaseUnavailable(f"no free connection within {self._patience} s")
        try:
            with self._lock:
                generation = self._generation
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                connection = connect(self._url, name=self._name, statement_timeout=self._statement_timeout)
            try:
                yield connection
            except DatabaseUnavailable:
                connection.close()
                self.close()
                raise
            finally:
                self._give_back(connection, generation)
        finally:
            self._free.release()

    def _give_back(self, connection: psycopg2.extensions.connection, generation: int) -> None:
        with self._lock:
            keep = not connection.closed and generation == self._generation
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()


def connect(
    url: str, *, name: str = "execution-router", statement_timeout: float = 30.0, idle_timeout: float = 0.0
) -> psycopg2.extensions.connection:
    """Open one connection in autocommit, UTC, with JSON numbers read as Decimal. Raises DatabaseUnavailable.

    The server cancels a statement after ``statement_timeout`` seconds and ends the connection after ``idle_timeout``
    seconds without one; with 0 after as long as it is set to. Within a transaction it ends it after 10 silent seconds.
    """
    options = f"-c statement_timeout={int(statement_timeout * 1000)} -c timezone=UTC"
    # A server that answers a commit before it is on its disk forgets, when it dies, that an order was about to be sent.
    options += " -c synchronous_commit=on"
    options += f" -c idle_in_transaction_session_timeout={int(LONGEST_SILENCE_SECONDS * 1000)}"
    if idle_timeout > 0:
        options += f" -c idle_session_timeout={int(idle_timeout * 1000)}"
    try:
        connection = psycopg2.connect(
            url,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            application_name=name,
            connection_factory=_Connection,
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            options=options,
        )
    except psycopg2.Error as error:
        raise DatabaseUnavailable(str(error).strip()) from error
    connection.autocommit = True
    psycopg2.extras.register_default_json(connection, loads=_json)
    psycopg2.extras.register_default_jsonb(connection, loads=_json)
    return connection


class Session:
    """One connection outside the pool, for what lives and dies with a connection: an advisory lock.

    The server ends it after ``idle_timeout`` seconds without a statement, so that a process which was stopped, or whose
    machine is gone, holds nothing for longer than that. Raises DatabaseUnavailable.
    """

    def __init__(self, url: str, *, name: str, idle_timeout: float, statement_timeout: float = 5.0) -> None:
        self._connection = connect(url, name=name, statement_timeout=statement_timeout, idle_timeout=idle_timeout)

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
        self._connection = connect(url, name="execution-router-listener")
        self._wake_read, self._wake_write = socket.socketpair()
        with _translated(), self._connection.cursor() as cursor:
            cursor.execute(f"LISTEN {channel}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._wake_read.close()
        self._wake_write.close()

    def wait(self) -> list[str]:
        """Return the payloads that have come in; returns empty after an interrupt or a quiet while."""
        with _translated():
            ready, _, _ = select.select(
                [self._connection.fileno(), self._wake_read.fileno()], [], [], self.QUIET_SECONDS
            )
            if not ready:
                # A connection that died without a word only shows when it is used.
                self._connection.cursor().execute("SELECT 1")
            self._connection.poll()
            notifies, self._connection.notifies[:] = list(self._connection.notifies), []
        return [notify.payload for notify in notifies]

    def interrupt(self) -> None:
        """Let ``wait`` return at once; may be called from another thread."""
        with suppress(OSError):
            self._wake_write.send(b"x")


def _json(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except psycopg2.extensions.QueryCanceledError as error:
        raise DatabaseUnavailable(str(error).strip()) from error
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        raise ConnectionLost(str(error).strip()) from error
    except psycopg2.Error as error:
        raise StatementRefused(str(error).strip()) from error
