"""How often something is tried again, and how long it waits in between."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_RETRY_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a failing task is tried, and how long it waits in between: ``base`` seconds, doubling."""

    max_attempts: int
    base: float

    def delay(self, attempt: int, jitter: float) -> float:
        """Return seconds until the next try after ``attempt``; ``jitter`` in [0, 1) spreads it over the upper half."""
        full = min(self.base * 2.0 ** min(attempt - 1, 30), LONGEST_RETRY_SECONDS)
        return full * (0.5 + jitter / 2)
