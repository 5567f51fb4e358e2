"""The roll table and its arithmetic, held against dates that the exchanges' own rules give."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from itertools import pairwise

import pytest

from config.instruments import MONTH_CODES, exchange_instruments
from config.roll_rules import RollRule, front_month, roll_day, roll_rules

FIRST, LAST = date(2024, 1, 1), date(2032, 12, 31)
DAYS = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
RULES = list(roll_rules().values())


def front(root: str, on: str) -> str:
    year, code = front_month(roll_rules()[root], date.fromisoformat(on))
    return f"{code}{year % 100}"


# CME's lead months change on the Monday before the third Friday: 2026-12-14 by a published calendar of rolls.
@pytest.mark.parametrize(
    ("root", "before", "on", "left", "entered"),
    [
        ("NQ", "2026-12-13", "2026-12-14", "Z26", "H27"),
        ("ES", "2026-03-15", "2026-03-16", "H26", "M26"),
        # 2026-06-19 is a holiday: the contract ends a day earlier, and the Monday stays.
        ("MNQ", "2026-06-14", "2026-06-15", "M26", "U26"),
        ("YM", "2024-09-15", "2024-09-16", "U24", "Z24"),
        # cmegroup.com, roll dates of the Nikkei: 2014-09-08 and 2014-12-08
        ("NKD", "2014-09-07", "2014-09-08", "U14", "Z14"),
        ("NKD", "2014-12-07", "2014-12-08", "Z14", "H15"),
        # eight weekdays before the 25th; CL of January 2009 ended on 2008-12-19 (bohlish.com)
        ("CL", "2008-12-12", "2008-12-15", "F9", "G9"),
        ("MCL", "2026-11-12", "2026-11-13", "Z26", "F27"),
        ("NG", "2026-11-18", "2026-11-19", "Z26", "F27"),
        ("HO", "2026-11-22", "2026-11-23", "Z26", "F27"),
        ("RB", "2026-12-23", "2026-12-24", "F27", "G27"),
        # gold goes from August to December
        ("GC", "2026-07-23", "2026-07-24", "Q26", "Z26"),
        ("MGC", "2026-11-22", "2026-11-23", "Z26", "G27"),
        ("SI", "2026-11-22", "2026-11-23", "Z26", "H27"),
        ("HG", "2026-02-19", "2026-02-20", "H26", "K26"),
        ("PL", "2026-12-23", "2026-12-24", "F27", "J27"),
        ("ZN", "2026-05-21", "2026-05-22", "M26", "U26"),
        # the Monday a week before the second business day before the third Wednesday, 2026-12-16
        ("6E", "2026-12-06", "2026-12-07", "Z26", "H27"),
        ("M6E", "2026-03-08", "2026-03-09", "H26", "M26"),
        ("BTC", "2026-12-20", "2026-12-21", "Z26", "F27"),
        ("MET", "2026-11-22", "2026-11-23", "X26", "Z26"),
        ("ZC", "2026-08-23", "2026-08-24", "U26", "Z26"),
        ("ZS", "2026-10-22", "2026-10-23", "X26", "F27"),
        ("ZM", "2026-09-22", "2026-09-23", "V26", "Z26"),
    ],
)
def test_the_front_month_changes_on_its_day(root: str, before: str, on: str, left: str, entered: str) -> None:
    assert (front(root, before), front(root, on)) == (left, entered)


# First notice of 2026 as discounttrading.com prints it, by delivery month; brokers want positions out 3 days before.
NOTICE = {
    "CL": "12-23 01-22 02-24 03-24 04-23 05-21 06-24 07-23 08-24 09-24 10-22 11-24",
    "NG": "12-30 01-29 02-26 03-30 04-29 05-28 06-29 07-30 08-28 09-29 10-29 11-27",
    "GC": "x 01-30 x 03-31 x 05-29 x 07-31 x 09-30 x 11-30",
    "SI": "12-31 x 02-27 x 04-30 x 06-30 x 08-31 x x 11-30",
    "HG": "x x 02-27 x 04-30 x 06-30 x 08-31 x x 11-30",
    "PL": "12-31 x x 03-31 x x 06-30 x x 09-30 x x",
    "PA": "x x 02-27 x x 05-29 x x 08-31 x x 11-30",
    "ZC": "x x 02-27 x 04-30 x 06-30 x 08-31 x x 11-30",
}


@pytest.mark.parametrize("root", NOTICE)
def test_a_contract_is_left_at_least_three_business_days_before_first_notice(root: str) -> None:
    rule = roll_rules()[root]
    days = dict(zip(MONTH_CODES, NOTICE[root].split(), strict=True))
    assert set(rule.months) <= {code for code, day in days.items() if day != "x"}
    for code in rule.months:
        notice = date.fromisoformat(f"{2025 if days[code].startswith('12') else 2026}-{days[code]}")
        between = [roll_day(rule, 2026, code) + timedelta(days=n) for n in range(40)]
        business = [day for day in between if day < notice and day.weekday() < 5 and day not in HOLIDAYS]
        assert len(business) >= 3, (code, notice)


# Days of 2025 and 2026 on which the exchange settles nothing (cme holiday calendar).
HOLIDAYS = {
    date.fromisoformat(day)
    for day in (
        *("2025-12-25", "2026-01-01", "2026-01-19", "2026-02-16", "2026-04-03", "2026-05-25"),
        *("2026-06-19", "2026-07-03", "2026-09-07", "2026-11-26"),
    )
}


CURRENCIES = ("6A", "6B", "6C", "6E", "6J", "6N", "6S", "E7", "J7", "M6A", "M6B", "M6E")


def weekdays_back(day: date, number: int) -> date:
    while number:
        day -= timedelta(days=1)
        number -= day.weekday() < 5
    return day


def last_safe_day(rule: RollRule, year: int, code: str) -> date:
    """The last day on which the contract surely trades and is not yet to be delivered, with two holidays in between."""
    month = MONTH_CODES.index(code) + 1
    first = date(year, month, 1)
    before = first - timedelta(days=1)
    if rule.root in ("ES", "MES", "NQ", "MNQ", "RTY", "M2K", "YM", "MYM"):
        third = next(first + timedelta(days=n) for n in range(14, 21) if (first + timedelta(days=n)).weekday() == 4)
        return weekdays_back(third, 1)
    if rule.root == "NKD":
        second = next(first + timedelta(days=n) for n in range(7, 14) if (first + timedelta(days=n)).weekday() == 4)
        return weekdays_back(second, 2)
    if rule.root in ("CL", "MCL"):
        twenty_fifth = date(before.year, before.month, 25)
        return weekdays_back(twenty_fifth, 6)
    if rule.root in CURRENCIES:
        third = next(first + timedelta(days=n) for n in range(14, 21) if (first + timedelta(days=n)).weekday() == 2)
        return weekdays_back(third, 4)
    if rule.root in ("BTC", "MBT", "ETH", "MET"):
        last = date(year, month, monthrange(year, month)[1])
        return weekdays_back(last - timedelta(days=(last.weekday() - 4) % 7), 2)
    # What ends or is delivered at the end of the month before; natural gas two business days earlier.
    return weekdays_back(first, 5 if rule.root == "NG" else 3)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.root)
def test_no_front_month_has_ended_and_none_is_more_than_one_roll_ahead(rule: RollRule) -> None:
    shown: list[tuple[int, str]] = []
    for day in DAYS:
        year, code = front_month(rule, day)
        assert code in rule.months
        assert day <= last_safe_day(rule, year, code), (day, year, code)
        if not shown or shown[-1] != (year, code):
            shown.append((year, code))
    # Every month of the cycle has its turn, in order: none is left out, none comes back.
    start = shown[0]
    cycle = [(year, code) for year in range(2024, 2034) for code in rule.months]
    assert shown == cycle[cycle.index(start) : cycle.index(start) + len(shown)]
    # Before its roll day the contract before it was still the front: the front is the first that is not left.
    for (year, code), (next_year, next_code) in pairwise(shown):
        changed = roll_day(rule, year, code)
        assert front_month(rule, changed) == (next_year, next_code)
        assert front_month(rule, changed - timedelta(days=1)) == (year, code)


def test_every_rule_is_of_a_known_future_in_its_months_and_has_its_source() -> None:
    book = exchange_instruments()
    for root, rule in roll_rules().items():
        instrument = book.instruments[root]
        assert instrument.exchange != "CFD"
        assert list(rule.months) == sorted(rule.months, key=MONTH_CODES.index)
        assert not instrument.month_codes or set(rule.months) <= set(instrument.month_codes)
        assert all((rule.meaning, rule.source))
        assert rule.months_before in (0, 1)
    without = {known.root for known in book if known.exchange != "CFD"} - set(roll_rules())
    assert without == {"LE", "HE", "GF"}


def test_a_micro_rolls_with_its_mini() -> None:
    book = exchange_instruments()
    for root, rule in roll_rules().items():
        mini = book.instruments[root].micro_of
        if mini is not None:
            assert (rule.months, rule.anchor, rule.months_before, rule.weekdays_before) == (
                (other := roll_rules()[mini]).months,
                other.anchor,
                other.months_before,
                other.weekdays_before,
            )
