"""The schema, brought up to date at start: each file is applied once, also when several processes start together."""

from __future__ import annotations

import hashlib
from pathlib import Path

from database.connection import Database

FOLDER = Path(__file__).parent
FILES = (
    "execution_tasks_schema.sql",
    "execution_logs_schema.sql",
    "schema/automated_signals.sql",
    "schema/latest_prices.sql",
    "schema/refused_webhooks.sql",
    "schema/views.sql",
    "schema/accounts.sql",
    "schema/audit.sql",
    "schema/orders.sql",
    "schema/logins.sql",
    "schema/heartbeats.sql",
)


class SchemaChanged(Exception):
    """A schema file differs from what was applied: a change of the schema belongs into a new file."""


def migrate(database: Database) -> list[str]:
    """Apply what is missing in one transaction, in order, and return the names of the files applied.

    Others that start at the same moment wait for the lock and then find nothing to do. Raises SchemaChanged when an
    applied file was edited afterwards; nothing is changed then.
    """
    applied: list[str] = []
    with database.transaction() as transaction:
        transaction.rows("lock_schema")
        # A role that may not create tables finds everything in place.
        if not transaction.rows("find_schema_migrations")[0]["found"]:
            transaction.rows("create_schema_migrations")
        known = {row["name"]: row["digest"] for row in transaction.rows("applied_migrations")}
        for name in FILES:
            text = (FOLDER / name).read_text(encoding="utf-8")
            digest = hashlib.sha256(text.encode()).hexdigest()
            if name not in known:
                transaction.script(text)
                transaction.rows("remember_migration", name=name, digest=digest)
                applied.append(name)
            elif known[name] != digest:
                raise SchemaChanged(f"database/{name} was edited after it had been applied; add a new file instead")
    return applied
