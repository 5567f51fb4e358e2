"""HTTP calls to a venue: connections are kept, and failures told apart by whether the request had left."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import urlencode

import certifi
from limits import parse
from urllib3 import BaseHTTPResponse

from connectors.http_pool import HttpPool
from connectors.venue import NotSent, Unclear
from domain.json_text import json_text

# A request that would have to wait longer for its turn is given back, so that whoever sends it can decide anew.
LONGEST_WAIT_SECONDS = 5.0
MOST_TEXT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP answer: status, JSON (numbers as Decimal; an empty body is None), headers by name in any case."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, Any]:
        """Return the body's fields. Raises Unclear where it is no JSON object."""
        if not isinstance(self.body, dict):
            raise Unclear(f"HTTP {self.status} with {_short(self.body)} where an object was expected")
        return self.body


class RateLimit:
    """At most so many calls in so long a time, written as ``200 per 60 second``; shared by all threads of a login.

    Whatever moment the time begins at. Raises ValueError for a text that is none, and where no call may pass at all.
    """

    def __init__(self, text: str) -> None:
        item = parse(text)
        if item.amount < 1:
            raise ValueError(f"{text!r} lets no call pass")
        self._seconds = item.get_expiry()
        # When the last calls passed: of limits only the text is read, its storage starts a thread for every few calls.
        self._passed: deque[float] = deque(maxlen=item.amount)
        self._lock = threading.Lock()
        self._closed_until = 0.0

    def wait(self, longest: float = LONGEST_WAIT_SECONDS) -> None:
        """Wait for a turn. Raises NotSent where it would not come within ``longest`` seconds."""
        deadline = time.monotonic() + longest
        while True:
            pause = self._pause()
            if pause <= 0:
                return
            if time.monotonic() + pause > deadline:
                raise NotSent(f"the venue's rate limit leaves no room for {pause:.1f} s", retry_after=pause)
            time.sleep(pause)

    def close_for(self, seconds: float) -> None:
        """Let nobody pass for so long: the venue said so."""
        with self._lock:
            self._closed_until = max(self._closed_until, time.monotonic() + seconds)

    def _pause(self) -> float:
        """Return 0 and count a call where one may pass now, else the seconds until one may."""
        with self._lock:
            now = time.monotonic()
            if now < self._closed_until:
                return self._closed_until - now
            if len(self._passed) == self._passed.maxlen:
                over = self._passed[0] + self._seconds
                if now <= over:
                    return max(over - now, 0.01)
            self._passed.append(now)
            return 0.0


class HttpCalls:
    """Calls to one address. ``timeout`` in seconds for each of connecting, writing and waiting for the answer.

    ``pause_after_429``: seconds to keep still after a 429 that names no time.
    """

    def __init__(
        self, base_url: str, *, timeout: float, limit: RateLimit | None = None, pause_after_429: float = 1.0
    ) -> None:
        self._limit = limit
        self._pause_after_429 = pause_after_429
        self._pool = HttpPool(base_url, timeout=timeout, certificates=_certificates())

    def call(
        self,
        method: str,
        path: str,
        *,
        json_body: Any = None,
        params: Mapping[str, Any] | None = None,
        headers: Callable[[], Mapping[str, str]] | Mapping[str, str] | None = None,
        limit: RateLimit | None = None,
    ) -> Reply:
        """Make one call, once. ``limit`` instead of the pool's own.

        Returns answers with a status below 500 other than 429. Raises NotSent before the request left and for 429,
        Unclear for everything that leaves open whether the venue acted: 5xx, time-outs, broken or unreadable answers.
        """
        governing = limit or self._limit
        if governing is not None:
            governing.wait()
        given = dict(headers() if callable(headers) else headers or {})
        content = None
        if json_body is not None:
            content = json_text(json_body).encode()
            given.setdefault("Content-Type", "application/json")
        target = path if params is None else f"{path}?{urlencode(_texts(params))}"
        try:
            answer = self._pool.exchange(method, target, given, content)
        except NotSent as error:
            raise NotSent(f"{method} {path}: {error}", final=error.final) from error
        except Unclear as error:
            raise Unclear(f"{method} {path}: {error}") from error
        return self._read(method, path, answer, governing)

    def close(self) -> None:
        """Close every connection, those in use as soon as their calls have ended, and make no further call."""
        self._pool.close()

    def _read(self, method: str, path: str, answer: BaseHTTPResponse, limit: RateLimit | None) -> Reply:
        status = answer.status
        if status == 429:
            pause = _retry_after(answer.headers.get("Retry-After"), self._pause_after_429)
            if limit is not None:
                limit.close_for(pause)
            raise NotSent(f"{method} {path}: HTTP 429, too many requests", retry_after=pause)
        try:
            body = json.loads(answer.data, parse_float=Decimal) if answer.data else None
        except ValueError as error:
            text = answer.data[:MOST_TEXT].decode("utf-8", "replace")
            if status < 400 or status >= 500:
                raise Unclear(f"{method} {path}: HTTP {status} with no JSON", {"text": text}) from error
            body = {"text": text}
        if status >= 500:
            raise Unclear(f"{method} {path}: HTTP {status}", {"status": status, "body": body})
        return Reply(status=status, body=body, headers=answer.headers)


def _texts(params: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in params.items()}


@cache
def _certificates() -> ssl.SSLContext:
    """Return the trusted certificates; reading them takes longer than a call."""
    return ssl.create_default_context(cafile=certifi.where())


def _retry_after(text: str | None, untold: float) -> float:
    try:
        return max(float(text), 0.1) if text else untold
    except ValueError:
        return untold


def _short(value: Any) -> str:
    return repr(value)[:MOST_TEXT]
