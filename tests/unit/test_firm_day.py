"""A firm's days tile time: every change of the clock from 2024 to 2030, resets the clock skips or shows twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.firm_day import FirmDay

PRAGUE, NEW_YORK, CHICAGO = "Europe/Prague", "America/New_York", "America/Chicago"
ZONES = (PRAGUE, NEW_YORK, CHICAGO)
FTMO = FirmDay(reset=time(0), zone=PRAGUE)
APEX = FirmDay(reset=time(18), zone=NEW_YORK)
TOPSTEP = FirmDay(reset=time(17), zone=CHICAGO)

# Around the hour that is skipped or doubled (01-02 or 02-03), its very edges, and both sides of the naming rule.
HOSTILE = (
    *(time(0, 30), time(1), time(1, 30), time(2), time(2, 30), time(3)),
    *(time(11, 59), time(12), time(23, 59, 59, 999999)),
)
DAYS = (FTMO, APEX, TOPSTEP, *(FirmDay(reset=reset, zone=zone) for zone in ZONES for reset in HOSTILE))

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
FIRST, LAST = date(2024, 1, 1), date(2030, 12, 31)
ALL_DATES = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]

firm_days = pytest.mark.parametrize("firm_day", DAYS, ids=lambda day: f"{day.zone}-{day.reset:%H%M}")


def transitions(zone: str) -> Iterator[datetime]:
    """The instants (UTC) from 2024 to 2030 at which a zone's offset changes, found by looking at every hour."""
    tz = ZoneInfo(zone)
    at = datetime(2024, 1, 1, tzinfo=UTC)
    while at.year <= 2030:
        if (at - HOUR).astimezone(tz).utcoffset() != at.astimezone(tz).utcoffset():
            yield at
        at += HOUR


TRANSITIONS = {zone: list(transitions(zone)) for zone in ZONES}


def wall(at: datetime, zone: str) -> datetime:
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


