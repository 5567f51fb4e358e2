"""Forms that were sent, shared by every web process: of one that is sent twice, the second does nothing."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from database.connection import Database, DatabaseUnavailable, StatementRefused

# A page may stay open all day, and a login ends before this.
KEEP = 60 * 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A form that came before. ``location`` shows its act, None while nobody knows what came of it; age in seconds."""

    location: str | None
    sent_at: datetime
    age: float


class SentForms:
    """The forms by key. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, key: str) -> str | None:
        """Return the ticket of who may act on a form, None where it was sent before. Only one ever gets it."""
        ticket = secrets.token_hex(16)
        return ticket if self._database.run("begin_form", again=True, key=key, sender=ticket) else None

    def sent(self, key: str) -> Sent | None:
        """Return what became of a form, None where it was taken back: it did nothing."""
        rows = self._database.run("sent_form", again=True, key=key)
        return Sent(**rows[0]) if rows else None

    def done(self, key: str, ticket: str, location: str) -> None:
        """Keep where a form's act is shown."""
        self._database.run("form_is_done", again=True, key=key, sender=ticket, location=location)
        # Not before the act, which must not wait for it; and what is done is done.
        with suppress(DatabaseUnavailable, StatementRefused):
            self._database.run("forget_old_forms", again=True, keep=KEEP)

    def forget(self, key: str, ticket: str) -> None:
        """Take a form back that was refused: it may be sent again."""
        self._database.run("forget_form", again=True, key=key, sender=ticket)
