"""Seals the audit: puts every new event into the chain, in the leading process."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from database.audit_chain import BATCH, AuditChain
from database.connection import Database, DatabaseUnavailable
from routing.leader_loop import LeaderLoop, Leads

# Whoever keeps the logs elsewhere has a witness of the chain there.
HEAD_LOGGED_SECONDS = 3600.0
# How long a router that is busy is left alone. The check calls an event overdue after a minute.
LONGEST_WAIT_SECONDS = 20.0


class AuditSealer:
    """Seals once in ``interval`` seconds and when it stops, over one connection of its own.

    Leading only saves doubled work: two that seal at the same moment wait for each other in the database. While this
    process is ``busy`` with a long queue, sealing waits, up to 20 s.
    """

    def __init__(
        self,
        url: str,
        leadership: Leads,
        *,
        interval: float = 1.0,
        logger: logging.Logger,
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._busy = busy
        self._sealed_at = time.monotonic()
        self._database = Database(url, size=1, name="execution-router-audit")
        self._chain = AuditChain(self._database)
        self._leadership = leadership
        self._logger = logger
        self._head_due = float("-inf")
        self._loop = LeaderLoop("audit-sealer", self.tick, leadership, interval=interval, logger=logger)

    def start(self) -> None:
        """Start the thread; a second call does nothing while it runs."""
        self._loop.start()

    def stop(self, timeout: float = 5.0) -> bool:
        """Seal what was written up to now, if this process leads; return whether the thread ended in time."""
        ran = self._loop.is_alive()
        done = self._loop.stop(timeout)
        try:
            if ran and done and self._leadership.is_leader():
                self._head_due = float("-inf")
                self.tick()
        except DatabaseUnavailable as error:
            self._logger.warning("The last events were left unsealed: %s", error, extra={"event": "database_away"})
        finally:
            self._database.close()
        return done

    def is_alive(self) -> bool:
        """Return whether the thread runs."""
        return self._loop.is_alive()

    def tick(self) -> None:
        """Seal what there is; once told to stop, at most one more batch. Raises DatabaseUnavailable."""
        waited = time.monotonic() - self._sealed_at
        if waited < LONGEST_WAIT_SECONDS and self._busy() and not self._loop.stopping.is_set():
            return
        while self._chain.seal() == BATCH and not self._loop.stopping.is_set():
            pass
        self._sealed_at = time.monotonic()
        if time.monotonic() >= self._head_due:
            head = self._chain.head()
            self._head_due = time.monotonic() + HEAD_LOGGED_SECONDS
            self._logger.info("The audit's head: %s %s", head.position, head.hash, extra={"event": "audit_head"})