def moment(text: str, zone: str = "UTC", fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


def reset_date(firm_day: FirmDay, day: date) -> date:
    """The date on the wall clock at which a day begins: the evening before from noon on."""
    return day - timedelta(days=1) if firm_day.reset >= time(12) else day


@pytest.mark.parametrize("zone", ZONES)
def test_the_clock_changes_twice_a_year(zone: str) -> None:
    """What the tests below walk through is there: two changes in each of the years that cannot change any more."""
    for year in (2024, 2025):
        assert len([at for at in TRANSITIONS[zone] if at.year == year]) == 2


@firm_days
def test_days_tile_time(firm_day: FirmDay) -> None:
    lengths = []
    for day, following in pairwise(ALL_DATES):
        assert firm_day.ends_at(day) == firm_day.starts_at(following)
        lengths.append(firm_day.ends_at(day) - firm_day.starts_at(day))
    changes = len(TRANSITIONS[firm_day.zone])
    assert set(lengths) == {23 * HOUR, 24 * HOUR, 25 * HOUR}
    assert lengths.count(23 * HOUR) + lengths.count(25 * HOUR) == changes
    assert sum(lengths, timedelta()) == firm_day.starts_at(LAST) - firm_day.starts_at(FIRST)


@firm_days
def test_the_wall_clock_shows_the_reset_or_stands_past_the_gap(firm_day: FirmDay) -> None:
    """A reset that the clock skips comes as late after the gap as it lies after the gap's beginning: one hour on."""
    skipped = 0
    for day in ALL_DATES:
        planned = datetime.combine(reset_date(firm_day, day), firm_day.reset)
        start = firm_day.starts_at(day)
        if wall(start, firm_day.zone) != planned:
            skipped += 1
            assert wall(start, firm_day.zone) == planned + HOUR
            gaps = [at for at in TRANSITIONS[firm_day.zone] if timedelta() <= start - at < HOUR]
            assert len(gaps) == 1
    gap_hour = time(2) <= firm_day.reset < time(3)  # 02:00 to 03:00 is the hour skipped in all three zones
    ups = [at for at in TRANSITIONS[firm_day.zone] if wall(at, firm_day.zone).hour == 3]
    assert skipped == (len(ups) if gap_hour else 0)


@firm_days
def test_a_reset_shown_twice_is_the_first_of_the_two(firm_day: FirmDay) -> None:
    doubled = 0
    for day in ALL_DATES:
        start = firm_day.starts_at(day)
        assert wall(start - HOUR, firm_day.zone) != wall(start, firm_day.zone)
        doubled += wall(start + HOUR, firm_day.zone) == wall(start, firm_day.zone)
    fold_hour = 2 if firm_day.zone == PRAGUE else 1  # the hour that comes twice in autumn
    downs = [at for at in TRANSITIONS[firm_day.zone] if wall(at, firm_day.zone).hour == fold_hour]
    assert doubled == (len(downs) if firm_day.reset.hour == fold_hour else 0)


@firm_days
def test_each_reset_begins_exactly_one_day(firm_day: FirmDay) -> None:
    for day in ALL_DATES:
        start = firm_day.starts_at(day)
        assert firm_day.day_of(start) == day
        assert firm_day.day_of(start - timedelta(microseconds=1)) == day - timedelta(days=1)


@firm_days
def test_walking_through_every_change_passes_each_reset_once(firm_day: FirmDay) -> None:
    """Minute by minute over the hours around a change, watching the wall clock only: no use of ``starts_at``."""
    for change in TRANSITIONS[firm_day.zone]:
        instants = [change + n * 10 * MINUTE for n in range(-6 * 36, 6 * 36)]
        minutes = [change + n * MINUTE for n in range(-150, 150)]
        walk = sorted({*instants, *minutes})
        days = [firm_day.day_of(at) for at in walk]
        resets = 0
        for (before, at), (earlier, later) in zip(pairwise(walk), pairwise(days), strict=True):
            assert later - earlier in (timedelta(), timedelta(days=1))
            if later != earlier:
                resets += 1
                shown = wall(at, firm_day.zone)
                planned = datetime.combine(reset_date(firm_day, later), firm_day.reset)
                assert shown >= planned
                assert wall(before, firm_day.zone) < planned or shown - planned == HOUR
        assert resets == (days[-1] - days[0]).days == 3


@pytest.mark.parametrize(
    ("firm_day", "at", "day"),
    [
        # Topstep, 17:00 Chicago: Sunday's evening is Monday's trade date, Friday ends at 17:00.
        (TOPSTEP, moment("2026-06-07T16:59:59", CHICAGO), "2026-06-07"),
        (TOPSTEP, moment("2026-06-07T17:00:00", CHICAGO), "2026-06-08"),
        (TOPSTEP, moment("2026-06-12T16:59:00", CHICAGO), "2026-06-12"),
        (TOPSTEP, moment("2026-06-12T17:00:00", CHICAGO), "2026-06-13"),
        (TOPSTEP, moment("2026-06-10T10:00:00", CHICAGO), "2026-06-10"),
        # Apex, 18:00 New York: an hour after Topstep's reset on the clock, the same instant.
        (APEX, moment("2026-06-07T17:59:59", NEW_YORK), "2026-06-07"),
        (APEX, moment("2026-06-07T18:00:00", NEW_YORK), "2026-06-08"),
        # The Sunday on which Chicago's clock changes: the open is at 22:00 UTC after it, at 23:00 UTC before.
        (TOPSTEP, moment("2026-03-08T21:59:59"), "2026-03-08"),
        (TOPSTEP, moment("2026-03-08T22:00:00"), "2026-03-09"),
        (TOPSTEP, moment("2026-11-01T22:59:59"), "2026-11-01"),
        (TOPSTEP, moment("2026-11-01T23:00:00"), "2026-11-02"),
        # FTMO, 00:00 Prague: at 23:00 UTC in winter, at 22:00 UTC in summer.
        (FTMO, moment("2026-03-28T22:59:59"), "2026-03-28"),
        (FTMO, moment("2026-03-28T23:00:00"), "2026-03-29"),
        (FTMO, moment("2026-03-29T21:59:59"), "2026-03-29"),
        (FTMO, moment("2026-03-29T22:00:00"), "2026-03-30"),
        (FTMO, moment("2026-10-24T21:59:59"), "2026-10-24"),
        (FTMO, moment("2026-10-24T22:00:00"), "2026-10-25"),
        (FTMO, moment("2026-10-25T22:59:59"), "2026-10-25"),
        (FTMO, moment("2026-10-25T23:00:00"), "2026-10-26"),
        # The platform's clock (GMT+3 in summer) is an hour ahead of Prague: its midnight is not the reset.
        (FTMO, moment("2026-06-10T00:30:00", "Europe/Athens"), "2026-06-09"),
        # 02:30 is skipped in Chicago: the reset comes at 03:30; 01:30 comes twice: the first counts.
        (FirmDay(reset=time(2, 30), zone=CHICAGO), moment("2026-03-08T03:29:59", CHICAGO), "2026-03-07"),
        (FirmDay(reset=time(2, 30), zone=CHICAGO), moment("2026-03-08T03:30:00", CHICAGO), "2026-03-08"),
        (FirmDay(reset=time(1, 30), zone=CHICAGO), moment("2026-11-01T01:29:59", CHICAGO), "2026-10-31"),
        (FirmDay(reset=time(1, 30), zone=CHICAGO), moment("2026-11-01T01:30:00", CHICAGO), "2026-11-01"),
        (FirmDay(reset=time(1, 30), zone=CHICAGO), moment("2026-11-01T01:00:00", CHICAGO, fold=1), "2026-11-01"),
        # Noon is the first reset that belongs to the morning after.
        (FirmDay(reset=time(12), zone=PRAGUE), moment("2026-06-10T12:00:00", PRAGUE), "2026-06-11"),
        (FirmDay(reset=time(11, 59), zone=PRAGUE), moment("2026-06-10T12:00:00", PRAGUE), "2026-06-10"),
    ],
)
def test_an_instant_has_the_name_of_its_firms_day(firm_day: FirmDay, at: datetime, day: str) -> None:
    assert firm_day.day_of(at) == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("firm_day", "day", "start", "hours"),
    [
        (FTMO, "2026-03-29", "2026-03-28T23:00:00", 23),
        (FTMO, "2026-10-25", "2026-10-24T22:00:00", 25),
        (FTMO, "2026-10-26", "2026-10-25T23:00:00", 24),
        (TOPSTEP, "2026-03-08", "2026-03-07T23:00:00", 23),
        (TOPSTEP, "2026-11-01", "2026-10-31T22:00:00", 25),
        (APEX, "2026-03-08", "2026-03-07T23:00:00", 23),
        (APEX, "2026-06-08", "2026-06-07T22:00:00", 24),
        # A reset in the gap ends a day of 24 hours late by the clock; the day after it is the short one.
        (FirmDay(reset=time(2, 30), zone=PRAGUE), "2026-03-28", "2026-03-28T01:30:00", 24),
        (FirmDay(reset=time(2, 30), zone=PRAGUE), "2026-03-29", "2026-03-29T01:30:00", 23),
    ],
)
def test_a_day_begins_at_its_reset_and_is_as_long_as_the_clock_makes_it(
    firm_day: FirmDay, day: str, start: str, hours: int
) -> None:
    named = date.fromisoformat(day)
    assert firm_day.starts_at(named) == moment(start)
    assert firm_day.ends_at(named) == moment(start) + hours * HOUR
    assert firm_day.starts_at(named).tzinfo is UTC


