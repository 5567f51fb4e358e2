"""The audit as people look through it: what happened, and who did it. Read only."""

from __future__ import annotations

from database.connection import Database, Row
from signals.audit_query import AuditQuery


def audit_trail(database: Database, query: AuditQuery) -> list[Row]:
    """Return events, the newest first; ``position``: where one is sealed, None while it is not.

    Raises DatabaseUnavailable.
    """
    return database.run("audit_trail", again=True, before=query.before, task_id=query.task, limit=query.limit)
