"""Whether a request has arrived whole: its head, and as much of its body as anybody will read."""

from __future__ import annotations

import re
from enum import Enum

# Beyond it a sender is told so; gunicorn's own limits on line, fields and their number are narrower for each.
HEAD_LIMIT = 32 * 1024
# What is read of a body at most (web/bodies.py), and what chunks may add to it.
BODY_WANTED = 1024 * 1024
# What machines send all day, in a body whose length is told: signals and account figures.
SHORT = re.compile(
    rb"POST /api/(automated-signals/webhook|live-signals|realtime-price"
    rb"|v1/ninjatrader/account-update|v1/accounts/[^/ ]+/[^/ ]+/state)[/? ]"
)
SHORT_LIMIT = 64 * 1024
_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect:[ \t]*100-continue", re.IGNORECASE)
_SIZE = re.compile(rb"([0-9a-fA-F]{1,8})[^\r\n]*")


class Part(Enum):
    """What is there of a request."""

    SOME = "some of it"
    WHOLE = "all of it, or all that will be read"
    HEAD_TOO_LARGE = "a head without an end"


class Arriving:
    """One request's bytes as they come. What cannot be understood counts as whole: gunicorn refuses it at once."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._body_at: int | None = None
        self._wanted: int | None = None
        self._chunk_at = 0

    def take(self, data: bytes) -> Part:
        """Take more bytes; return what is there now."""
        before = max(0, len(self.data) - len(_HEAD_END))
        self.data += data
        if self._body_at is None:
            end = self.data.find(_HEAD_END, before)
            if end < 0:
                return Part.HEAD_TOO_LARGE if len(self.data) > HEAD_LIMIT else Part.SOME
            self._begin_body(end + len(_HEAD_END))
        return Part.WHOLE if self._has_body() else Part.SOME

    def is_short(self) -> bool:
        """Return whether a request that is there is one of the many that are answered in no time."""
        whole = (
            self._body_at is not None and self._wanted is not None and len(self.data) >= self._body_at + self._wanted
        )
        return whole and len(self.data) <= SHORT_LIMIT and SHORT.match(self.data) is not None

    def waits_to_go_on(self) -> bool:
        """Return whether the sender has sent its head and waits for a word before it sends its body."""
        return self._body_at == len(self.data) and _EXPECTS.search(self.data) is not None

    def _begin_body(self, at: int) -> None:
        self._body_at = self._chunk_at = at
        head = bytes(self.data[:at])
        length = _LENGTH.search(head)
        if _CHUNKED.search(head) is None:
            self._wanted = 0 if length is None else min(int(length[1]), BODY_WANTED)

    def _has_body(self) -> bool:
        assert self._body_at is not None  # noqa: S101 - set before a body is asked for
        arrived = len(self.data) - self._body_at
        if self._wanted is not None:
            return arrived >= self._wanted
        return arrived >= BODY_WANTED or self._has_last_chunk()

    def _has_last_chunk(self) -> bool:
        while (line_end := self.data.find(b"\r\n", self._chunk_at)) >= 0:
            size = _SIZE.fullmatch(self.data, self._chunk_at, line_end)
            if size is None:
                return True
            if int(size[1], 16) == 0:
                # The end is an empty line, after trailing fields if there are any.
                return self.data.find(_HEAD_END, line_end) >= 0
            following = line_end + 2 + int(size[1], 16) + 2
            if following > len(self.data):
                return False
            self._chunk_at = following
        return len(self.data) - self._chunk_at > HEAD_LIMIT
