"""One connection to PostgreSQL as everybody here has it, directly or through a pooler; errors in our own words.

psycopg2 lives here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from functools import partial
from typing import Any

import psycopg2
import psycopg2.errors
import psycopg2.extensions
import psycopg2.extras

from database.pooler import (
    REFUSED_AT_START,
    at_start,
    in_session,
    in_transaction,
    is_direct,
    keeps_sessions,
    wanted_settings,
)
from database.silence import Overdue, answered_within, longest_wait

AnyConnection = psycopg2.extensions.connection
DriverError = psycopg2.Error
# The least that libpq takes.
CONNECT_TIMEOUT_SECONDS = 2
# What was sent and is not confirmed, or a peer that confirms no probe: after so long the connection is lost.
UNCONFIRMED_SECONDS = 5
NO_SESSION = (
    "a pooler in transaction mode stands before PostgreSQL, and LISTEN and the leader's lock need a session of their "
    "own: set DATABASE_DIRECT_URL to the address of PostgreSQL itself, or of a pooler in session mode"
)


class DatabaseUnavailable(Exception):
    """PostgreSQL cannot be reached, or the connection was lost. Nothing is known to be stored."""


class DatabaseSilent(DatabaseUnavailable):
    """PostgreSQL said nothing for longer than it may take. What had been sent may have been carried out."""


class ConnectionLost(DatabaseUnavailable):
    """The connection broke while in use. What had been sent may have been carried out."""


class SessionNotKept(DatabaseUnavailable):
    """The address leads to a pooler that has transactions share sessions; what was wanted needs one of its own."""


class StatementRefused(Exception):
    """PostgreSQL refused what was sent; sending it again would be refused again."""


class ServerConnection(psycopg2.extensions.connection):
    """A connection that knows what the server has prepared for it, and what has to go along with each transaction.

    Always in autocommit: a transaction's BEGIN goes in one message with its first statement instead of alone.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.prepared: set[str] = set()
        self.pooled = False
        self.goes_along = ""
        self.longest_wait: float | None = None
        # From ``begin`` until it is committed or undone.
        self.in_transaction = False

    def begin(self) -> None:
        """Let the next statement begin a transaction, which lasts until ``commit`` or ``rollback``."""
        self.in_transaction = True

    def commit(self) -> None:
        """Commit what has begun."""
        self._end("COMMIT")

    def rollback(self) -> None:
        """Undo what has begun; does nothing where nothing has, or where the server has undone it."""
        self._end("ROLLBACK")

    def beginning(self) -> str:
        """Return what has to go before the next statement, in one message with it."""
        if not self.is_idle():
            return ""
        return ("BEGIN;\n" if self.in_transaction else "") + self.goes_along

    def is_idle(self) -> bool:
        """Return whether no transaction is open on the server; asks nobody."""
        return self.get_transaction_status() == psycopg2.extensions.TRANSACTION_STATUS_IDLE

    def _end(self, word: str) -> None:
        ended, self.in_transaction = self.in_transaction, False
        if ended and not self.is_idle():
            with self.cursor() as cursor:
                cursor.execute(word)


def prepared_for(connection: AnyConnection) -> set[str] | None:
    """Return the names of what the server has prepared for a connection, None where nothing may be prepared for it."""
    return connection.prepared if isinstance(connection, ServerConnection) and not connection.pooled else None


def as_sent(connection: AnyConnection, text: str) -> str:
    """Return a statement as it has to be sent now.

    A transaction's first brings its BEGIN along, and behind a pooler the settings.
    """
    return connection.beginning() + text if isinstance(connection, ServerConnection) else text


