"""A firm's day: from one reset to the next, in the firm's own time zone. Pure; instants are aware datetimes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

NOON = time(12)
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmDay:
    """When a firm's day ends and the next begins: ``reset`` on the wall clock of ``zone`` (IANA name).

    A day is named by the date on which most of it lies: one that begins at noon or later (futures: 17:00, 18:00) bears
    the date of the morning after, the trade date; one that begins before noon (FTMO: 00:00) its own. Days follow each
    other without a gap, weekends and holidays included.

    A reset that the clock skips or shows twice is read as RFC 5545, section 3.3.5, reads a local time: a skipped one
    with the offset before the gap (02:30 becomes 03:30), a doubled one at its first occurrence.
    Raises ValueError for an unknown zone, and for a reset that is not a plain wall-clock time.
    """

    reset: time
    zone: str

    def __post_init__(self) -> None:
        if self.reset.tzinfo is not None or self.reset.fold:
            raise ValueError(f"reset {self.reset!r} is not a plain time of the wall clock; its zone is ``zone``")
        _zone(self.zone)

    def day_of(self, at: datetime) -> date:
        """Return the name of the day in which an instant lies; a reset's own instant belongs to the new day.

        Raises ValueError for a datetime without a time zone: it is no instant.
        """
        if at.utcoffset() is None:
            raise ValueError(f"{at!r} has no time zone; an instant is expected, such as one in UTC")
        day = at.astimezone(_zone(self.zone)).date() + ONE_DAY
        while self.starts_at(day) > at:
            day -= ONE_DAY
        return day

    def starts_at(self, day: date) -> datetime:
        """Return the instant (UTC) at which a day begins."""
        evening = day - ONE_DAY if self.reset >= NOON else day
        return datetime.combine(evening, self.reset, _zone(self.zone)).astimezone(UTC)

    def ends_at(self, day: date) -> datetime:
        """Return the instant (UTC) at which a day ends and the next begins."""
        return self.starts_at(day + ONE_DAY)

    def ended(self, first: date, now: datetime) -> list[date]:
        """Return the days from ``first`` on, itself included, that have ended by ``now``, in order.

        ``first`` is the earliest day that still awaits its reset: after a reset, the day that follows it. A clock set
        back ends nothing. Raises ValueError for a datetime without a time zone.
        """
        running = self.day_of(now)
        return [first + timedelta(days=n) for n in range((running - first).days)]


@cache
def _zone(name: str) -> ZoneInfo:
    """Return a time zone; kept, so that the zone database is read once a zone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f"{name!r} is not a known time zone; an IANA name is expected, such as Europe/Prague"
        ) from error
