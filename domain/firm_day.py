"""A firm's day: from one reset to the next, in the firm's own time zone. Pure; instants are aware datetimes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

NOON = time(12)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmDay:
    """When a firm's day ends and the next begins: ``reset`` on the wall clock of ``zone`` (IANA name).

    A day is named by the date on which most of it lies: one that begins at noon or later (futures: 17:00, 18:00) bears
    the date of the morning after, the trade date; one that begins before noon (FTMO: 00:00) its own.
    """

    reset: time
    zone: str

    def day_of(self, at: datetime) -> date:
        """Return the name of the day in which an instant lies; a reset's own instant belongs to the new day."""
        local = at.astimezone(ZoneInfo(self.zone))
        day = local.date() + timedelta(days=1)
        while self.starts_at(day) > at:
            day -= timedelta(days=1)
        return day

    def starts_at(self, day: date) -> datetime:
        """Return the instant (UTC) at which a day begins. A reset in a gap of the clock is moved past the gap."""
        evening = day - timedelta(days=1) if self.reset >= NOON else day
        return datetime.combine(evening, self.reset, ZoneInfo(self.zone)).astimezone(UTC)

    def ends_at(self, day: date) -> datetime:
        """Return the instant (UTC) at which a day ends and the next begins."""
        return self.starts_at(day + timedelta(days=1))

    def ended(self, after: date, now: datetime) -> list[date]:
        """Return the days from ``after`` on that have ended by ``now``, in order: those that await their reset."""
        current = self.day_of(now)
        return [after + timedelta(days=n) for n in range((current - after).days)]