@pytest.mark.parametrize(
    ("first", "now", "days"),
    [
        ("2026-03-28", "2026-03-28T22:59:59.999999", []),
        ("2026-03-28", "2026-03-28T23:00:00", ["2026-03-28"]),
        ("2026-03-28", "2026-03-30T22:00:00", ["2026-03-28", "2026-03-29", "2026-03-30"]),
        ("2026-03-29", "2026-03-28T12:00:00", []),  # the clock was set back
        ("2026-03-29", "2026-01-01T12:00:00", []),
    ],
)
def test_the_days_that_await_their_reset(first: str, now: str, days: list[str]) -> None:
    expected = [date.fromisoformat(day) for day in days]
    assert FTMO.ended(date.fromisoformat(first), moment(now)) == expected


def test_a_datetime_without_a_zone_is_refused() -> None:
    naive = datetime(2026, 6, 10, 12)  # noqa: DTZ001 - what is refused here
    expected = re.escape(f"{naive!r} has no time zone")
    with pytest.raises(ValueError, match=expected):
        FTMO.day_of(naive)
    with pytest.raises(ValueError, match=expected):
        FTMO.ended(date(2026, 6, 1), naive)


@pytest.mark.parametrize("zone", ["Europe/Praha", "", "America", "/etc/localtime", "../zoneinfo/UTC", "CET+1"])
def test_an_unknown_zone_is_refused_at_once_and_named(zone: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(repr(zone))} is not a known time zone; an IANA name"):
        FirmDay(reset=time(0), zone=zone)


