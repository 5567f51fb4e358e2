"""A session at Tradovate: one token for all threads, renewed before it ends, and calls that carry it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from connectors.http_calls import HttpCalls, RateLimit, Reply
from connectors.platforms.tradovate_penalties import Penalties
from connectors.platforms.tradovate_wire import MOST_TEXT, refusal_of, token_request
from connectors.tickets import VenueLogin
from connectors.venue import NotSent, Unclear

# Tradovate keeps its limits to itself and changes them; its partner documentation names 5,000 calls an hour for a user.
# These two are together below that. Looking can never use up what closing a position needs.
DEALS = "1500 per 1 hour"
LOOKS = "3000 per 1 hour"
# The documentation allows 10 a minute. Two processes that end each other's session would soon meet a captcha.
LOGINS = "6 per 1 minute"
# By the documentation a 429 lasts up to an hour and names no time. Exits go on asking meanwhile, rarely.
PAUSE_AFTER_429 = 30.0
# 423: "about to be locked out".
PAUSE_AFTER_423 = 60.0
# The documentation's own example renews when 15 minutes are left.
RENEW_BEFORE_END = 900.0
# For a token whose end is not told or, by a clock that is wrong, already past. A 401 tells what was wrong about it.
UNTOLD_LIFETIME = 3600.0
# The longest that any documentation names; more is a clock that is behind.
LONGEST_LIFETIME = 5400.0
NEXT_RENEWAL_AFTER_FAILURE = 30.0
# A wrong password that is tried again and again locks the user.
PAUSE_AFTER_REFUSED_LOGIN = 60.0
PAUSE_AFTER_REFUSED_CALL = 5.0
LOGIN = "/auth/accesstokenrequest"
RENEW = "/auth/renewaccesstoken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token. ``renew_at`` and ``ends_at`` in this process's Unix seconds."""

    text: str = field(repr=False)
    renew_at: float
    ends_at: float


@contextmanager
def before_sending() -> Iterator[None]:
    """Whatever goes wrong inside, the order itself has not left: Unclear becomes NotSent."""
    try:
        yield
    except Unclear as error:
        raise NotSent(f"the order was not sent: {error}", retry_after=1.0) from error


