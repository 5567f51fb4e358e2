"""Logins on record, shared by every web process: the cookies' key, who is logged in, how often somebody tried."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass

from database.connection import Database

COOKIE_KEY = "login cookies"
NOTE_AFTER = 60
KEEP = 60 * 86400
# A source may fail so often at once; then it waits a second, two, four ... An hour without an attempt forgets them all.
FREE_OF_ONE, LONGEST_OF_ONE = 5, 900
# Many sources may guess together. Their common wait stays short: it also meets the owner at an address that is new.
EVERYBODY, FREE_OF_ALL, LONGEST_OF_ALL = "everybody", 50, 30
FORGET = 3600
KNOWN = 30 * 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A login that holds. ``credential`` tells which password opened it."""

    name: str
    role: str
    credential: str


class LoginRecord:
    """The logins. ``idle`` and ``lifetime`` in seconds. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database, *, idle: int, lifetime: int) -> None:
        self._database = database
        self._limits = {"idle": idle, "lifetime": lifetime}

    def key(self) -> bytes:
        """Return the random key that all web processes on this database share; the first one makes it."""
        found = self._database.run("web_key", again=True, name=COOKIE_KEY)
        if not found:
            self._database.run("make_web_key", again=True, name=COOKIE_KEY, key=secrets.token_hex(32))
            found = self._database.run("web_key", again=True, name=COOKIE_KEY)
        return bytes.fromhex(found[0]["key"])

    def begin(self, *, name: str, role: str, credential: str, source: str) -> str:
        """Record a login and return its number, which no other place has."""
        number = secrets.token_urlsafe(32)
        self._database.run(
            "begin_login", digest=digest_of(number), name=name, role=role, credential=credential, source=source
        )
        self._database.run("forget_old_logins", again=True, keep=KEEP)
        return number

    def see(self, number: str) -> Login | None:
        """Return the login of this number, None where there is none or it has ended, and keep it from going idle."""
        rows = self._database.run(
            "see_login", again=True, digest=digest_of(number), note_after=NOTE_AFTER, **self._limits
        )
        return Login(**rows[0]) if rows else None

    def in_force(self, digests: Collection[str]) -> dict[str, str]:
        """Return the credentials of those of these logins that hold, by digest. It keeps none from going idle."""
        rows = self._database.run("logins_in_force", again=True, digests=list(digests), **self._limits)
        return {row["digest"]: row["credential"] for row in rows}

    def end(self, number: str) -> None:
        """End one login."""
        self._database.run("end_login", again=True, digest=digest_of(number))

    def end_all(self) -> None:
        """End every login of everybody."""
        self._database.run("end_all_logins", again=True)

    def may_try(self, source: str) -> int:
        """Count an attempt as failed and return 0; or return the seconds to wait, where there were too many."""
        found = self._attempt(source, FREE_OF_ONE, LONGEST_OF_ONE)
        if not found:
            return self._wait(source)
        if found[0]["known"] or self._attempt(EVERYBODY, FREE_OF_ALL, LONGEST_OF_ALL):
            return 0
        return self._wait(EVERYBODY)

    def succeeded(self, source: str) -> None:
        """Take back what ``may_try`` has counted: the password was right."""
        self._database.run("forgive_login_attempts", again=True, source=source, all=EVERYBODY)

    def _attempt(self, source: str, free: int, longest: int) -> list[dict[str, object]]:
        return self._database.run(
            "count_login_attempt", source=source, free=free, longest=longest, forget=FORGET, known=KNOWN
        )

    def _wait(self, source: str) -> int:
        rows = self._database.run("login_wait", source=source)
        return max(1, rows[0]["seconds"]) if rows else 1


def digest_of(number: str) -> str:
    """Return what stands for a login's number on record."""
    return hashlib.sha256(number.encode("utf-8", "replace")).hexdigest()
