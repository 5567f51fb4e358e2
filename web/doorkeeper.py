"""Who is behind a request: the bearer of a token, somebody who logged in, or this machine itself."""

from __future__ import annotations

import hashlib
import hmac
import threading
from dataclasses import dataclass

from flask import current_app, g, request, session
from werkzeug.security import check_password_hash

from config.passwords import SHORTEST_SECRET_KEY, Password, password_asked, passwords
from config.settings import Settings
from database.connection import DatabaseUnavailable
from database.logins import LoginRecord, digest_of
from domain.person import Person, Role, Via
from web.client_address import client_address, is_https, is_this_machine

KEY = "doorkeeper"
LOGIN = "login"
THIS_MACHINE = Person("this machine", Role.OPERATOR, Via.LOOPBACK)


@dataclass(frozen=True, slots=True)
class Pass:
    """How somebody was let in: who he is, and his login's digest where he has one."""

    person: Person
    digest: str | None = None


class Doorkeeper:
    """Knows passwords and tokens, and asks the record for logins."""

    def __init__(self, settings: Settings, record: LoginRecord) -> None:
        self.settings = settings
        self.record = record
        self.password_asked = password_asked(settings)
        self._passwords = passwords(settings)
        self._tokens = tuple(
            (token.encode(), Person(name, role, Via.TOKEN))
            for token, name, role in (
                (settings.api_token, "API token", Role.OPERATOR),
                (settings.api_viewer_token, "API viewer token", Role.VIEWER),
            )
            if token is not None
        )
        self._key: bytes | None = None
        # A hash takes tens of megabytes to check: one at a time, so that guesses cannot fill the memory.
        self._checking = threading.Lock()

    @property
    def may_log_in(self) -> bool:
        """Return whether there is a password that opens the page."""
        return bool(self._passwords)

    def key(self) -> bytes:
        """Return the key of the cookies. Raises DatabaseUnavailable while it is not known."""
        if self._key is None:
            own = self.settings.secret_key
            secret = self.record.key() if own is None or len(own) < SHORTEST_SECRET_KEY else own.encode()
            self._key = hmac.new(secret, b"cookies of the page", hashlib.sha256).digest()
        return self._key

    def admit(self, token: str | None = None) -> Pass | None:
        """Return who sends the current request, None for a stranger. ``token`` stands for the Authorization header.

        A wrong token counts as none. Raises DatabaseUnavailable.
        """
        given = request.headers.get("Authorization") if token is None else token
        person = None if given is None else self._bearer(given.removeprefix("Bearer "))
        if person is not None:
            return Pass(person)
        found = self._logged_in()
        if found is not None:
            return found
        # Where the owner asks for passwords a tunnel that ends on this machine must not go around them.
        return Pass(THIS_MACHINE) if not self.password_asked and is_this_machine(request.environ) else None

    def check(self, text: str) -> Password | None:
        """Return the password that a person typed, None where it is none of them."""
        found = None
        for password in self._passwords:
            if self._is_right(password, text) and found is None:
                found = password
        return found

    def credential(self, password: Password) -> str:
        """Return what stands for a password in the record of a login: with another password it does not hold."""
        return hmac.new(self.key(), f"{password.role}:{password.text}".encode(), hashlib.sha256).hexdigest()

    def holding(self, digests: set[str]) -> set[str]:
        """Return those of these logins that hold. Raises DatabaseUnavailable."""
        known = {self.credential(password) for password in self._passwords}
        return {digest for digest, credential in self.record.in_force(digests).items() if credential in known}

    def source(self) -> str:
        """Return where the current request comes from, as attempts to log in are counted; of IPv6 a site's network."""
        address = client_address(request.environ, self.settings.trusted_proxies)
        if address is None:
            return f"around the proxies: {request.remote_addr}"
        return str(address) if address.version == 4 else f"{address.exploded[:19]}::/64"

    def is_https(self) -> bool:
        """Return whether the current request's client speaks TLS."""
        return is_https(request.environ, self.settings.trusted_proxies)

    def _bearer(self, token: str) -> Person | None:
        given, found = token.encode("utf-8", "replace"), None
        for known, person in self._tokens:
            if hmac.compare_digest(given, known) and found is None:
                found = person
        return found

    def _logged_in(self) -> Pass | None:
        if getattr(session, "key_is_missing", False):
            raise DatabaseUnavailable("the key of the login cookies is not known")
        number = session.get(LOGIN)
        if not isinstance(number, str):
            return None
        login = self.record.see(number)
        for password in self._passwords:
            if login is not None and login.role == password.role and login.credential == self.credential(password):
                return Pass(Person(login.name, password.role, Via.PASSWORD), digest_of(number))
        return None

    def _is_right(self, password: Password, text: str) -> bool:
        if not password.is_hash:
            return hmac.compare_digest(password.text.encode(), text.encode("utf-8", "replace"))
        with self._checking:
            return check_password_hash(password.text, text)


def doorkeeper() -> Doorkeeper:
    """Return the current application's doorkeeper."""
    keeper = current_app.extensions[KEY]
    assert isinstance(keeper, Doorkeeper)  # noqa: S101 - set by web.sessions.install_sessions alone
    return keeper


def current_pass() -> Pass | None:
    """Return how the current request's sender was let in; looked up once a request. Raises DatabaseUnavailable."""
    if "admitted" not in g:
        g.admitted = doorkeeper().admit()
    found: Pass | None = g.admitted
    return found
