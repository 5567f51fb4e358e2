"""The picture of an account's equity over the levels it must stay above."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from database.account_history import CurvePoint
from tests.paths import APEX_DAY, NOON
from web.pages.curve_drawing import draw


def points(*equity: int, hours: int = 1, **levels: int | None) -> list[CurvePoint]:
    known: dict[str, Any] = {
        name: None if levels.get(name) is None else Decimal(str(levels[name]))
        for name in ("balance", "high_water_mark", "floor", "daily_floor")
    }
    return [
        CurvePoint(at=NOON + timedelta(hours=hours * place), equity=Decimal(figure), **known)
        for place, figure in enumerate(equity)
    ]


def test_one_point_is_no_line() -> None:
    assert draw(points(50000), APEX_DAY, None) is None


def test_lines_share_one_scale_and_levels_move_in_steps() -> None:
    curve = points(50000, 51000, 50500)
    curve += points(50500, floor=49000)
    drawing = draw(curve, APEX_DAY, Decimal(53000))
    assert drawing is not None
    lines = {line.name: line for line in drawing.lines}
    assert (drawing.lowest, drawing.highest) == (Decimal(49000), Decimal(53000))
    assert lines["equity"].path == "M0.0 206.0L333.3 140.0L666.7 173.0L1000.0 173.0"
    assert lines["floor"].path == "M1000.0 272.0"
    assert lines["lock"].path == "M0.0 8.0H1000.0"
    assert (lines["equity"].newest, lines["floor"].newest) == (Decimal(50500), Decimal(49000))
    assert "daily" not in lines


def test_a_level_that_moves_goes_on_at_its_new_height() -> None:
    curve = [*points(50000, 50000, floor=48000), *points(50000, 50000, floor=49000)]
    drawing = draw(curve, APEX_DAY, None)
    assert drawing is not None
    [floor] = [line for line in drawing.lines if line.name == "floor"]
    assert floor.path == "M0.0 272.0H333.3H666.7V140.0H1000.0"


def test_a_day_is_marked_where_the_firms_day_begins() -> None:
    drawing = draw(points(50000, 50000, 50000, hours=12), APEX_DAY, None)
    assert drawing is not None
    assert [(mark.day, mark.at) for mark in drawing.days] == [(date(2026, 11, 18), 0.0), (date(2026, 11, 19), 500.0)]


def test_the_points_of_the_chart_are_those_of_the_picture() -> None:
    drawing = draw(points(50000, 51000, high_water_mark=51000), APEX_DAY, None)
    assert drawing is not None
    began = int(NOON.timestamp())
    assert drawing.points == [[began, 50000.0, 51000.0, None, None], [began + 3600, 51000.0, 51000.0, None, None]]
