"""What was read a moment ago, read once for everybody who asks within a few seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from database.connection import Database
from database.observations import observe
from domain.observed import Observed

FRESH_SECONDS = 3.0


class Readings:
    """Reads what is seen of the service; ``clock`` in seconds, forward only. Safe to ask from many threads."""

    def __init__(
        self, database: Database, *, fresh: float = FRESH_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._fresh = fresh
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: Observed | None = None
        self._until = float("-inf")

    def read(self) -> Observed:
        """Return what was seen at most a few seconds ago. Raises DatabaseUnavailable and StatementRefused."""
        with self._lock:
            if self._seen is None or self._clock() >= self._until:
                self._seen = observe(self._database)
                self._until = self._clock() + self._fresh
            return self._seen