class TradovateSession:
    """The calls of one login. Nothing is opened before the first call; every method is safe from many threads.

    A new login may end the session that runs, this user's sessions elsewhere too, so a token is renewed as long as it
    can be. A 401 is Tradovate's clear "not done": the token is renewed, or where that is refused the user logged in
    again, and the call made once more.
    """

    def __init__(self, login: VenueLogin) -> None:
        self._login = login
        self._calls = HttpCalls(login.url, timeout=login.timeout, pause_after_429=PAUSE_AFTER_429)
        self._penalties = Penalties()
        self._logins = RateLimit(LOGINS)
        self._lock = threading.Lock()
        self._token: Token | None = None

    def send(
        self, method: str, path: str, *, content: Mapping[str, Any] | None = None, limit: RateLimit | None = None
    ) -> Reply:
        """Make a call, at most twice, the second time only after a 401. ``content`` is a GET's query, a POST's body.

        Returns answers of other statuses below 500. Raises NotSent also for penalties, 401, 423 and where no token is
        to be had; Unclear as HttpCalls does.
        """
        token = self._bearer()
        reply = self._call(method, path, content, limit, token)
        if reply.status == 401:
            reply = self._call(method, path, content, limit, self._after_401(token))
        if reply.status == 401:
            told = self.scrub(repr(reply.body)[:MOST_TEXT])
            raise NotSent(
                f"{path}: HTTP 401 with a fresh token too: {told}. Another session of this user, the API key's "
                "permissions or the device may be the reason",
                retry_after=PAUSE_AFTER_REFUSED_CALL,
            )
        if reply.status == 423:
            self._penalties.close(path, PAUSE_AFTER_423, f"{path}: HTTP 423, about to be locked out")
            self._penalties.check(path)
        # What is said of an order or an error is kept and shown; an answer may quote what it was asked with.
        return Reply(status=reply.status, body=self._scrubbed(reply.body)) if isinstance(reply.body, dict) else reply

    def scrub(self, text: str) -> str:
        """Return a text without the login's secrets and the token."""
        token = self._token
        for secret in (*self._login.secrets(), *([token.text] if token else [])):
            text = text.replace(secret, "***")
        return text

    def _scrubbed(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.scrub(value)
        if isinstance(value, dict):
            return {name: self._scrubbed(part) for name, part in value.items()}
        return [self._scrubbed(part) for part in value] if isinstance(value, list) else value

    def close(self) -> None:
        self._calls.close()

    def _call(
        self, method: str, path: str, content: Mapping[str, Any] | None, limit: RateLimit | None, token: Token | None
    ) -> Reply:
        """Make one call, once, with the penalty ticket that waits for it."""
        self._penalties.check(path)
        sent = {**(content or {}), **self._penalties.ticket(path, content)}
        try:
            reply = self._calls.call(
                method,
                path,
                json_body=sent if method == "POST" else None,
                # For a GET the documentation does not say where the ticket goes; read as the query.
                params=sent if method == "GET" and sent else None,
                headers={"Authorization": f"Bearer {token.text}"} if token else None,
                limit=limit,
            )
        except Unclear as error:
            error.raw = self._scrubbed(error.raw)
            raise
        self._penalties.read(path, content, reply.body)
        return reply

    def _bearer(self) -> Token:
        """Return a token that holds. Raises NotSent where there is none to be had."""
        token, now = self._token, time.time()
        if token is not None and now < token.renew_at:
            return token
        if token is not None and now < token.ends_at:
            # One thread renews; the others go on meanwhile with the token that still holds.
            if self._lock.acquire(blocking=False):
                try:
                    if self._token is token:
                        self._token = self._renewed(token)
                finally:
                    self._lock.release()
            return self._token or token
        with self._lock:
            if self._token is None or self._token is token:
                self._token = self._logged_in()
            return self._token

    def _after_401(self, refused: Token) -> Token:
        """Return another token than the one that was refused, of one renewal or login for all who were refused."""
        with self._lock:
            if self._token is None or self._token is refused:
                self._token = self._renewed(refused, keep=False)
            return self._token

    def _renewed(self, token: Token, *, keep: bool = True) -> Token:
        """Renew, log in anew where that is refused; ``keep`` the token where nothing clear came back."""
        try:
            reply = self._call("GET", RENEW, None, None, token)
        except (NotSent, Unclear) as error:
            if keep:
                later = min(time.time() + NEXT_RENEWAL_AFTER_FAILURE, token.ends_at)
                return Token(text=token.text, renew_at=later, ends_at=token.ends_at)
            raise NotSent(f"the token could not be renewed: {error}", retry_after=_pause(error)) from None
        renewed = _token(reply, token.text)
        return self._logged_in() if renewed is None else renewed

    def _logged_in(self) -> Token:
        """Log in. Raises NotSent, final where Tradovate names a reason; such a reason is kept for a while."""
        body = token_request(self._login)
        try:
            reply = self._call("POST", LOGIN, body, self._logins, None)
        except (NotSent, Unclear) as error:
            final = isinstance(error, NotSent) and error.final
            # Without the cause: it holds the request, and the request the password.
            raise NotSent(f"login: {self.scrub(str(error))}", final=final, retry_after=_pause(error)) from None
        token = _token(reply)
        if token is not None:
            return token
        refusal = refusal_of(reply.body) if isinstance(reply.body, dict) else None
        told = refusal.text if refusal else f"HTTP {reply.status} without a token"
        message = f"Tradovate refuses the login of {self._login.user} at {self._login.url}: {self.scrub(told)}"
        self._penalties.close(LOGIN, PAUSE_AFTER_REFUSED_LOGIN, message, final=refusal is not None)
        raise NotSent(message, final=refusal is not None, retry_after=PAUSE_AFTER_REFUSED_LOGIN)


def _token(reply: Reply, unchanged: str | None = None) -> Token | None:
    """Return the token of an answer, None where there is none in it; a renewal may leave the text as it was."""
    fields = reply.body if isinstance(reply.body, dict) else {}
    text = fields.get("accessToken") or (unchanged if fields.get("expirationTime") else None)
    if reply.status != 200 or not isinstance(text, str) or not text or fields.get("errorText"):
        return None
    now = time.time()
    lifetime = _lifetime(fields.get("expirationTime"), now)
    return Token(text=text, renew_at=now + lifetime - min(RENEW_BEFORE_END, lifetime / 4), ends_at=now + lifetime)


def _lifetime(told: object, now: float) -> float:
    try:
        end = datetime.fromisoformat(str(told))
    except ValueError:
        return UNTOLD_LIFETIME
    if end.tzinfo is None:
        end = end.replace(tzinfo=UTC)
    lifetime = min(end.timestamp() - now, LONGEST_LIFETIME)
    return lifetime if lifetime > 0 else UNTOLD_LIFETIME


def _pause(error: Exception) -> float:
    told = error.retry_after if isinstance(error, NotSent) else None
    return 1.0 if told is None else told