def connect(
    url: str, *, name: str = "execution-router", statement_timeout: float = 30.0, idle_timeout: float = 0.0
) -> ServerConnection:
    """Open one connection in autocommit, UTC, with JSON numbers read as Decimal. Raises DatabaseUnavailable.

    The server cancels a statement after ``statement_timeout`` seconds, or 15 that it waits for a lock, and ends the
    connection after ``idle_timeout`` seconds without one; with 0 after as long as it is set to. Within a transaction it
    ends it after 10 silent seconds.
    A server that does not even say that it cancels is given up a little later, and a network that swallows what is sent
    after UNCONFIRMED_SECONDS.
    """
    wanted = wanted_settings(statement_timeout, idle_timeout)
    with translated():
        connection = _open(url, name, at_start(wanted))
        connection.longest_wait = longest_wait(statement_timeout)
        if not is_direct(connection.info.backend_pid, partial(_ask, connection), wanted):
            connection.pooled = True
            connection.goes_along = in_transaction(wanted)
    return connection


def connect_for_long(url: str, *, name: str, statement_timeout: float, idle_timeout: float = 0.0) -> ServerConnection:
    """Open a connection with a session of its own. Raises SessionNotKept where a pooler shares it."""
    connection = connect(url, name=name, statement_timeout=statement_timeout, idle_timeout=idle_timeout)
    if connection.pooled:
        with translated(), closing(connect(url, name=name)) as other:
            kept = keeps_sessions(partial(_ask, connection), partial(_ask, other))
            if kept:
                _ask(connection, in_session(wanted_settings(statement_timeout, idle_timeout)))
                connection.goes_along = ""
        if not kept:
            connection.close()
            raise SessionNotKept(NO_SESSION)
    return connection


def told_apart(url: str) -> tuple[str, dict[str, str]]:
    """Return an address without its password, for a command line, and the environment that brings the password.

    Raises StatementRefused for what is no address.
    """
    with translated():
        parts = dict(psycopg2.extensions.parse_dsn(url))
        password = parts.pop("password", None)
        return psycopg2.extensions.make_dsn(**parts), {} if password is None else {"PGPASSWORD": password}


def _open(url: str, name: str, options: str) -> ServerConnection:
    def attempt(options: str) -> ServerConnection:
        opened: ServerConnection = psycopg2.connect(
            url,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            application_name=name,
            connection_factory=ServerConnection,
            keepalives_idle=3,
            keepalives_interval=1,
            keepalives_count=3,
            tcp_user_timeout=UNCONFIRMED_SECONDS * 1000,
            options=options,
        )
        return opened

    try:
        connection = attempt(options)
    except psycopg2.OperationalError as error:
        if REFUSED_AT_START not in str(error):
            raise DatabaseUnavailable(str(error).strip()) from error
        connection = attempt("")
    connection.autocommit = True
    psycopg2.extras.register_default_json(connection, loads=_json)
    psycopg2.extras.register_default_jsonb(connection, loads=_json)
    return connection


def _ask(connection: ServerConnection, text: str) -> tuple[Any, ...]:
    with answered(connection), connection.cursor() as cursor:
        cursor.execute(text)
        row = cursor.fetchone()
    assert row is not None  # noqa: S101 - what is asked here has an answer
    return row


def _json(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


@contextmanager
def translated() -> Iterator[None]:
    """Turn what psycopg2 raises into DatabaseUnavailable and StatementRefused."""
    try:
        yield
    except (psycopg2.extensions.QueryCanceledError, psycopg2.errors.LockNotAvailable) as error:
        raise DatabaseUnavailable(str(error).strip()) from error
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        raise ConnectionLost(str(error).strip()) from error
    except psycopg2.Error as error:
        raise StatementRefused(str(error).strip()) from error


@contextmanager
def answered(connection: AnyConnection) -> Iterator[None]:
    """Like ``translated``, around one question: raises DatabaseSilent where the answer takes too long."""
    with translated():
        number = connection.fileno()
    seconds = connection.longest_wait if isinstance(connection, ServerConnection) else None
    try:
        with answered_within(number, seconds), translated():
            yield
    except Overdue as error:
        raise DatabaseSilent(str(error)) from error
