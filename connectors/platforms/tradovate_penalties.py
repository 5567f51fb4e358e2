"""Tradovate's penalty tickets: a call that came too often was not handled and may be repeated later, with its ticket.

The partner documentation, "Penalty Tickets": HTTP 200 with ``p-ticket`` and ``p-time`` (seconds to wait, then the same
request with the ticket as a further field), or with ``p-captcha``, which no program can solve (wait about an hour).
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping
from typing import Any

from connectors.venue import NotSent
from domain.json_text import json_text

CAPTCHA_SECONDS = 3600.0
# Where Tradovate names no time.
UNTOLD_SECONDS = 15.0
MOST_TICKETS = 200


class Penalties:
    """Which paths are closed until when, and the tickets of calls that may be tried again. One for a login."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed: dict[str, tuple[float, str, bool]] = {}
        self._tickets: dict[str, Any] = {}

    def check(self, path: str) -> None:
        """Raise NotSent while a path is closed: a call would only lengthen the penalty."""
        with self._lock:
            until, message, final = self._closed.get(path, (0.0, "", False))
        rest = until - time.monotonic()
        if rest > 0:
            raise NotSent(message, final=final, retry_after=rest)

    def close(self, path: str, seconds: float, message: str, *, final: bool = False) -> None:
        """Let no call to a path through for so long; ``message`` is what they are told."""
        with self._lock:
            self._closed[path] = (time.monotonic() + seconds, message, final)

    def ticket(self, path: str, content: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the further field with which this very call has to be repeated, if any."""
        with self._lock:
            ticket = self._tickets.get(_identity(path, content)) if self._tickets else None
        return {} if ticket is None else {"p-ticket": ticket}

    def read(self, path: str, content: Mapping[str, Any] | None, answer: Any) -> None:
        """Take note of an answer. Raises NotSent where it is a penalty: the call was not handled."""
        fields = answer if isinstance(answer, dict) else {}
        ticket, captcha = fields.get("p-ticket"), fields.get("p-captcha")
        penalised = bool(ticket or captcha)
        if not penalised and not self._tickets:
            return
        identity = _identity(path, content)
        with self._lock:
            self._tickets.pop(identity, None)
            if ticket and not captcha:
                self._tickets[identity] = ticket
                while len(self._tickets) > MOST_TICKETS:
                    del self._tickets[next(iter(self._tickets))]
        if not penalised:
            return
        if captcha:
            seconds, message = (
                CAPTCHA_SECONDS,
                f"{path}: Tradovate asks for a captcha, which takes about an hour to pass",
            )
        else:
            seconds = _seconds(fields.get("p-time"))
            message = f"{path}: Tradovate's penalty for too many calls, {seconds:.0f} s"
        self.close(path, seconds, message)
        raise NotSent(message, retry_after=seconds)


def _identity(path: str, content: Mapping[str, Any] | None) -> str:
    """Name a request without keeping it: a login's has the password in it."""
    return hashlib.sha256(f"{path} {json_text(dict(content or {}))}".encode()).hexdigest()


def _seconds(told: object) -> float:
    try:
        return max(float(str(told)), 0.0)
    except ValueError:
        return UNTOLD_SECONDS
