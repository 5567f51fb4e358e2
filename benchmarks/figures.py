"""Figures from measurements."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The same figure over several rounds."""

    least: float
    median: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        return cls(least=min(values), median=statistics.median(values), most=max(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Percentiles in milliseconds, by nearest rank over all measurements together."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    most_ms: float

    @classmethod
    def of(cls, milliseconds: Sequence[float]) -> Self:
        ordered = sorted(milliseconds)
        return cls(
            count=len(ordered),
            p50_ms=_rank(ordered, 0.50),
            p95_ms=_rank(ordered, 0.95),
            p99_ms=_rank(ordered, 0.99),
            most_ms=ordered[-1],
        )


def _rank(ordered: Sequence[float], part: float) -> float:
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]
