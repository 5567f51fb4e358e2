"""How long the stages of the work take, counted in classes: what a histogram is made of."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

# Upper ends of the classes, in seconds: from a decision in dry-run to a venue that hardly answers.
ENDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class StageCounts(NamedTuple):
    """One stage: how often it took at most each of ``ENDS`` and longer than all of them, and the sum in seconds."""

    counts: tuple[int, ...]
    seconds: float


class StageTimes:
    """Counts seconds by stage. Safe to use from many threads; a batch is one call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}

    def add(self, stage: str, times: Iterable[float]) -> None:
        """Count what a stage took, in seconds each."""
        with self._lock:
            counts = self._counts.setdefault(stage, [0] * (len(ENDS) + 1))
            total = self._seconds.get(stage, 0.0)
            for seconds in times:
                counts[bisect_left(ENDS, seconds)] += 1
                total += seconds
            self._seconds[stage] = total

    def counted(self) -> dict[str, StageCounts]:
        """Return what was counted up to now, by stage."""
        with self._lock:
            return {stage: StageCounts(tuple(counts), self._seconds[stage]) for stage, counts in self._counts.items()}
