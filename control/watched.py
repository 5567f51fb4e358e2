"""A check of the audit with a bar beside it."""

from __future__ import annotations

from control.progress import Progress
from database.audit_chain import AuditChain
from database.audit_check import Tally
from database.connection import Database, Row


class WatchedTally(Tally):
    """Counts what a check has seen, and says so to a bar."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def saw(self, event: Row, *, sealed: bool) -> None:
        """Count an event."""
        super().saw(event, sealed=sealed)
        self._progress.add()


def events_of(database: Database) -> int:
    """Return how many events the audit has, about."""
    return AuditChain(database).head().position
