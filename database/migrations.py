"""The schema, brought up to date at start: each file is applied once, also when several processes start together."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

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
    "schema/storage.sql",
    "schema/archive.sql",
    "schema/alert_outbox.sql",
    "schema/heartbeat_stages.sql",
    "schema/web_forms.sql",
    "schema/order_claims.sql",
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
            digest = _digest_of(text)
            if name not in known:
                transaction.script(text)
                transaction.rows("remember_migration", name=name, digest=digest)
                applied.append(name)
            elif known[name] != digest:
                raise SchemaChanged(f"database/{name} was edited after it had been applied; add a new file instead")
    return applied


def missing_files(database: Database) -> list[str]:
    """Return the schema files that were not applied as they are here. Raises DatabaseUnavailable, StatementRefused."""
    known = {row["name"]: row["digest"] for row in database.run("applied_migrations", again=True)}
    return [name for name, digest in _digests() if known.get(name) != digest]


class Schema(NamedTuple):
    """How a database's schema differs from ours: files that it lacks, and files that were applied and are not ours."""

    missing: tuple[str, ...]
    unknown: tuple[str, ...]


def schema_of(database: Database) -> Schema:
    """Return how the schema differs. What is missing is applied when the service starts; what is unknown is of another
    version. Raises DatabaseUnavailable, StatementRefused."""
    known = {row["name"]: row["digest"] for row in database.run("applied_migrations", again=True)}
    ours = dict(_digests())
    return Schema(
        missing=tuple(name for name in ours if name not in known),
        unknown=tuple(name for name, digest in known.items() if ours.get(name) != digest),
    )


@cache
def _digests() -> tuple[tuple[str, str], ...]:
    return tuple((name, _digest_of((FOLDER / name).read_text(encoding="utf-8"))) for name in FILES)


def _digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
