"""A session at DXtrade: one token for all threads, renewed when it is old or refused."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.http_calls import HttpCalls, RateLimit, Reply
from connectors.tickets import VenueLogin
from connectors.venue import NotSent, Unclear
from signals.redaction import mask_values

# A token is renewed while the venue would still take it, so that the first order after a pause does not meet its end.
PART_OF_LIFETIME = 0.9
_INTERVAL = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Calls per time. The defaults are those of Devexperts' specification; a broker may set others."""

    login: str = "1 per 1 second"
    data: str = "2 per 1 second"
    trading: str = "1 per 1 second"


class Session:
    """Calls to one DXtrade under one login. Any number of threads may call; one of them logs in at a time."""

    def __init__(self, login: VenueLogin, limits: Limits) -> None:
        if login.user is None or login.password is None:
            raise ValueError(f"DXtrade of {login.firm_code} needs a user and a password")
        self._login = login
        self._calls = HttpCalls(login.url.rstrip("/"), timeout=login.timeout)
        self._login_limit = RateLimit(limits.login)
        self._data_limit = RateLimit(limits.data)
        self._trading_limit = RateLimit(limits.trading)
        self._lock = threading.Lock()
        self._token: str | None = None
        self._lifetime: float | None = None
        self._used_at = 0.0
        self._failed_logins = 0
        self._failure: NotSent | None = None

    def read(self, path: str, params: Mapping[str, Any] | None = None) -> Reply:
        """Return the answer to a question. Raises Unclear for any but 200."""
        reply = self._call("GET", path, limit=self._data_limit, params=params)
        if reply.status != 200:
            raise Unclear(f"GET {path}: HTTP {reply.status}: {self.reason(reply)}")
        return reply

    def trade(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
        """Return the answer to an order, a change or a cancellation, whatever its status."""
        return self._call(method, path, limit=self._trading_limit, json_body=body, headers=headers)

    def reason(self, reply: Reply) -> str:
        """Return what the venue says against a call, without our secrets."""
        body = reply.body if isinstance(reply.body, dict) else {}
        said = body.get("description") or body.get("text") or f"HTTP {reply.status}"
        code = body.get("errorCode")
        text = str(said) if code is None else f"{said} (error {code})"
        return mask_values(text, self._login.secrets())

    def close(self) -> None:
        """Close the connections."""
        self._calls.close()

    def _call(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **call: Any) -> Reply:
        shown: list[str] = []

        def authorised() -> Mapping[str, str]:
            shown[:] = [self._current_token()]
            return {**(headers or {}), "Accept": "application/json", "Authorization": f"DXAPI {shown[0]}"}

        reply = self._calls.call(method, path, headers=authorised, **call)
        if reply.status == 401:
            # A refused token is a clear "not done"; nothing else is ever repeated.
            self._forget(shown[0])
            reply = self._calls.call(method, path, headers=authorised, **call)
        if reply.status == 401:
            raise NotSent(f"{method} {path}: HTTP 401 after a new login: {self.reason(reply)}", final=True)
        self._used_at = time.monotonic()
        return reply

    def _current_token(self) -> str:
        seen = self._failed_logins
        with self._lock:
            if self._token is not None and not self._has_ended():
                return self._token
            if self._failed_logins != seen and self._failure is not None:
                # Another thread failed to log in meanwhile: to try in turn would make each wait for all before it.
                raise NotSent(str(self._failure), final=self._failure.final, retry_after=self._failure.retry_after)
            try:
                self._token, self._lifetime = self._log_in()
            except NotSent as failure:
                self._token, self._failure = None, failure
                self._failed_logins += 1
                raise
            self._used_at = time.monotonic()
            return self._token

    def _has_ended(self) -> bool:
        # The time-out runs from the last request.
        idle = time.monotonic() - self._used_at
        return self._lifetime is not None and idle > self._lifetime * PART_OF_LIFETIME

    def _forget(self, token: str) -> None:
        with self._lock:
            if self._token == token:
                self._token = None

    def _log_in(self) -> tuple[str, float | None]:
        body = {
            "username": self._login.user,
            "domain": self._login.domain or "default",
            "password": self._login.password,
        }
        try:
            reply = self._calls.call("POST", "/login", json_body=body, limit=self._login_limit)
            fields = reply.fields
        except Unclear as error:
            # Whatever became of the login, the call that needed it was not sent.
            raise NotSent(f"the login at DXtrade got no clear answer: {error}") from error
        token = fields.get("sessionToken")
        if reply.status != 200 or not isinstance(token, str) or not token:
            raise NotSent(f"DXtrade refused the login of {self._login.user}: {self.reason(reply)}", final=True)
        return token, lifetime_of(fields.get("timeout"))


def lifetime_of(timeout: object) -> float | None:
    """Return a token's time-out in seconds, None where it cannot be read: then a 401 tells when it has ended.

    The specification writes ``01:05:08``. What a bare number would count is not documented; read as seconds, because
    a token that is believed to live too long costs one 401, one that is believed to live too short a login each time.
    """
    text = str(timeout)
    if match := _INTERVAL.fullmatch(text):
        hours, minutes, seconds = match.groups()
        return (int(hours) * 3600 + int(minutes) * 60 + float(seconds)) or None
    return (float(text) or None) if re.fullmatch(r"\d+(?:\.\d+)?", text) else None
