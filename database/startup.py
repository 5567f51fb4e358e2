"""From settings to a database that is ready: started if embedded, migrated, waited for when it is away."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from config.settings import Settings
from database.connection import Database, DatabaseUnavailable
from database.embedded import start_embedded
from database.migrations import migrate

RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedDatabase:
    """Where the database is, and the psql that opens it."""

    url: str
    embedded: bool
    psql_program: str

    @property
    def psql(self) -> str:
        """Return the command that a person pastes; it shows no password."""
        return f"{self.psql_program} '{self.url}'" if self.embedded else f'{self.psql_program} "$DATABASE_URL"'


def open_database(settings: Settings) -> OpenedDatabase:
    """Return the configured database, or start the embedded one in ``DATA_DIR``. Does not connect."""
    if settings.database_url is not None:
        return OpenedDatabase(url=settings.database_url, embedded=False, psql_program="psql")
    server = start_embedded(Path(settings.data_dir).resolve() / "postgres")
    return OpenedDatabase(url=server.url, embedded=True, psql_program=str(server.psql))


def prepare_schema(database: Database, logger: logging.Logger, stopping: threading.Event) -> bool:
    """Bring the schema up to date, trying again while the database is away; False when stopped before that."""
    while not stopping.is_set():
        try:
            applied = migrate(database)
        except DatabaseUnavailable as error:
            logger.warning("Waiting for the database: %s", error, extra={"event": "database_away"})
            stopping.wait(RETRY_SECONDS)
        else:
            if applied:
                logger.info("Schema applied: %s", ", ".join(applied), extra={"event": "schema_applied"})
            return True
    return False
