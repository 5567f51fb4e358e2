"""From settings to a database that is ready: started if embedded, migrated, waited for when it is away."""

from __future__ import annotations

import logging
import threading
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from config.settings import Settings
from database.connection import Database, DatabaseUnavailable, Session, SessionNotKept
from database.embedded import start_embedded
from database.migrations import migrate

RETRY_SECONDS = 1.0


class StartRefused(Exception):
    """The database is there, but as it is reached a promise of ours would not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedDatabase:
    """Where the database is, and the psql that opens it. ``direct_url``: for what needs a session of its own."""

    url: str
    direct_url: str
    embedded: bool
    psql_program: str

    @property
    def psql(self) -> str:
        """Return the command that a person pastes; it shows no password."""
        return f"{self.psql_program} '{self.url}'" if self.embedded else f'{self.psql_program} "$DATABASE_URL"'


def open_database(settings: Settings) -> OpenedDatabase:
    """Return the configured database, or start the embedded one in ``DATA_DIR``. Does not connect."""
    url = settings.database_url
    if url is not None:
        direct_url = settings.database_direct_url or url
        return OpenedDatabase(url=url, direct_url=direct_url, embedded=False, psql_program="psql")
    server = start_embedded(Path(settings.data_dir).resolve() / "postgres")
    return OpenedDatabase(url=server.url, direct_url=server.url, embedded=True, psql_program=str(server.psql))


def prepare_schema(
    opened: OpenedDatabase, database: Database, logger: logging.Logger, stopping: threading.Event
) -> bool:
    """Bring the schema up to date, trying again while the database is away; False when stopped before that.

    ``database``: a pool over ``opened.url``. Raises StartRefused where a pooler would take away what wake-ups and the
    leader's lock need, and where the two addresses are not of one database.
    """
    while not stopping.is_set():
        try:
            applied = _prepare(opened, database)
        except SessionNotKept as error:
            raise StartRefused(str(error)) from error
        except DatabaseUnavailable as error:
            logger.warning("Waiting for the database: %s", error, extra={"event": "database_away"})
            stopping.wait(RETRY_SECONDS)
        else:
            if applied:
                logger.info("Schema applied: %s", ", ".join(applied), extra={"event": "schema_applied"})
            return True
    return False


def _prepare(opened: OpenedDatabase, database: Database) -> list[str]:
    with closing(Database(opened.direct_url, size=1, name="execution-router-start")) as direct:
        applied = migrate(direct)
        if opened.direct_url == opened.url:
            here = there = None
        else:
            here, there = (each.run("ledger_identity") for each in (database, direct))
    if here != there:
        raise StartRefused("DATABASE_DIRECT_URL and DATABASE_URL lead to different databases")
    with closing(Session(opened.direct_url, name="execution-router-start", idle_timeout=60.0)):
        return applied
