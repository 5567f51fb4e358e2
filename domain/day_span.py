"""Spans of the day in a time zone: trading sessions and quiet hours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_WRITTEN = re.compile(r"([0-2]\d:[0-5]\d)-([0-2]\d:[0-5]\d) +([A-Za-z0-9_+\-/]+)", re.ASCII)
SATURDAY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySpan:
    """From ``start`` to before ``end`` each day in a zone; over midnight where the end is not after the start."""

    start: time
    end: time
    zone: ZoneInfo

    def began(self, at: datetime) -> datetime | None:
        """Return when the span that holds this moment began, None where none does."""
        local = at.astimezone(self.zone)
        for days_ago in (0, 1):
            day = (local - timedelta(days=days_ago)).date()
            began = datetime.combine(day, self.start, self.zone)
            over = self.end <= self.start
            ended = datetime.combine(day + timedelta(days=1) if over else day, self.end, self.zone)
            if began <= at < ended:
                return began
        return None

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M} {self.zone.key}"


def day_span(text: str) -> DaySpan | None:
    """Return the span written ``22:00-07:00 America/New_York``, None for an empty text. Raises ValueError."""
    if not text.strip():
        return None
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no span of the day")
    try:
        zone = ZoneInfo(match[3])
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(f"{match[3]} is no time zone") from error
    return DaySpan(start=time.fromisoformat(match[1]), end=time.fromisoformat(match[2]), zone=zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session on working days: one that begins on Saturday or Sunday is none. Holidays are not known here."""

    span: DaySpan

    def began(self, at: datetime) -> datetime | None:
        """Return when the session that runs at this moment began, None outside of it."""
        began = self.span.began(at)
        return None if began is None or began.weekday() >= SATURDAY else began
