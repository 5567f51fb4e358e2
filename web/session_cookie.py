"""The cookie of a login: signed, hidden from scripts, not sent along by other sites, kept to TLS where there is TLS."""

from __future__ import annotations

import hashlib

from flask import Flask, Request, Response
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin

from database.connection import DatabaseUnavailable
from web.doorkeeper import Doorkeeper

PLAIN, SECURE = "router", "__Host-router"


class CookieSession(SecureCookieSession):
    """What the cookie holds. ``key_is_missing``: there is a cookie, and it cannot be read at the moment."""

    key_is_missing = False


class SessionCookie(SecureCookieSessionInterface):
    """Opens and saves the cookie; a request without one costs nothing."""

    digest_method = staticmethod(hashlib.sha256)
    session_class = CookieSession

    def __init__(self, keeper: Doorkeeper) -> None:
        self._keeper = keeper

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the session of the request's cookie, an empty one without it."""
        if "HTTP_COOKIE" not in request.environ or self.get_cookie_name(app) not in request.cookies:
            return CookieSession()
        try:
            app.secret_key = self._keeper.key()
        except DatabaseUnavailable:
            session = CookieSession()
            session.key_is_missing = True
            return session
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Send the cookie where the session was changed."""
        if session.accessed or session.modified:
            super().save_session(app, session, response)

    def get_cookie_name(self, app: Flask) -> str:  # noqa: ARG002 - Flask's signature
        """Return a name that browsers accept from this host over TLS only, where there is TLS."""
        return SECURE if self._keeper.is_https() else PLAIN

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002 - Flask's signature
        """Return whether the browser must keep the cookie to TLS."""
        return self._keeper.is_https()
