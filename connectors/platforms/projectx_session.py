"""One login at ProjectX: a token that all threads share, and the number of calls that the venue allows.

A token lives for 24 hours and a new one leaves older ones valid (gateway.docs.projectx.com, authenticate-api-key), so
several processes may share a login. The limit of 200 calls in 60 seconds is for the login or the address (which of the
two is not documented), so processes share it without knowing of each other; 429 is what tells them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from connectors.http_calls import LONGEST_WAIT_SECONDS, HttpCalls, RateLimit, Reply
from connectors.tickets import VenueLogin
from connectors.venue import NotSent, Unclear

LOGIN = "/api/Auth/loginKey"
VALIDATE = "/api/Auth/validate"
CALLS_PER_MINUTE = 200
# Entries and readings leave this part of the calls to exits: at 200 a minute 60, and an exit takes seven to ten.
KEPT_FOR_EXITS = 0.3
# An hour before the token's end.
RENEW_AFTER_SECONDS = 23 * 3600.0
# LoginErrorCode of the API's description; the first of the names is code 0.
LOGIN_ERRORS = (
    *("Success", "UserNotFound", "PasswordVerificationFailed", "InvalidCredentials", "AppNotFound"),
    *("AppVerificationFailed", "InvalidDevice", "AgreementsNotSigned", "UnknownError", "ApiSubscriptionNotFound"),
    "ApiKeyAuthenticationDisabled",
)

Call = Callable[[str, Mapping[str, Any]], Reply]


class Reserving(RateLimit):
    """A tighter limit inside another one: whoever waits for this also waits for that."""

    def __init__(self, text: str, within: RateLimit) -> None:
        super().__init__(text)
        self._within = within

    def wait(self, longest: float = LONGEST_WAIT_SECONDS) -> None:
        super().wait(longest)
        self._within.wait(longest)

    def close_for(self, seconds: float) -> None:
        """Close the outer limit: the venue's word is for all calls."""
        self._within.close_for(seconds)


class Session:
    """Calls in the name of one login. Nothing is sent before the first call."""

    def __init__(
        self,
        login: VenueLogin,
        *,
        calls_per_minute: int = CALLS_PER_MINUTE,
        renew_after: float = RENEW_AFTER_SECONDS,
    ) -> None:
        self._login = login
        self._renew_after = renew_after
        self._all = RateLimit(f"{calls_per_minute} per 60 second")
        unreserved = max(int(calls_per_minute * (1 - KEPT_FOR_EXITS)), 1)
        self._most = Reserving(f"{unreserved} per 60 second", self._all)
        self._http = HttpCalls(login.url, timeout=login.timeout)
        self._lock = threading.Lock()
        self._token: str | None = None
        self._since = 0.0
        self._failure: NotSent | None = None
        self._failed_at = 0.0

    def call(self, path: str, body: Mapping[str, Any]) -> Reply:
        """Make one call of an entry or a reading. Raises as ``HttpCalls.call`` does.

        An answer of 401 says clearly that nothing was done: after one new login the call is made once more.
        """
        return self._authorised(path, body, self._most)

    def call_first(self, path: str, body: Mapping[str, Any]) -> Reply:
        """Make one call of an exit, from the part of the limit that is kept for them too."""
        return self._authorised(path, body, self._all)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _authorised(self, path: str, body: Mapping[str, Any], limit: RateLimit) -> Reply:
        token = self._usable()
        reply = self._post(path, body, token, limit)
        if reply.status == 401:
            reply = self._post(path, body, self._usable(refused=token), limit)
            if reply.status == 401:
                raise NotSent(f"{path}: HTTP 401, with a token that was given out just now")
        return reply

    def _post(self, path: str, body: Mapping[str, Any] | None, token: str | None, limit: RateLimit) -> Reply:
        headers = {"Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        content = None if body is None else dict(body)
        return self._http.call("POST", path, json_body=content, headers=headers, limit=limit)

    def _usable(self, refused: str | None = None) -> str:
        """Return a token that is not ``refused``. One thread logs in; the others wait and take what it got."""
        asked = time.monotonic()
        with self._lock:
            if self._failure is not None and self._failed_at >= asked:
                failed = self._failure
                raise NotSent(str(failed), final=failed.final, retry_after=failed.retry_after)
            if self._token is not None and self._token != refused:
                if time.monotonic() - self._since < self._renew_after:
                    return self._token
                renewed = self._renewed(self._token)
                if renewed is not None:
                    return self._keep(renewed)
            try:
                return self._keep(self._log_in())
            except NotSent as error:
                self._failure, self._failed_at = error, time.monotonic()
                raise

    def _keep(self, token: str) -> str:
        self._token, self._since, self._failure = token, time.monotonic(), None
        return token

    def _renewed(self, token: str) -> str | None:
        """Return the token that follows on one which is still valid, None where there is none: then one logs in."""
        try:
            reply = self._post(VALIDATE, None, token, self._all)
        except (NotSent, Unclear):
            return None
        told = reply.body if reply.status == 200 and isinstance(reply.body, dict) else {}
        following = told.get("newToken")
        return following if told.get("success") is True and isinstance(following, str) and following else None

    def _log_in(self) -> str:
        """Return a new token. Raises NotSent only: without a token no order was ever on its way."""
        if not self._login.user or not self._login.key:
            raise NotSent("a login at ProjectX needs the user name and an API key", final=True)
        try:
            reply = self._post(LOGIN, {"userName": self._login.user, "apiKey": self._login.key}, None, self._all)
        except Unclear as error:
            raise NotSent(f"no login: {error}") from error
        told = reply.body if isinstance(reply.body, dict) else {}
        token = told.get("token")
        if reply.status == 200 and told.get("success") is True and isinstance(token, str) and token:
            return token
        code = told.get("errorCode")
        known = isinstance(code, int) and 0 < code < len(LOGIN_ERRORS)
        name = LOGIN_ERRORS[code] if known and isinstance(code, int) else f"HTTP {reply.status}, code {code}"
        raise NotSent(
            f"no login as {self._login.user}: {name} {told.get('errorMessage') or ''}".rstrip(),
            final=known and name != "UnknownError",
        )
