"""One leader among all processes on a database: the session that holds an advisory lock."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress

from database.connection import DatabaseUnavailable, Session

# Any number, as long as nothing else locks it; the schema's lock is another (sql/migrations.sql).
ACCOUNT_CLOCK_LOCK = 705419230118
IDLE_SECONDS = 10.0


class Leadership:
    """Says whether this process leads. Safe to ask from many threads; whoever works as the leader asks each time.

    The lock belongs to a connection of its own: a leader that dies frees it at once. One that is stopped (SIGSTOP) or
    whose machine is gone keeps it until the server ends its session, ``idle`` seconds after it last asked; for that
    while nobody leads. A leader that wakes up again may act once more before it asks: leadership saves doubled work,
    it is no fence. PostgreSQL must be reached directly or through a pooler that keeps sessions together.
    """

    def __init__(
        self, url: str, *, logger: logging.Logger, lock: int = ACCOUNT_CLOCK_LOCK, idle: float = IDLE_SECONDS
    ) -> None:
        self._url = url
        self._logger = logger
        self._lock = lock
        self._idle = idle
        self._asking = threading.Lock()
        self._session: Session | None = None
        self._leads = False

    def is_leader(self) -> bool:
        """Ask the server whether this process leads, or can from now on. Raises DatabaseUnavailable.

        A lost connection is opened again, and the lock is then tried for anew like anybody's.
        """
        with self._asking:
            if self._session is not None:
                try:
                    return self._ask(self._session)
                except DatabaseUnavailable:
                    self._leave("Leadership lost with the connection")
            self._session = Session(self._url, name="execution-router-leader", idle_timeout=self._idle)
            try:
                return self._ask(self._session)
            except DatabaseUnavailable:
                self._leave("Leadership lost with the connection")
                raise

    def resign(self) -> None:
        """Let another process lead; asking again makes this one a candidate again."""
        with self._asking:
            if self._session is not None and self._leads:
                # Closing alone frees the lock only once the server has noticed.
                with suppress(DatabaseUnavailable):
                    self._session.rows("stop_leading")
            self._leave("This process leads no more")

    def _ask(self, session: Session) -> bool:
        leads = bool(session.rows("try_to_lead", lock=self._lock)[0]["leads"])
        if leads and not self._leads:
            self._logger.info("This process leads", extra={"event": "leadership_gained"})
        self._leads = leads
        return leads

    def _leave(self, why: str) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None
        if self._leads:
            self._leads = False
            self._logger.info(why, extra={"event": "leadership_lost"})
