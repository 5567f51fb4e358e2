"""When a delivery month stops being the one to trade: the table ``roll_rules.csv``, and the arithmetic of dates.

A day counts as one to trade if it is a weekday: holidays are not known here. The margins of the table are wide enough
for those that fall before a contract's end. A product without a row has no front month: it is never guessed.
"""

from __future__ import annotations

import csv
from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType

from config.instruments import MONTH_CODES

WEDNESDAY, FRIDAY = 2, 4
MONTHS = len(MONTH_CODES)


class Anchor(StrEnum):
    """The day of a month from which a roll is counted back."""

    SECOND_FRIDAY = "second_friday"
    THIRD_FRIDAY = "third_friday"
    LAST_FRIDAY = "last_friday"
    THIRD_WEDNESDAY = "third_wednesday"
    DAY_25 = "day_25"
    LAST_WEEKDAY = "last_weekday"


@dataclass(frozen=True, slots=True, kw_only=True)
class RollRule:
    """Which months are traded, and when each is left.

    That is ``weekdays_before`` weekdays before the anchor in the month that lies ``months_before`` before the
    contract's. ``meaning`` says it in words.
    """

    root: str
    months: str
    anchor: Anchor
    months_before: int
    weekdays_before: int
    meaning: str
    source: str
    note: str


@cache
def roll_rules() -> Mapping[str, RollRule]:
    """Return the rules of ``roll_rules.csv`` by root, read once."""
    with (Path(__file__).parent / "roll_rules.csv").open(encoding="utf-8", newline="") as rows:
        return MappingProxyType({row["root"]: _rule(row) for row in csv.DictReader(rows)})


def roll_day(rule: RollRule, year: int, month_code: str) -> date:
    """Return the first day on which the contract of this month is no longer traded: the next one is."""
    month = MONTH_CODES.index(month_code) + 1
    day = _anchor_day(rule.anchor, *_shifted(year, month, -rule.months_before))
    left = rule.weekdays_before
    while left:
        day -= timedelta(days=1)
        left -= day.weekday() <= FRIDAY
    return day


@lru_cache(maxsize=256)
def front_month(rule: RollRule, on: date) -> tuple[int, str]:
    """Return year and month code of the contract to trade on a day: the first that is not left yet."""
    return next((year, code) for year, code in _months_from(rule, on) if on < roll_day(rule, year, code))


def _months_from(rule: RollRule, on: date) -> Iterator[tuple[int, str]]:
    # No contract is traded beyond its own month, so that of the day is the earliest; two years hold every cycle.
    for ahead in range(2 * MONTHS):
        year, month = _shifted(on.year, on.month, ahead)
        if MONTH_CODES[month - 1] in rule.months:
            yield year, MONTH_CODES[month - 1]


def _shifted(year: int, month: int, by: int) -> tuple[int, int]:
    years, before = divmod(year * MONTHS + month - 1 + by, MONTHS)
    return years, before + 1


def _anchor_day(anchor: Anchor, year: int, month: int) -> date:
    last = date(year, month, monthrange(year, month)[1])
    match anchor:
        case Anchor.SECOND_FRIDAY:
            return _nth(FRIDAY, 2, year, month)
        case Anchor.THIRD_FRIDAY:
            return _nth(FRIDAY, 3, year, month)
        case Anchor.THIRD_WEDNESDAY:
            return _nth(WEDNESDAY, 3, year, month)
        case Anchor.LAST_FRIDAY:
            return last - timedelta(days=(last.weekday() - FRIDAY) % 7)
        case Anchor.DAY_25:
            return date(year, month, 25)
        case Anchor.LAST_WEEKDAY:
            return last - timedelta(days=max(0, last.weekday() - FRIDAY))


def _nth(weekday: int, number: int, year: int, month: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))


def _rule(row: Mapping[str, str]) -> RollRule:
    return RollRule(
        root=row["root"],
        months=row["months"],
        anchor=Anchor(row["anchor"]),
        months_before=int(row["months_before"]),
        weekdays_before=int(row["weekdays_before"]),
        meaning=row["meaning"],
        source=row["source"],
        note=row["note"],
    )
