"""An account's equity with the levels it must stay above, drawn by the server. Pure; figures in dollars.

Points stand side by side as charts of trades have them: nights and weekends take no room.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from database.account_history import CurvePoint
from domain.firm_day import FirmDay

WIDTH, HEIGHT = 1000, 280
MARGIN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: ``path`` as SVG has it, and the newest figure of it."""

    name: str
    title: str
    path: str
    newest: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class DayMark:
    """Where a firm's day begins, from 0 (left) to WIDTH."""

    day: date
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """The whole picture, and its points for a chart that moves: Unix seconds, equity, mark, floor, day's level."""

    lines: tuple[Line, ...]
    days: tuple[DayMark, ...]
    highest: Decimal
    lowest: Decimal
    points: Sequence[Sequence[float | None]]


def draw(points: Sequence[CurvePoint], day: FirmDay, lock_at: Decimal | None) -> Drawing | None:
    """Return the picture of these points; None where there are too few for a line.

    ``lock_at``: the level at which a trailing floor stops, None where it does not.
    """
    if len(points) < 2:
        return None
    series: dict[str, list[Decimal | None]] = {
        "equity": [point.equity for point in points],
        "mark": [point.high_water_mark for point in points],
        "floor": [point.floor for point in points],
        "daily": [point.daily_floor for point in points],
        "lock": [lock_at] * len(points),
    }
    known = [figure for figures in series.values() for figure in figures if figure is not None]
    lowest, highest = min(known), max(known)
    scale = _Scale(len(points), lowest, highest)
    lines = [
        Line(name=name, title=title, path=scale.path(series[name], steps=name != "equity"), newest=newest)
        for name, title in TITLES.items()
        if (newest := next((figure for figure in reversed(series[name]) if figure is not None), None)) is not None
    ]
    return Drawing(
        lines=tuple(lines),
        days=tuple(_days(points, day, scale)),
        highest=highest,
        lowest=lowest,
        points=[_point(point) for point in points],
    )


TITLES = {
    "equity": "Equity",
    "mark": "High-water mark",
    "daily": "Daily limit",
    "floor": "Floor",
    "lock": "Floor locks at",
}


class _Scale:
    def __init__(self, count: int, lowest: Decimal, highest: Decimal) -> None:
        self._step = WIDTH / (count - 1)
        self._lowest = lowest
        self._span = highest - lowest or Decimal(1)

    def x(self, place: int) -> float:
        return round(place * self._step, 1)

    def _y(self, figure: Decimal) -> float:
        part = float((figure - self._lowest) / self._span)
        return round(HEIGHT - MARGIN - part * (HEIGHT - 2 * MARGIN), 1)

    def path(self, figures: Iterable[Decimal | None], *, steps: bool) -> str:
        """Return the figures as a line; a level moves in steps, and what is not known is a gap."""
        parts: list[str] = []
        pen_down, height = False, 0.0
        for place, figure in enumerate(figures):
            if figure is None:
                pen_down = False
                continue
            x, before, height = self.x(place), height, self._y(figure)
            if not pen_down:
                parts.append(f"M{x} {height}")
            elif not steps:
                parts.append(f"L{x} {height}")
            elif before != height:
                parts.append(f"H{x}V{height}")
            else:
                if parts[-1].startswith("H") and "V" not in parts[-1]:
                    parts.pop()
                parts.append(f"H{x}")
            pen_down = True
        return "".join(parts)


def _days(points: Sequence[CurvePoint], day: FirmDay, scale: _Scale) -> Iterable[DayMark]:
    last = None
    for place, point in enumerate(points):
        name = day.day_of(point.at)
        if name != last:
            yield DayMark(day=name, at=scale.x(place))
        last = name


def _point(point: CurvePoint) -> Sequence[float | None]:
    figures = (point.equity, point.high_water_mark, point.floor, point.daily_floor)
    return [int(point.at.timestamp()), *(None if figure is None else float(figure) for figure in figures)]
