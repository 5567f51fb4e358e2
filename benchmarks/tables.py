"""The tables of ``RESULTS.md``: rows, and figures in the form in which they stand there."""

from __future__ import annotations

from collections.abc import Mapping

DEMANDS = ("| demand | measured | |", "| --- | --- | --- |")


def demand_row(demand: str, measured: str, *, met: bool) -> str:
    """Return a row below DEMANDS."""
    return f"| {demand} | {measured} | {'met' if met else '**not met**'} |"


def spread(kept: Mapping[str, float], digits: int = 0) -> str:
    """Return a kept ``figures.Spread`` as least / median / most."""
    return " / ".join(f"{kept[name]:.{digits}f}" for name in ("least", "median", "most"))


def latencies(kept: Mapping[str, float]) -> str:
    """Return a kept ``figures.Latency`` as four cells: p50, p95, p99 and the most, in milliseconds."""
    return " | ".join(f"{kept[name]:.1f}" for name in ("p50_ms", "p95_ms", "p99_ms", "most_ms"))


def ms(milliseconds: float) -> str:
    """Return milliseconds with one digit and their unit."""
    return f"{milliseconds:.1f} ms"


def percent(part: float) -> str:
    """Return a fraction as whole percent."""
    return f"{part * 100:.0f} %"
