"""How patiently a loop meets trouble: pauses while the database is away, and one complaint a minute."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Hashable

LONGEST_OUTAGE_PAUSE_SECONDS = 3.0
COMPLAIN_AGAIN_SECONDS = 60.0


def outage_pause(failures: int) -> float:
    """Return how many seconds to wait after that many failures in a row: doubling up to 3, spread by chance."""
    pause = min(LONGEST_OUTAGE_PAUSE_SECONDS, 0.1 * 2.0 ** min(failures, 10))
    return pause * (0.5 + random.random() / 2)  # noqa: S311 - jitter, not a secret


class Complaints:
    """Logs what is wrong with each of many subjects: at once, then once a minute for as long as it stays the same."""

    def __init__(self, logger: logging.Logger, event: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._event = event
        self._clock = clock
        self._last: dict[Hashable, tuple[str, float]] = {}

    def about(self, subject: Hashable, error: Exception, message: str) -> None:
        """Log ``message`` with the error of a subject, and with its traceback."""
        text, now = repr(error), self._clock()
        known, at = self._last.get(subject, ("", float("-inf")))
        if known == text and now - at < COMPLAIN_AGAIN_SECONDS:
            return
        self._last[subject] = (text, now)
        self._logger.error("%s: %s: %s", subject, message, error, exc_info=error, extra={"event": self._event})

    def settled(self, subject: Hashable) -> None:
        """Note that a subject is well: its next error is news."""
        self._last.pop(subject, None)
