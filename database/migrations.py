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
    "schema/waiting_exits.sql",
    "schema/decided_tasks.sql",
    "schema/decided_before.sql",
    "schema/months.sql",
)
# Each in a transaction of its own: what one declares must hold while the next one takes its time.
APART = frozenset({"schema/decided_tasks.sql", "schema/decided_before.sql", "schema/months.sql"})
# Texts that were applied and came to the same; what differs since is only that the file may be run again later.
EARLIER = {
    "execution_logs_schema.sql": "5ab58af7a3cdcb1b1e1f155d1e1865a819a04c4a909fd94e5e6921c17bbfb2c4",
    "schema/storage.sql": "45992c504920071125234f5a4fd0d1805d132d3bcab83ddd002fe3343280f74b",
}


class SchemaChanged(Exception):
    """A schema file differs from what was applied: a change of the schema belongs into a new file."""


def migrate(database: Database) -> list[str]:
    """Apply what is missing in order and return the names of the files applied.

    In one transaction, but for the files that stand ``APART``. Others that start at the same moment wait
    for the lock and then find nothing to do. Raises SchemaChanged when an applied file was edited afterwards; nothing
    is changed then.
    """
    applied: list[str] = []
    while newly := _apply_next(database):
        applied += newly
    return applied


def _apply_next(database: Database) -> list[str]:
    applied: list[str] = []
    with database.transaction() as transaction:
        transaction.rows("lock_schema")
        # A role that may not create tables finds everything in place.
        if not transaction.rows("find_schema_migrations")[0]["found"]:
            transaction.rows("create_schema_migrations")
        known = {row["name"]: row["digest"] for row in transaction.rows("applied_migrations")}
        texts = {name: (FOLDER / name).read_text(encoding="utf-8") for name in FILES}
        for name, text in texts.items():
            if name in known and known[name] not in _accepted(name, _digest_of(text)):
                raise SchemaChanged(f"database/{name} was edited after it had been applied; add a new file instead")
        for name, text in texts.items():
            if name not in known:
                if name in APART and applied:
                    break
                transaction.script(text)
                transaction.rows("remember_migration", name=name, digest=_digest_of(text))
                applied.append(name)
                if name in APART:
                    break
    return applied


def missing_files(database: Database) -> list[str]:
    """Return the schema files that were not applied as they are here. Raises DatabaseUnavailable, StatementRefused."""
    known = {row["name"]: row["digest"] for row in database.run("applied_migrations", again=True)}
    return [name for name, digest in _digests() if known.get(name) not in _accepted(name, digest)]


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
        unknown=tuple(name for name, digest in known.items() if digest not in _accepted(name, ours.get(name, ""))),
    )


@cache
def _digests() -> tuple[tuple[str, str], ...]:
    return tuple((name, _digest_of((FOLDER / name).read_text(encoding="utf-8"))) for name in FILES)


def _accepted(name: str, digest: str) -> tuple[str, ...]:
    return (digest, EARLIER[name]) if name in EARLIER else (digest,)


def _digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
