"""How far an account is from its daily limit and its floor, which of them it has reached, what is not known. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from account_engine.standing import AccountPicture
from domain.drawdown_rule import Consequence

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Line:
    """A level that equity must stay above: the rule's amount, the level, the dollars and the fraction of the amount.

    Without a limit all are None; with one, ``room`` and ``used`` are None while level or equity is not known.
    """

    limit: Decimal | None = None
    level: Decimal | None = None
    room: Decimal | None = None
    used: Decimal | None = None

    @property
    def reached(self) -> bool:
        return self.room is not None and self.room <= NOTHING

    @property
    def unknown(self) -> bool:
        return self.limit is not None and self.room is None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitLines:
    """What is true of an account's limits at one moment.

    ``floor_reached``, ``daily_reached``: recorded by the path, or equity is at or below the level now. The moments
    beside them are the recorded ones, None while no point of the path said so. ``lost_by_day``: the daily limit is
    reached and costs the account. ``unreserved``: the smaller room less the owner's buffer.
    """

    daily: Line
    floor: Line
    floor_reached: bool
    floor_reached_at: datetime | None
    daily_reached: bool
    daily_reached_at: datetime | None
    lost_by_day: bool
    no_data: bool
    stale: bool
    unreserved: Decimal | None

    @property
    def breached(self) -> bool:
        """Return whether the account is lost."""
        return self.floor_reached or self.lost_by_day

    @property
    def breached_at(self) -> datetime | None:
        """Return the first recorded moment of the breach, None where there is none."""
        moments = (self.floor_reached_at, self.daily_reached_at if self.lost_by_day else None)
        return min((moment for moment in moments if moment is not None), default=None)

    @property
    def paused(self) -> bool:
        """Return whether the daily limit is reached and only stops the account until the reset."""
        return self.daily_reached and not self.lost_by_day


def limit_lines(picture: AccountPicture) -> LimitLines:
    """Return where an account stands to its limits. Figures are only missed or stale where a limit needs them."""
    rule, path, age = picture.rules.drawdown, picture.drawdown, picture.state_age
    limit = None if rule is None else rule.daily
    daily = _line(None if limit is None else limit.amount, None if path is None else path.daily_floor, picture.equity)
    if daily.unknown and daily.limit is not None and picture.day_pl is not None:
        # A day's result is enough to know how much of its limit is left.
        daily = Line(
            daily.limit, daily.level, daily.limit + picture.day_pl, max(-picture.day_pl / daily.limit, NOTHING)
        )
    floor = _line(None if rule is None else rule.amount, None if path is None else path.floor, picture.equity)
    floor_reached_at = None if path is None else path.breached_at
    daily_reached_at = None if path is None or limit is None else path.daily_breached_at
    daily_reached = daily.reached or daily_reached_at is not None
    rooms = [line.room for line in (daily, floor) if line.room is not None]
    limited = daily.limit is not None or floor.limit is not None
    return LimitLines(
        daily=daily,
        floor=floor,
        floor_reached=floor.reached or floor_reached_at is not None,
        floor_reached_at=floor_reached_at,
        daily_reached=daily_reached,
        daily_reached_at=daily_reached_at,
        lost_by_day=daily_reached and limit is not None and limit.consequence is Consequence.ACCOUNT_LOST,
        no_data=limited and (picture.no_data or age is None or daily.unknown or floor.unknown),
        stale=limited and age is not None and age > picture.max_age,
        unreserved=min(rooms) - picture.rules.buffer if rooms else None,
    )


def _line(limit: Decimal | None, level: Decimal | None, equity: Decimal | None) -> Line:
    if limit is None:
        return Line()
    if level is None or equity is None:
        return Line(limit, level)
    room = equity - level
    # For the daily limit the same as (day start - equity) / limit, since its level is day start less limit.
    return Line(limit, level, room, max((limit - room) / limit, NOTHING))