@pytest.mark.parametrize("reset", [time(17, tzinfo=UTC), time(1, 30, fold=1)])
def test_a_reset_is_a_plain_time_of_the_wall_clock(reset: time) -> None:
    with pytest.raises(ValueError, match="is not a plain time of the wall clock"):
        FirmDay(reset=reset, zone=CHICAGO)


def test_equal_days_are_equal_and_show_only_what_was_given() -> None:
    again = FirmDay(reset=time(0), zone=PRAGUE)
    assert (again, hash(again)) == (FTMO, hash(FTMO))
    assert repr(again) == "FirmDay(reset=datetime.time(0, 0), zone='Europe/Prague')"


any_firm_day = st.builds(
    FirmDay,
    reset=st.times().map(lambda reset: reset.replace(fold=0))
    | st.sampled_from([time(0), time(17), time(18), *HOSTILE]),
    # Besides ours: clocks that change by half an hour, at midnight, or not at all.
    zone=st.sampled_from([*ZONES, "Australia/Lord_Howe", "Asia/Beirut", "America/Havana", "UTC", "Asia/Kathmandu"]),
)
any_date = st.dates(FIRST, LAST)
near_a_change = st.builds(
    lambda change, away: change + away,
    st.sampled_from(sorted({change for changes in TRANSITIONS.values() for change in changes})),
    st.timedeltas(-30 * HOUR, 30 * HOUR),
)
anywhere = st.datetimes(
    datetime(2024, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2030, 12, 31),  # noqa: DTZ001
    timezones=st.timezones(),
)
any_instant = anywhere | near_a_change


@given(any_firm_day, any_date)
def test_a_day_is_the_day_of_its_start_and_not_of_the_moment_before(firm_day: FirmDay, day: date) -> None:
    start = firm_day.starts_at(day)
    assert firm_day.day_of(start) == day
    assert firm_day.day_of(start - timedelta(microseconds=1)) == day - timedelta(days=1)
    assert firm_day.day_of(firm_day.ends_at(day) - timedelta(microseconds=1)) == day


@given(any_firm_day, any_instant)
def test_an_instant_lies_in_exactly_one_day_whatever_the_zone_it_is_told_in(firm_day: FirmDay, at: datetime) -> None:
    day = firm_day.day_of(at)
    assert firm_day.day_of(at.astimezone(UTC)) == day
    around = [day + timedelta(days=n) for n in range(-3, 4)]
    assert [near for near in around if firm_day.starts_at(near) <= at < firm_day.ends_at(near)] == [day]


steps = st.lists(st.timedeltas(timedelta(days=-3), timedelta(days=5)), max_size=40)


@given(any_firm_day, any_instant, steps)
def test_each_day_ends_once_however_the_clock_walks(firm_day: FirmDay, now: datetime, walk: list[timedelta]) -> None:
    first = awaited = firm_day.day_of(now)
    furthest = now = now.astimezone(UTC)
    seen: list[date] = []
    for step in walk:
        now += step
        newly = firm_day.ended(awaited, now)
        if now <= furthest:
            assert newly == []
        furthest = max(furthest, now)
        seen += newly
        awaited += timedelta(days=len(newly))
    assert seen == [first + timedelta(days=n) for n in range((firm_day.day_of(furthest) - first).days)]
    assert all(firm_day.ends_at(day) <= furthest for day in seen)
