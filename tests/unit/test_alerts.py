"""Alerts: each at its edges, raised once per crossing, cleared when crossed back, the same across restarts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from account_engine.alerts import Alert, AlertKey, AlertRule, Changes, Severity, changes, conditions
from account_engine.drawdown import DayClose, Reading, advance, begin
from account_engine.rule_engine import AccountStanding, evaluate_standing
from domain.drawdown_rule import DrawdownRule
from domain.rule_set import AccountRules
from tests.standings import (
    BEGAN,
    DAILY_ONLY,
    DAY,
    DRAWDOWN,
    FLOOR_ONLY,
    KEY,
    LOST_BY_DAY,
    NOW,
    path,
    picture,
    rules,
)

DAILY_50, DAILY_75, DAILY_90 = (AlertKey(AlertRule.DAILY_LOSS_USED, mark) for mark in ("50", "75", "90"))
FLOOR_50, FLOOR_75, FLOOR_90 = (AlertKey(AlertRule.DRAWDOWN_USED, mark) for mark in ("50", "75", "90"))
LIMIT_REACHED, BREACH = AlertKey(AlertRule.DAILY_LIMIT_REACHED), AlertKey(AlertRule.BREACH)
STALE, NO_DATA = AlertKey(AlertRule.STALE), AlertKey(AlertRule.NO_DATA)
LOCKED = AlertKey(AlertRule.HIGH_WATER_MARK_LOCKED)
ALL_LEVELS = [DAILY_50, DAILY_75, DAILY_90, FLOOR_50, FLOOR_75, FLOOR_90, LIMIT_REACHED, BREACH, STALE, NO_DATA]
moderate = settings(max_examples=150, deadline=None, database=None)


def standing(told: str = "50000", /, given_rules: AccountRules | None = None, **facts: Any) -> AccountStanding:
    return evaluate_standing(picture(told, given_rules, **facts))


def alert(found: AccountStanding, key: AlertKey) -> tuple[Severity, Decimal | None, Decimal | None]:
    one = conditions(found)[key]
    assert (one.account, one.key) == (KEY, key)
    return one.severity, one.value, one.limit


def raised(result: Changes) -> list[AlertKey]:
    return [one.key for one in result.raised]


def test_an_account_in_order_has_no_alerts() -> None:
    assert conditions(standing()) == {}
    assert changes((), standing()) == Changes((), ())


@pytest.mark.parametrize(
    ("rule", "equity", "keys"),
    [
        (DAILY_ONLY, "49500.01", []),
        (DAILY_ONLY, "49500.00", [DAILY_50]),
        (DAILY_ONLY, "49499.99", [DAILY_50]),
        (DAILY_ONLY, "49250.01", [DAILY_50]),
        (DAILY_ONLY, "49250.00", [DAILY_50, DAILY_75]),
        (DAILY_ONLY, "49249.99", [DAILY_50, DAILY_75]),
        (DAILY_ONLY, "49100.01", [DAILY_50, DAILY_75]),
        (DAILY_ONLY, "49100.00", [DAILY_50, DAILY_75, DAILY_90]),
        (DAILY_ONLY, "49099.99", [DAILY_50, DAILY_75, DAILY_90]),
        (DAILY_ONLY, "49000.01", [DAILY_50, DAILY_75, DAILY_90]),
        (DAILY_ONLY, "49000.00", [DAILY_50, DAILY_75, DAILY_90, LIMIT_REACHED]),
        (DAILY_ONLY, "48999.99", [DAILY_50, DAILY_75, DAILY_90, LIMIT_REACHED]),
        (FLOOR_ONLY, "49000.01", []),
        (FLOOR_ONLY, "49000.00", [FLOOR_50]),
        (FLOOR_ONLY, "48999.99", [FLOOR_50]),
        (FLOOR_ONLY, "48500.01", [FLOOR_50]),
        (FLOOR_ONLY, "48500.00", [FLOOR_50, FLOOR_75]),
        (FLOOR_ONLY, "48499.99", [FLOOR_50, FLOOR_75]),
        (FLOOR_ONLY, "48200.01", [FLOOR_50, FLOOR_75]),
        (FLOOR_ONLY, "48200.00", [FLOOR_50, FLOOR_75, FLOOR_90]),
        (FLOOR_ONLY, "48199.99", [FLOOR_50, FLOOR_75, FLOOR_90]),
        (FLOOR_ONLY, "48000.01", [FLOOR_50, FLOOR_75, FLOOR_90]),
        (FLOOR_ONLY, "48000.00", [FLOOR_50, FLOOR_75, FLOOR_90, BREACH]),
        (FLOOR_ONLY, "47999.99", [FLOOR_50, FLOOR_75, FLOOR_90, BREACH]),
        (DRAWDOWN, "49000.00", [DAILY_50, DAILY_75, DAILY_90, FLOOR_50, LIMIT_REACHED]),
        (LOST_BY_DAY, "49000.01", [DAILY_50, DAILY_75, DAILY_90]),
        (LOST_BY_DAY, "49000.00", [DAILY_50, DAILY_75, DAILY_90, FLOOR_50, BREACH]),
    ],
)
def test_a_threshold_that_is_reached_exactly_is_crossed(rule: DrawdownRule, equity: str, keys: list[AlertKey]) -> None:
    found = standing(equity, rules(rule))
    assert list(conditions(found)) == keys
    assert raised(changes((), found)) == keys
    assert changes(keys, found) == Changes((), ())
    assert changes(keys, standing("50000", rules(rule))) == Changes((), tuple(sorted(keys)))


@pytest.mark.parametrize(
    ("equity", "key", "severity", "value", "limit"),
    [
        ("49400", DAILY_50, Severity.INFO, "600", "1000"),
        ("49200", DAILY_75, Severity.WARNING, "800", "1000"),
        ("49050", DAILY_90, Severity.CRITICAL, "950", "1000"),
        ("48900", FLOOR_50, Severity.INFO, "1100", "2000"),
        ("48400", FLOOR_75, Severity.WARNING, "1600", "2000"),
        ("48100", FLOOR_90, Severity.CRITICAL, "1900", "2000"),
        ("48900", LIMIT_REACHED, Severity.CRITICAL, "48900", "49000"),
        ("47900", BREACH, Severity.CRITICAL, "47900", "48000"),
    ],
)
def test_an_alert_bears_its_value_beside_its_limit(
    equity: str, key: AlertKey, severity: Severity, value: str, limit: str
) -> None:
    assert alert(standing(equity), key) == (severity, Decimal(value), Decimal(limit))


def test_a_breach_by_the_daily_limit_bears_the_days_level() -> None:
    found = standing("48900", rules(LOST_BY_DAY))
    assert alert(found, BREACH) == (Severity.CRITICAL, Decimal(48900), Decimal(49000))


@pytest.mark.parametrize(
    ("age", "keys"), [("300", []), ("300.001", [STALE]), (None, [NO_DATA])], ids=["at", "over", "none ever came"]
)
def test_figures_that_are_old_or_absent(age: str | None, keys: list[AlertKey]) -> None:
    found = standing(state_age=None if age is None else Decimal(age))
    assert list(conditions(found)) == keys
    assert list(conditions(standing("50000", rules(None), state_age=found.age))) == []


@pytest.mark.parametrize("facts", [{"no_data": True}, {"equity": None}, {"drawdown": None}])
def test_no_data(facts: dict[str, Any]) -> None:
    assert alert(standing(**facts), NO_DATA) == (Severity.WARNING, None, None)


def test_stale_figures_bear_their_age() -> None:
    assert alert(standing(state_age=Decimal(400)), STALE) == (Severity.WARNING, Decimal(400), Decimal(300))


def test_an_alert_bears_the_recorded_moment_or_that_of_the_standing() -> None:
    recorded = conditions(standing("47000", drawdown=path(DRAWDOWN, "49500", "48900", "47000")))
    assert {key: one.at for key, one in recorded.items() if key in {DAILY_50, LIMIT_REACHED, BREACH}} == {
        DAILY_50: NOW,
        LIMIT_REACHED: NOW - timedelta(minutes=2),
        BREACH: NOW - timedelta(minutes=1),
    }
    seen = conditions(standing("47000", drawdown=path(DRAWDOWN, "50000")))
    assert {one.at for one in seen.values()} == {NOW}


# Events.


def reset_of(day: date) -> AlertKey:
    return AlertKey(AlertRule.DAY_RESET, day.isoformat())


def test_a_reset_is_told_once_for_each_day_and_never_cleared() -> None:
    monday, tuesday = date(2026, 1, 5), date(2026, 1, 6)
    first = changes((), standing(reset_day=monday))
    assert raised(first) == [reset_of(monday)]
    assert alert(standing(reset_day=monday), reset_of(monday)) == (Severity.INFO, Decimal(50000), Decimal(49000))
    on_record = first.applied_to(())
    assert changes(on_record, standing(reset_day=monday)) == Changes((), ())
    second = changes(on_record, standing(reset_day=tuesday))
    assert (raised(second), second.cleared) == ([reset_of(tuesday)], ())
    assert second.applied_to(on_record) == {reset_of(monday), reset_of(tuesday)}
    # Of the resets the newest on record is enough.
    assert changes({reset_of(tuesday)}, standing(reset_day=tuesday)) == Changes((), ())


def test_a_lock_is_told_once_ever() -> None:
    locked = replace(path(DRAWDOWN, "53000"), locked=True, floor=Decimal(50000), high_water_mark=Decimal(53000))
    found = standing("53000", drawdown=locked)
    assert alert(found, LOCKED) == (Severity.INFO, Decimal(53000), Decimal(50000))
    on_record = changes((), found).applied_to(())
    assert on_record == {LOCKED}
    # Not even an account that the firm has reset, so that nothing is locked, clears or repeats it.
    assert changes(on_record, standing()) == Changes((), ())
    assert changes(on_record, found) == Changes((), ())


def test_events_and_levels_are_told_apart() -> None:
    events = {rule for rule in AlertRule if rule.is_event}
    assert events == {AlertRule.DAY_RESET, AlertRule.HIGH_WATER_MARK_LOCKED}
    assert {key.rule for key in ALL_LEVELS} == set(AlertRule) - events


# What is not known.


@pytest.mark.parametrize("facts", [{"equity": None}, {"drawdown": None}])
@pytest.mark.parametrize(
    ("rule", "cleared"),
    [
        (DRAWDOWN, []),
        (DAILY_ONLY, [FLOOR_50, FLOOR_75, FLOOR_90]),
        (FLOOR_ONLY, [LIMIT_REACHED, DAILY_50, DAILY_75, DAILY_90]),
    ],
)
def test_what_is_not_known_is_no_recovery(facts: dict[str, Any], rule: DrawdownRule, cleared: list[AlertKey]) -> None:
    result = changes(
        [key for key in ALL_LEVELS if key not in {STALE, NO_DATA}], standing("50000", rules(rule), **facts)
    )
    assert set(result.cleared) == set(cleared)
    assert raised(result) == [NO_DATA]


def test_stale_figures_change_no_alert_but_their_own() -> None:
    known = standing("49200")
    on_record = changes((), known).applied_to(())
    old = standing("49200", state_age=Decimal(301))
    result = changes(on_record, old)
    assert (raised(result), result.cleared) == ([STALE], ())
    assert changes(result.applied_to(on_record), known) == Changes((), (STALE,))


def test_an_account_without_limits_any_more_has_nothing_left_to_alert_of() -> None:
    assert changes(ALL_LEVELS, standing("50000", rules(None))) == Changes((), tuple(sorted(ALL_LEVELS)))


def test_a_recorded_breach_stays_open_until_the_firm_resets_the_account() -> None:
    lost = standing("50000", drawdown=path(DRAWDOWN, "48000", "50000"), state_age=Decimal(999))
    assert BREACH in conditions(lost)
    assert changes({BREACH}, standing("50000", drawdown=begin(DRAWDOWN))).cleared == (BREACH,)


# Paths.

steps = st.lists(
    st.tuples(
        st.sampled_from(["reading"] * 8 + ["close"]),
        st.sampled_from([47900, 48000, 48200, 48500, 49000, 49100, 49250, 49500, 50000, 50500, 52000, 53000])
        | st.integers(47800, 53000),
        st.integers(-1, 1).map(lambda cents: Decimal(cents) / 100),
        st.sampled_from(["5"] * 6 + ["301", None]),
        st.sampled_from([False] * 6 + [True]),
    ),
    max_size=30,
)
limits = st.sampled_from([DRAWDOWN, DAILY_ONLY, FLOOR_ONLY, LOST_BY_DAY])


def walk(rule: DrawdownRule, points: Iterable[tuple[str, int, Decimal, str | None, bool]]) -> list[AccountStanding]:
    """The standing after each point; one in eight has old or no figures, and equity itself may be missing."""
    known, found = begin(rule), []
    began, reset_day = BEGAN, None
    for minute, (kind, dollars, cents, age, hidden) in enumerate(points, start=1):
        at, equity = BEGAN + timedelta(minutes=minute), dollars + cents
        point = DayClose if kind == "close" else Reading
        known = advance(rule, known, point(at=at, equity=equity, balance=equity))
        if kind == "close":
            # A day a minute: only its name counts here.
            began, reset_day = at, DAY.day_of(at) + timedelta(days=minute)
        found.append(
            standing(
                given_rules=rules(rule),
                now=at,
                drawdown=known,
                equity=None if hidden else equity,
                state_age=None if age is None else Decimal(age),
                day_started_at=began,
                reset_day=reset_day,
            )
        )
    return found


def told(standings: Iterable[AccountStanding], on_record: Iterable[AlertKey] = ()) -> tuple[list[Changes], Any]:
    kept = frozenset(on_record)
    results = []
    for found in standings:
        results.append(changes(kept, found))
        kept = results[-1].applied_to(kept)
    return results, kept


@moderate
@given(limits, steps)
def test_each_level_is_raised_and_cleared_in_turn_and_each_event_once(rule: DrawdownRule, points: Any) -> None:
    results, _ = told(walk(rule, points))
    history: dict[AlertKey, list[str]] = {}
    for result in results:
        assert not {one.key for one in result.raised} & set(result.cleared)
        for key in result.cleared:
            history.setdefault(key, []).append("cleared")
        for one in result.raised:
            history.setdefault(one.key, []).append("raised")
    for key, said in history.items():
        if key.rule.is_event:
            assert said == ["raised"]
        else:
            assert said == [("raised", "cleared")[turn % 2] for turn in range(len(said))]


@moderate
@given(limits, steps)
def test_on_record_is_what_the_figures_say(rule: DrawdownRule, points: Any) -> None:
    """Reckoned once more by hand: a threshold in dollars of equity, kept as it was while equity is not known."""
    kept: frozenset[AlertKey] = frozenset()
    for found in walk(rule, points):
        before, kept = kept, changes(kept, found).applied_to(kept)
        for key, start, limit in (
            *((key, found.daily_floor, found.daily_limit) for key in (DAILY_50, DAILY_75, DAILY_90)),
            *((key, found.floor, found.drawdown_limit) for key in (FLOOR_50, FLOOR_75, FLOOR_90)),
        ):
            if limit is None or start is None:
                assert key not in kept
            elif found.equity is None:
                assert (key in kept) is (key in before)
            else:
                line = start + limit - limit * int(key.mark) / 100
                assert (key in kept) is (found.equity <= line)
        assert (STALE in kept) is (found.age == 301)
        assert (NO_DATA in kept) is (found.age is None or found.equity is None)


@moderate
@given(limits, steps, st.lists(st.integers(0, 30), max_size=4))
def test_restarts_repeat_nothing_and_lose_nothing(rule: DrawdownRule, points: Any, cuts: list[int]) -> None:
    standings = walk(rule, points)
    whole, _ = told(standings)
    pieces: list[Changes] = []
    on_record: Any = frozenset()
    edges = [0, *sorted(cuts), len(standings)]
    for start, end in pairwise(edges):
        # All that a restart knows is what was written down, as text.
        text = json.dumps([[str(key.rule), key.mark] for key in on_record])
        on_record = frozenset(AlertKey(AlertRule(name), mark) for name, mark in json.loads(text))
        results, on_record = told(standings[start:end], on_record)
        pieces += results
    assert pieces == whole
    if standings:
        assert changes(on_record, standings[-1]) == Changes((), ())


# The record.


def test_a_row_is_plain_json() -> None:
    one = Alert(account=KEY, key=DAILY_50, severity=Severity.INFO, value=Decimal("500.50"), limit=Decimal(1000), at=NOW)
    row = one.as_row()
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    assert row == {
        "firm_code": "TOPSTEP",
        "program_id": 1,
        "rule": "DAILY_LOSS_USED",
        "mark": "50",
        "severity": "INFO",
        "value": 500.5,
        "limit": 1000,
        "at": "2026-01-06T09:00:00+00:00",
    }
    empty = replace(one, value=None, limit=None).as_row()
    assert (empty["value"], empty["limit"]) == (None, None)
