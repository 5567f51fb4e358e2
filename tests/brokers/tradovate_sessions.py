"""The sessions of our own Tradovate: logins, tokens, renewals and penalties for calls that come too often."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from tests.brokers.book import OrderBook
from tests.brokers.server import Answer, BrokerServer, Call

USER, PASSWORD, KEY, SECRET = "trader7", "pass-word-7", "4711", "sec-ret-7"


class TradovateSessions(BrokerServer):
    """``lifetime`` of a token in seconds. ``forbidden``: paths that a good token may not use either.

    ``one_session``: a login ends every session before it.
    """

    def __init__(self, book: OrderBook, *, lifetime: float) -> None:
        super().__init__(book)
        self.lifetime = lifetime
        self.forbidden: set[str] = set()
        self.one_session = False
        self._tokens: dict[str, float] = {}
        self._given = 0
        self._penalties: dict[str, tuple[str, float, bool]] = {}

    def forget_sessions(self) -> None:
        self._tokens.clear()

    def penalise(self, path: str, seconds: float = 0.2, *, captcha: bool = False) -> None:
        """Answer calls to a path with a penalty until one brings its ticket, and not before it may."""
        self._penalties[path] = (f"ticket-for-{path}", time.time() + seconds, captcha)

    def log_in(self, body: dict[str, Any]) -> Answer:
        known = (body.get("name"), body.get("password"), str(body.get("cid")), body.get("sec"))
        if known != (USER, PASSWORD, KEY, SECRET):
            return 200, {"errorText": "Incorrect username or password. Please try again."}
        if not (body.get("deviceId") and body.get("appId") and body.get("appVersion")):
            return 200, {"errorText": "The app is not registered"}
        if self.one_session:
            self._tokens.clear()
        return self.token()

    def token(self) -> Answer:
        self._given += 1
        token, ends = f"token-{self._given}-abcdef", time.time() + self.lifetime
        self._tokens[token] = ends
        return 200, {
            "accessToken": token,
            "expirationTime": datetime.fromtimestamp(ends, UTC).isoformat().replace("+00:00", "Z"),
            "userId": 9,
            "name": USER,
            "userStatus": "Active",
            "hasLive": True,
        }

    def penalty(self, path: str, call: Call) -> dict[str, Any] | None:
        if path not in self._penalties:
            return None
        ticket, until, captcha = self._penalties[path]
        brought = (call.body or {}).get("p-ticket") or call.query.get("p-ticket")
        if brought == ticket and time.time() >= until and not captcha:
            del self._penalties[path]
            return None
        return {"p-ticket": ticket, "p-time": round(max(until - time.time(), 0.0), 3), "p-captcha": captcha}

    def known(self, path: str, call: Call) -> bool:
        """Return whether a call brings a token that holds and may be used for its path."""
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        return path not in self.forbidden and self._tokens.get(token, 0.0) > time.time()
