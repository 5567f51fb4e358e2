"""How figures and times are written, on the viewer's clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from flask import Flask, g

from domain.rules import Rule
from web import formats
from web.rule_words import COMPARED, rule_title, rule_value

NOON = datetime(2026, 11, 18, 17, 0, 5, tzinfo=UTC)  # 12:00:05 in New York
MINUS = "\N{MINUS SIGN}"


@pytest.fixture
def viewer() -> Iterator[None]:
    """A viewer in New York at noon."""
    with Flask("test").test_request_context(headers={"Cookie": "zone=America/New_York"}):
        g.page_now = NOON
        yield


@pytest.mark.parametrize(
    ("amount", "dollars", "signed", "short"),
    [
        ("1234.5", "$1,234.50", "+$1,234.50", "$1,234.50"),
        ("-20", f"{MINUS}$20.00", f"{MINUS}$20.00", f"{MINUS}$20"),
        ("1000000", "$1,000,000.00", "+$1,000,000.00", "$1,000,000"),
        ("0", "$0.00", "$0.00", "$0"),
        ("-0.001", "$0.00", "$0.00", "$0"),
        ("0.005", "$0.01", "+$0.01", "$0.01"),
    ],
)
def test_dollars(amount: str, dollars: str, signed: str, short: str) -> None:
    figure = Decimal(amount)
    written = (formats.dollars(figure), formats.signed_dollars(figure), formats.short_dollars(figure))
    assert written == (dollars, signed, short)


@pytest.mark.parametrize(
    ("fraction", "places", "written"),
    [("0.999", 0, "99%"), ("1", 0, "100%"), ("1.325", 0, "132%"), ("-0.02", 0, f"{MINUS}2%"), ("0.4567", 1, "45.6%")],
)
def test_a_percentage_is_never_rounded_up(fraction: str, places: int, written: str) -> None:
    assert formats.percent(Decimal(fraction), places) == written


@pytest.mark.parametrize(
    ("seconds", "exact", "coarse"),
    [
        (-3, "0 s", "0 s"),
        (59.9, "59 s", "59 s"),
        (60, "1 min", "1 min"),
        (303, "5 min 3 s", "5 min"),
        (7800, "2 h 10 min", "2 h"),
        (86_400, "1 d", "1 d"),
        (280_000, "3 d 5 h", "3 d"),
    ],
)
def test_durations(seconds: float, exact: str, coarse: str) -> None:
    assert (formats.span(seconds), formats.coarse(seconds)) == (exact, coarse)


@pytest.mark.parametrize(
    ("value", "written"),
    [("16500.00", "16,500"), ("-0.25", f"{MINUS}0.25"), ("100", "100"), ("1E+3", "1,000"), ("0", "0")],
)
def test_quantities_and_prices(value: str, written: str) -> None:
    assert formats.number(Decimal(value)) == written


def test_what_is_not_known_is_a_dash(viewer: None) -> None:
    for write in (formats.dollars, formats.signed_dollars, formats.number, formats.percent, formats.span):
        assert write(None) == "\N{EN DASH}"
    assert formats.ago(None) == "never"
    assert formats.until(None) == formats.when(None) == formats.zoned(None) == "\N{EN DASH}"


def test_moments_are_on_the_viewers_clock_with_its_zone(viewer: None) -> None:
    assert formats.zoned(NOON) == "2026-11-18 12:00:05 EST"
    assert formats.clock(NOON, ZoneInfo("Europe/Prague")) == "18:00 CET"
    assert formats.clock(NOON + timedelta(days=3)) == "Sat 12:00 EST"
    assert 'datetime="2026-11-18T16:59:35Z"' in formats.ago(NOON - timedelta(seconds=30))
    assert ">30 s ago</time>" in formats.ago(NOON - timedelta(seconds=30))
    assert " data-until>6 h</time>" in formats.until(NOON + timedelta(hours=6))
    assert ">2026-11-17 12:00:05 EST</time>" in formats.when(NOON - timedelta(days=1))


@pytest.mark.parametrize("cookie", ["", "zone=Nowhere/Land", "zone=../../etc/passwd", "zone=%00", "zone=" + "x" * 5000])
def test_a_zone_that_is_none_is_utc(cookie: str) -> None:
    with Flask("test").test_request_context(headers={"Cookie": cookie}):
        assert formats.zoned(NOON) == "2026-11-18 17:00:05 UTC"


def test_a_sentence_of_the_record_is_read_on_the_viewers_clock(viewer: None) -> None:
    told = "Reached at 2026-11-18T16:00:00.375592+00:00; 3307.67 s old, limit 300 s, 42 s left, 1.300 s; 2026-11-17; "
    told += "since 2026-11-18 16:30 UTC."
    read = "Reached at 11:00:00 EST; 55 min 7 s old, limit 5 min, 42 s left, 1.300 s; 2026-11-17; since 11:30:00 EST."
    assert formats.sentence(told) == read


@pytest.mark.parametrize(
    ("code", "read"), [("REDUCE_ONLY", "Reduce only"), ("EXIT_SL", "Exit SL"), ("FIRM_API", "Firm API")]
)
def test_codes_are_read_as_words(code: str, read: str) -> None:
    assert formats.words(code) == read


def test_every_rule_has_a_title() -> None:
    assert set(COMPARED) == set(Rule)


@pytest.mark.parametrize(
    ("value", "rule", "written"),
    [
        (Decimal(-1020), "MAX_DAILY_LOSS", f"{MINUS}$1,020"),
        (3, "MAX_CONTRACTS", "3"),
        (Decimal(301), "ACCOUNT_STATE_STALE", "5 min 1 s"),
        ("PAUSED_TO_RESET", "STANDING_FORBIDS_ENTRY", "Paused to reset"),
        (False, "ACCOUNT_PAUSED", "no"),
        (["A", "B"], "SESSION_NOT_ALLOWED", "A, B"),
        ([], "CONFIGURATION_ERROR", "none"),
        ("not a number", "DAILY_ROOM", "not a number"),
        (None, "DAILY_ROOM", "\N{EN DASH}"),
        (Decimal(5), "A_RULE_OF_LONG_AGO", "5"),
    ],
)
def test_compared_values_are_written_as_their_rule_means_them(value: object, rule: str, written: str) -> None:
    assert rule_value(value, rule) == written


def test_a_rule_of_long_ago_still_has_a_name() -> None:
    assert rule_title("A_RULE_OF_LONG_AGO") == "A rule of long ago"
