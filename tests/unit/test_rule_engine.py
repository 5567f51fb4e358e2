"""State and rules into a standing: every state at its edges, the precedence, the rooms, what an entry may risk."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from account_engine.drawdown import DayClose, Standing, follow
from account_engine.order_enforcement import BREACH_TYPES
from account_engine.rule_engine import (
    AccountStanding,
    StandingState,
    entry_fits,
    evaluate_standing,
)
from domain.checks import Comparison
from domain.drawdown_rule import DrawdownRule, Family
from domain.limits import Finding
from domain.rule_set import AccountRules
from domain.rules import Rule
from tests.standings import (
    BEGAN,
    DAILY_ONLY,
    DRAWDOWN,
    FLOOR_ONLY,
    KEY,
    LOST_BY_DAY,
    NO_LIMIT,
    NOW,
    RESET,
    path,
    picture,
    rules,
)

ACTIVE, REDUCE_ONLY, UNKNOWN = StandingState.ACTIVE, StandingState.REDUCE_ONLY, StandingState.UNKNOWN
PAUSED_TO_RESET, HALTED, BREACHED = StandingState.PAUSED_TO_RESET, StandingState.HALTED, StandingState.BREACHED
moderate = settings(max_examples=200, deadline=None, database=None)


def some(figure: Decimal | None) -> Decimal:
    assert figure is not None
    return figure


def standing(told: str = "50000", /, given_rules: AccountRules | None = None, **changes: Any) -> AccountStanding:
    return evaluate_standing(picture(told, given_rules, **changes))


def state(told: str = "50000", /, given_rules: AccountRules | None = None, **changes: Any) -> StandingState:
    return standing(told, given_rules, **changes).state


def passed_the_day(rule: DrawdownRule, *figures: str) -> Standing:
    """Each figure is the end of a day, ``equity/balance``; a figure alone is both."""
    pairs = [(figure.partition("/")[0], figure.partition("/")[2] or figure) for figure in figures]
    return follow(
        rule,
        [DayClose(at=BEGAN, equity=Decimal(equity), balance=Decimal(balance)) for equity, balance in pairs],
    )


def test_an_account_in_order_is_active_and_says_how_far_it_is_from_its_limits() -> None:
    found = standing("49500.00", rules(buffer="100"), source="MANUAL", day_pl=Decimal(-500), total_pl=Decimal(-400))
    assert (found.state, found.reasons, found.entries_allowed) == (ACTIVE, (), True)
    assert (found.key, found.at, found.resets_at) == (KEY, NOW, RESET)
    assert (found.day_start, found.daily_limit, found.daily_floor) == (Decimal(50000), Decimal(1000), Decimal(49000))
    assert (found.daily_room, found.daily_used, found.daily_left) == (Decimal(500), Decimal("0.5"), Decimal("0.5"))
    assert (found.high_water_mark, found.drawdown_limit, found.floor) == (Decimal(50000), Decimal(2000), Decimal(48000))
    assert (found.floor_room, found.floor_used, found.floor_left) == (Decimal(1500), Decimal("0.25"), Decimal("0.75"))
    assert (found.buffer, found.room) == (Decimal(100), Decimal(400))
    assert (found.equity, found.balance) == (Decimal(49500), Decimal(49500))
    assert (found.day_pl, found.total_pl) == (Decimal(-500), Decimal(-400))
    assert (found.source, found.age, found.max_age) == ("MANUAL", Decimal(5), Decimal(300))
    assert (found.locked, found.breached, found.daily_paused, found.no_data, found.stale) == (False,) * 5


@pytest.mark.parametrize(
    "given_rules", [rules(None), rules(NO_LIMIT)], ids=["no rule set", "a rule set without limits"]
)
@pytest.mark.parametrize("changes", [{}, {"equity": None, "state_age": None}, {"no_data": True}, {"state_age": 999}])
def test_without_limits_an_account_is_active_whatever_is_known(
    given_rules: AccountRules, changes: dict[str, Any]
) -> None:
    found = standing("50000", given_rules, at_risk_per_trade=Decimal(100), **changes)
    assert (found.state, found.no_data, found.stale) == (ACTIVE, False, False)
    assert (found.daily_room, found.daily_used, found.daily_left) == (None, None, None)
    assert (found.floor_room, found.floor_used, found.floor_left) == (None, None, None)
    assert (found.room, found.losing_trades_left, found.room_gone_at) == (None, None, None)


# Every state at its edges.


@pytest.mark.parametrize(
    ("equity", "rule", "expected"),
    [
        ("49000.01", DRAWDOWN, ACTIVE),
        ("49000.00", DRAWDOWN, PAUSED_TO_RESET),
        ("48999.99", DRAWDOWN, PAUSED_TO_RESET),
        ("49000.01", LOST_BY_DAY, ACTIVE),
        ("49000.00", LOST_BY_DAY, BREACHED),
        ("48999.99", LOST_BY_DAY, BREACHED),
        ("48000.01", DRAWDOWN, PAUSED_TO_RESET),
        ("48000.00", DRAWDOWN, BREACHED),
        ("47999.99", DRAWDOWN, BREACHED),
        ("48000.01", FLOOR_ONLY, ACTIVE),
        ("48000.00", FLOOR_ONLY, BREACHED),
        ("47999.99", FLOOR_ONLY, BREACHED),
        ("100", NO_LIMIT, ACTIVE),
    ],
)
@pytest.mark.parametrize("recorded", [True, False], ids=["recorded by the path", "only seen now"])
def test_equity_at_a_level_has_reached_it(
    equity: str, rule: DrawdownRule, expected: StandingState, recorded: bool
) -> None:
    before = path(rule, "50000")
    assert state(equity, rules(rule), **({} if recorded else {"drawdown": before})) is expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"state_age": Decimal("299.999")}, ACTIVE),
        ({"state_age": Decimal(300)}, ACTIVE),
        ({"state_age": Decimal("300.001")}, UNKNOWN),
        ({"state_age": None}, UNKNOWN),
        ({"no_data": True}, UNKNOWN),
        ({"equity": None}, UNKNOWN),
        ({"drawdown": None}, UNKNOWN),
        ({"balance": None, "day_pl": None, "total_pl": None, "at_risk_per_trade": None}, ACTIVE),
        ({"day_started_at": None, "source": None}, ACTIVE),
    ],
)
@pytest.mark.parametrize("rule", [DRAWDOWN, DAILY_ONLY, FLOOR_ONLY])
def test_what_a_limit_needs_must_be_known_and_recent(
    changes: dict[str, Any], expected: StandingState, rule: DrawdownRule
) -> None:
    assert state("50000", rules(rule), **changes) is expected


def test_a_path_that_was_followed_under_other_rules_leaves_the_new_limit_unknown() -> None:
    assert state(given_rules=rules(DRAWDOWN), drawdown=path(DAILY_ONLY, "50000")) is UNKNOWN
    assert state(given_rules=rules(DRAWDOWN), drawdown=path(FLOOR_ONLY, "50000")) is UNKNOWN


@pytest.mark.parametrize(
    ("equity", "buffer", "expected", "room"),
    [
        ("49250.01", "250", ACTIVE, "0.01"),
        ("49250.00", "250", REDUCE_ONLY, "0"),
        ("49249.99", "250", REDUCE_ONLY, "0"),
        ("49000.01", "0", ACTIVE, "0.01"),
    ],
)
def test_no_room_beyond_the_buffer_is_reduce_only(equity: str, buffer: str, expected: StandingState, room: str) -> None:
    found = standing(equity, rules(buffer=buffer))
    assert (found.state, found.room) == (expected, Decimal(room))
    assert found.daily_room == Decimal(equity) - 49000
    assert found.floor_room == Decimal(equity) - 48000


@pytest.mark.parametrize(
    ("flag", "is_set"),
    [(False, False), (None, False), (True, True), (0, True), ("", True), ("false", True), ("soon", True), ([], True)],
)
@pytest.mark.parametrize(("name", "expected"), [("paused", HALTED), ("halted", HALTED), ("reduce_only", REDUCE_ONLY)])
@pytest.mark.parametrize("rule", [DRAWDOWN, None])
def test_a_flag_that_is_not_a_clear_no_is_a_yes(
    flag: object, is_set: bool, name: str, expected: StandingState, rule: DrawdownRule | None
) -> None:
    assert state("50000", rules(rule), **{name: flag}) is (expected if is_set else ACTIVE)


def test_the_reasons_are_sentences() -> None:
    found = standing(
        "47900",
        rules(buffer="250"),
        halted=True,
        halted_reason="news",
        paused=True,
        paused_reason="on holiday",
        no_data=True,
        state_age=Decimal("301.5"),
        reduce_only=True,
    )
    assert found.reasons == (
        "Equity reached the floor at 2026-01-06T08:59:00+00:00.",
        "Halted: news.",
        "Paused by the owner: on holiday.",
        "The daily limit was reached at 2026-01-06T08:59:00+00:00; the reset is at 2026-01-06T23:00:00+00:00.",
        "The platform is disconnected.",
        "The figures are 301.5 s old, limit 300 s.",
        "Set to reduce only by the owner.",
        "The nearer limit leaves no room beyond the buffer of 250 dollars.",
    )
    before = path(LOST_BY_DAY, "50000")
    assert standing("47900", rules(LOST_BY_DAY), drawdown=before, halted=True, paused=True).reasons == (
        "Equity reached the floor.",
        "The daily limit was reached, which costs the account.",
        "Halted.",
        "Paused by the owner.",
        "The nearer limit leaves no room beyond the buffer of 0 dollars.",
    )
    assert standing(equity=None).reasons == ("Figures that a limit of this account needs are not known.",)


# Precedence.

CAUSES: list[tuple[StandingState, dict[str, Any]]] = [
    (BREACHED, {"breached_at": NOW}),
    (HALTED, {"halted": True}),
    (HALTED, {"paused": True}),
    (PAUSED_TO_RESET, {"daily_breached_at": NOW}),
    (UNKNOWN, {"no_data": True}),
    (UNKNOWN, {"state_age": Decimal(301)}),
    (REDUCE_ONLY, {"reduce_only": True}),
]


@pytest.mark.parametrize("chosen", range(2 ** len(CAUSES)))
def test_the_strongest_state_wins_and_every_cause_is_told(chosen: int) -> None:
    held = [cause for place, cause in enumerate(CAUSES) if chosen >> place & 1]
    changes = {name: value for _, change in held for name, value in change.items()}
    recorded = {name: changes.pop(name) for name in ("breached_at", "daily_breached_at") if name in changes}
    found = standing(drawdown=replace(path(DRAWDOWN, "50000"), **recorded), **changes)
    assert found.state is (held[0][0] if held else ACTIVE)
    assert found.entries_allowed is (not held)
    assert len(found.reasons) == len(held)


def test_the_states_stand_in_the_order_of_their_precedence() -> None:
    assert list(StandingState) == [BREACHED, HALTED, PAUSED_TO_RESET, UNKNOWN, REDUCE_ONLY, ACTIVE]


# What was recorded.


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"state_age": Decimal(99999)},
        {"state_age": None},
        {"no_data": True},
        {"equity": None},
        {"equity": Decimal(60000)},
        {"rules": rules(None)},
    ],
)
def test_a_breach_once_recorded_persists(changes: dict[str, Any]) -> None:
    lost = path(DRAWDOWN, "48000", "50000")
    found = standing("50000", drawdown=lost, **changes)
    assert (found.state, found.breached, found.breached_at) == (BREACHED, True, NOW - timedelta(minutes=2))
    assert not found.lost_by_day


def test_a_daily_limit_once_reached_pauses_until_the_reset_and_no_longer() -> None:
    reached = path(DRAWDOWN, "49000", "50500")
    found = standing("50500", drawdown=reached)
    assert (found.state, found.daily_paused, found.breached) == (PAUSED_TO_RESET, True, False)
    assert (found.daily_reached_at, found.breached_at) == (NOW - timedelta(minutes=2), None)
    reset = follow(DRAWDOWN, [DayClose(at=RESET, equity=Decimal(50500), balance=Decimal(50500))], since=reached)
    assert state("50500", drawdown=reset) is ACTIVE


def test_a_daily_limit_that_costs_the_account_is_a_breach_at_its_moment() -> None:
    lost = path(LOST_BY_DAY, "49000", "50500", "47000")
    found = standing("47000", rules(LOST_BY_DAY), drawdown=lost)
    assert (found.state, found.lost_by_day, found.daily_paused) == (BREACHED, True, False)
    # The floor was reached two minutes later; the account was lost by then.
    assert found.breached_at == found.daily_reached_at == NOW - timedelta(minutes=3)
    earlier = replace(lost, breached_at=BEGAN)
    assert standing("47000", rules(LOST_BY_DAY), drawdown=earlier).breached_at == BEGAN


def test_a_daily_limit_that_was_taken_away_no_longer_pauses() -> None:
    assert state("50500", rules(FLOOR_ONLY), drawdown=path(DRAWDOWN, "49000", "50500")) is ACTIVE


# Used.


@pytest.mark.parametrize(
    ("family", "closes", "equity", "floor", "used", "left"),
    [
        (Family.STATIC, ["50000"], "50000", "48000", "0", "1"),
        (Family.STATIC, ["51000"], "51000", "48000", "0", "1.5"),
        (Family.STATIC, ["51000"], "49000", "48000", "0.5", "0.5"),
        (Family.TRAILING_EOD, ["51000"], "51000", "49000", "0", "1"),
        (Family.TRAILING_EOD, ["51000"], "51500", "49000", "0", "1.25"),
        (Family.TRAILING_EOD, ["51000"], "50000", "49000", "0.5", "0.5"),
        # Locked at 50,000 under a mark of 53,000: 500 dollars are left of a drawdown of 2,000.
        (Family.TRAILING_EOD, ["53000"], "50500", "50000", "0.75", "0.25"),
        (Family.TRAILING_EOD, ["53000"], "53000", "50000", "0", "1.5"),
        (Family.TRAILING_EOD, ["50000"], "47000", "48000", "1.5", "-0.5"),
    ],
)
def test_the_drawdown_used_is_what_no_longer_lies_above_the_floor(
    family: Family, closes: list[str], equity: str, floor: str, used: str, left: str
) -> None:
    rule = replace(FLOOR_ONLY, family=family)
    found = standing(equity, rules(rule), drawdown=passed_the_day(rule, *closes))
    assert (found.floor, found.floor_used, found.floor_left) == (Decimal(floor), Decimal(used), Decimal(left))
    assert found.locked is (floor == "50000")


@pytest.mark.parametrize(
    ("equity", "used", "left"),
    [("51500", "0", "1.5"), ("51000", "0", "1"), ("50999", "0.001", "0.999"), ("49500", "1.5", "-0.5")],
)
def test_the_daily_loss_used_is_counted_from_the_days_start(equity: str, used: str, left: str) -> None:
    rule = replace(DAILY_ONLY, family=Family.STATIC)
    found = standing(equity, rules(rule), drawdown=passed_the_day(rule, "50400/51000"))
    assert (found.day_start, found.daily_used, found.daily_left) == (Decimal(51000), Decimal(used), Decimal(left))


cents = st.integers(4_500_000, 5_500_000).map(lambda amount: Decimal(amount) / 100)
pairs = st.tuples(cents, cents)


@moderate
@given(cents, pairs, st.sampled_from([DRAWDOWN, DAILY_ONLY, FLOOR_ONLY, LOST_BY_DAY]), st.integers(0, 50_000))
def test_rooms_and_used_say_the_same_to_the_cent(
    equity: Decimal, close: tuple[Decimal, Decimal], rule: DrawdownRule, reserve: int
) -> None:
    before = follow(rule, [DayClose(at=BEGAN, equity=close[0], balance=close[1])])
    buffer = Decimal(reserve) / 100
    found = evaluate_standing(picture(str(equity), rules(rule, buffer=str(buffer)), drawdown=before))
    rooms = []
    if rule.daily is not None:
        rooms.append(equity - (close[1] - 1000))
        assert found.daily_room == rooms[-1]
        assert Fraction(some(found.daily_used)) == max(Fraction(close[1] - equity) / 1000, Fraction(0))
    if rule.amount is not None:
        rooms.append(equity - some(before.floor))
        assert found.floor_room == rooms[-1]
        assert Fraction(some(found.floor_used)) == max(1 - Fraction(rooms[-1]) / 2000, Fraction(0))
    assert found.room == max(min(rooms) - buffer, Decimal(0))
    reached = min(rooms) <= 0 or before.breached_at is not None
    reached = reached or (rule is LOST_BY_DAY and before.daily_breached_at is not None)
    assert (found.state in {BREACHED, PAUSED_TO_RESET}) is reached
    assert (found.state is ACTIVE) is (not reached and min(rooms) > buffer)


@moderate
@given(cents, cents)
def test_lower_equity_never_uses_less(one: Decimal, other: Decimal) -> None:
    before = path(DRAWDOWN, "50000")
    low, high = (standing(str(equity), drawdown=before) for equity in sorted((one, other)))
    assert some(low.daily_used) >= some(high.daily_used)
    assert some(low.floor_used) >= some(high.floor_used)
    assert some(low.room) <= some(high.room)
    assert list(StandingState).index(low.state) <= list(StandingState).index(high.state)


# Losing trades, the hour, the target.


@pytest.mark.parametrize(
    ("room", "at_risk", "trades"),
    [
        ("1000", "249.99", 4),
        ("1000", "250", 3),
        ("1000", "250.01", 3),
        ("1000", "999.99", 1),
        ("1000", "1000", 0),
        ("1000", "1000.01", 0),
        ("1000", "0", None),
        ("1000", "-1", None),
        ("1000", None, None),
        ("0", "250", 0),
    ],
)
def test_the_losing_trades_left(room: str, at_risk: str | None, trades: int | None) -> None:
    risk = None if at_risk is None else Decimal(at_risk)
    found = standing(str(49000 + int(room)), rules(DAILY_ONLY), at_risk_per_trade=risk)
    assert found.losing_trades_left == trades


@moderate
@given(st.integers(4_890_000, 5_100_000), st.integers(2_000, 150_000), st.sampled_from(["0", "0.01", "250"]))
def test_as_many_losing_trades_are_left_as_would_be_let_in(equity: int, at_risk: int, buffer: str) -> None:
    now, loss, entered = Decimal(equity) / 100, Decimal(at_risk) / 100, 0
    given_rules = rules(DAILY_ONLY, buffer=buffer)
    first = evaluate_standing(picture(str(now), given_rules, at_risk_per_trade=loss))
    while all(finding.comparison.passed for finding in entry_fits(standing(str(now), given_rules), loss)):
        now, entered = now - loss, entered + 1
    assert first.losing_trades_left == entered


@pytest.mark.parametrize(
    ("changes", "hours"),
    [
        # 500 dollars lost in the 10 hours since the day began, 500 left: 10 hours more. The reset is 14 hours away.
        ({}, "10"),
        ({"rules": rules(buffer="100")}, "8"),
        ({"rules": rules(buffer="500")}, None),
        ({"equity": Decimal("49583.34")}, "14.000384"),  # beyond the reset
        ({"equity": Decimal("49583.33")}, "13.999808"),
        ({"equity": Decimal(50000)}, None),
        ({"equity": Decimal("49999.99")}, None),
        ({"equity": Decimal(50001)}, None),
        ({"equity": Decimal(49000)}, None),
        ({"equity": None}, None),
        ({"drawdown": None}, None),
        ({"rules": rules(None)}, None),
        ({"day_started_at": None}, None),
        ({"day_started_at": NOW}, None),
        ({"day_started_at": NOW + timedelta(hours=1)}, None),
        ({"day_started_at": NOW - timedelta(hours=2)}, "2"),
        ({"state_age": Decimal(301)}, None),
        ({"no_data": True}, None),
        # The floor is nearer than the day's level; its room goes at the day's pace.
        ({"drawdown": replace(path(DRAWDOWN, "50000"), floor=Decimal(49300))}, "4"),
    ],
)
def test_the_hour_at_which_the_room_is_gone(changes: dict[str, Any], hours: str | None) -> None:
    found = standing("49500", **{"drawdown": path(DRAWDOWN, "50000"), **changes}).room_gone_at
    if hours is None or Decimal(hours) >= 14:
        assert found is None
    else:
        assert found is not None
        assert abs((found - NOW) - timedelta(hours=float(hours))) < timedelta(seconds=1)


def test_room_that_lasts_exactly_until_the_reset_lasts_the_day() -> None:
    noon = BEGAN + timedelta(hours=12)
    half = picture("49500", now=noon, drawdown=path(DRAWDOWN, "50000"))
    assert evaluate_standing(half).room_gone_at is None
    a_cent_more = replace(half, equity=Decimal("49499.99"))
    gone = evaluate_standing(a_cent_more).room_gone_at
    assert gone is not None
    assert timedelta(0) < RESET - gone < timedelta(seconds=3)


@moderate
@given(st.integers(4_900_001, 4_999_999), st.integers(1, 86_399))
def test_at_the_pace_of_the_day_nothing_is_left_at_that_hour(equity: int, seconds: int) -> None:
    now = BEGAN + timedelta(seconds=seconds)
    given_picture = picture(str(Decimal(equity) / 100), rules(DAILY_ONLY), now=now)
    found = evaluate_standing(given_picture)
    lost = Fraction(50000) - Fraction(equity, 100)
    lasts = (1000 - lost) * seconds / lost
    if now + timedelta(seconds=float(lasts)) < RESET - timedelta(milliseconds=1):
        assert found.room_gone_at is not None
        assert abs(Fraction((found.room_gone_at - now) // timedelta(microseconds=1), 10**6) - lasts) <= Fraction(
            1, 10**6
        )
    elif now + timedelta(seconds=float(lasts)) > RESET + timedelta(milliseconds=1):
        assert found.room_gone_at is None


@pytest.mark.parametrize(
    ("target", "balance", "total_pl", "distance"),
    [
        ("3000", "50000", None, "3000"),
        ("3000", "52999.99", None, "0.01"),
        ("3000", "53000", None, "0"),
        ("3000", "53000.01", None, "0"),
        ("3000", "49000", None, "4000"),
        ("3000", "51000", "9999", "2000"),
        ("3000", None, "1000", "2000"),
        ("3000", None, None, None),
        (None, "51000", "1000", None),
    ],
)
def test_the_distance_to_the_target(
    target: str | None, balance: str | None, total_pl: str | None, distance: str | None
) -> None:
    found = standing(
        "60000",
        rules(target=target),
        balance=None if balance is None else Decimal(balance),
        total_pl=None if total_pl is None else Decimal(total_pl),
    )
    assert found.distance_to_target == (None if distance is None else Decimal(distance))


def test_a_rule_set_without_drawdown_counts_the_target_from_the_account_size() -> None:
    given_rules = replace(rules(target="3000"), drawdown=None)
    assert standing("51000", given_rules, drawdown=None).distance_to_target == Decimal(2000)


def test_consistency_is_shown_and_decides_nothing() -> None:
    found = standing(consistency_share=Decimal("0.62"), consistency_passed=False)
    assert (found.consistency_share, found.consistency_passed, found.state) == (Decimal("0.62"), False, ACTIVE)


# Entries.


def finding(found: AccountStanding, worst_case: str | None, rule: Rule) -> Finding:
    worst = None if worst_case is None else Decimal(worst_case)
    (only,) = [entry for entry in entry_fits(found, worst) if entry.comparison.rule is rule]
    return only


@pytest.mark.parametrize(
    ("rule", "room_rule", "room", "other"),
    [(DAILY_ONLY, Rule.DAILY_ROOM, 1000, Rule.DRAWDOWN_ROOM), (FLOOR_ONLY, Rule.DRAWDOWN_ROOM, 2000, Rule.DAILY_ROOM)],
)
@pytest.mark.parametrize("buffer", ["0", "250"])
@pytest.mark.parametrize(("beyond", "passed"), [("-0.01", True), ("0", False), ("0.01", False)])
def test_a_worst_case_must_stay_below_the_room_less_the_buffer(
    rule: DrawdownRule, room_rule: Rule, room: int, other: Rule, buffer: str, beyond: str, passed: bool
) -> None:
    limit = room - Decimal(buffer)
    worst_case = limit + Decimal(beyond)
    found = standing("50000", rules(rule, buffer=buffer))
    standing_finding, room_finding = entry_fits(found, worst_case)
    assert standing_finding.comparison.passed
    comparison = room_finding.comparison
    assert (comparison.rule, comparison.value, comparison.limit) == (room_rule, worst_case, limit)
    assert (comparison.passed, room_finding.refuses) == (passed, not passed)
    words = "room to today's limit" if room_rule is Rule.DAILY_ROOM else "room to the floor"
    details = {"worst_case": worst_case, "room": room, "buffer": Decimal(buffer)}
    reason = f"Exceeds the {words}: worst case {worst_case} is not below {limit} dollars."
    assert (room_finding.reason, room_finding.details) == ((None, None) if passed else (reason, details))
    assert words in str(comparison.note)
    assert f"buffer of {buffer}" in str(comparison.note)
    assert other not in {entry.comparison.rule for entry in entry_fits(found, worst_case)}


@pytest.mark.parametrize(
    ("worst_case", "daily", "floor"), [("999.99", True, True), ("1000", False, True), ("2000", False, False)]
)
def test_each_room_is_judged_by_itself(worst_case: str, daily: bool, floor: bool) -> None:
    found = standing()
    assert finding(found, worst_case, Rule.DAILY_ROOM).comparison.passed is daily
    assert finding(found, worst_case, Rule.DRAWDOWN_ROOM).comparison.passed is floor


@pytest.mark.parametrize("equity", ["50000", None])
def test_an_unknown_worst_case_refuses_wherever_there_is_a_limit(equity: str | None) -> None:
    found = standing(equity=None if equity is None else Decimal(equity))
    for rule, room in ((Rule.DAILY_ROOM, 1000), (Rule.DRAWDOWN_ROOM, 2000)):
        refused = finding(found, None, rule)
        assert (refused.refuses, refused.comparison.value) == (True, None)
        assert refused.comparison.limit == (None if equity is None else room)
        assert "not known" in str(refused.reason)
    (only,) = entry_fits(standing(given_rules=rules(None)), None)
    assert (only.comparison.rule, only.refuses) == (Rule.STANDING_FORBIDS_ENTRY, False)


def test_an_unknown_room_is_not_evaluated_and_the_standing_refuses() -> None:
    found = standing(equity=None)
    assert [(entry.comparison.rule, entry.comparison.passed) for entry in entry_fits(found, Decimal(1))] == [
        (Rule.STANDING_FORBIDS_ENTRY, False),
        (Rule.DAILY_ROOM, None),
        (Rule.DRAWDOWN_ROOM, None),
    ]
    assert finding(found, "1", Rule.DAILY_ROOM).comparison == Comparison(
        rule=Rule.DAILY_ROOM, value=Decimal(1), limit=None, passed=None, note="the room to today's limit is not known"
    )


def test_no_room_lets_nothing_in_not_even_an_entry_without_risk() -> None:
    found = standing("49000", drawdown=path(DRAWDOWN, "50000"))
    assert not finding(found, "0", Rule.DAILY_ROOM).comparison.passed
    assert finding(standing("49000.01"), "0", Rule.DAILY_ROOM).comparison.passed


def test_a_negative_worst_case_is_a_fault() -> None:
    with pytest.raises(ValueError, match=r"worst case -0\.01 is below 0; expected the dollars that would be lost"):
        entry_fits(standing(), Decimal("-0.01"))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ACTIVE),
        ({"reduce_only": True}, REDUCE_ONLY),
        ({"no_data": True}, UNKNOWN),
        ({"drawdown": path(DRAWDOWN, "49000", "50000")}, PAUSED_TO_RESET),
        ({"paused": True}, HALTED),
        ({"halted": True}, HALTED),
        ({"drawdown": path(DRAWDOWN, "48000", "50000")}, BREACHED),
    ],
)
def test_only_an_active_account_may_enter(changes: dict[str, Any], expected: StandingState) -> None:
    found = standing(**changes)
    forbids = finding(found, "1", Rule.STANDING_FORBIDS_ENTRY)
    assert forbids.comparison == Comparison(
        rule=Rule.STANDING_FORBIDS_ENTRY, value=str(expected), limit="ACTIVE", passed=expected is ACTIVE
    )
    if expected is ACTIVE:
        assert (forbids.reason, forbids.details) == (None, None)
        return
    assert str(forbids.reason).startswith(f"Standing {expected} forbids entries.")
    assert all(reason in str(forbids.reason) for reason in found.reasons)
    assert forbids.details == {"state": str(expected), "reasons": list(found.reasons)}


@moderate
@given(cents, st.integers(0, 300_000), st.sampled_from(["0", "0.01", "250"]))
def test_an_entry_that_was_let_in_and_lost_reaches_no_limit(equity: Decimal, worst: int, buffer: str) -> None:
    before = picture(str(equity), rules(buffer=buffer))
    worst_case = Decimal(worst) / 100
    if any(entry.refuses for entry in entry_fits(evaluate_standing(before), worst_case)):
        return
    after = replace(before, equity=equity - worst_case)
    assert evaluate_standing(after).state is ACTIVE


def test_an_answer_of_order_enforcement_can_bear_each_of_the_rules() -> None:
    kinds = [BREACH_TYPES[rule] for rule in (Rule.STANDING_FORBIDS_ENTRY, Rule.DAILY_ROOM, Rule.DRAWDOWN_ROOM)]
    assert kinds == ["standing", "daily_loss", "drawdown"]


# The record.


def test_a_row_is_plain_json_with_numbers_and_times() -> None:
    found = standing("49500.50", at_risk_per_trade=Decimal(100), reset_day=BEGAN.date(), paused=True)
    row = found.as_row()
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    expected = {entry.name for entry in fields(AccountStanding)} - {"key"}
    expected |= {"firm_code", "program_id", "entries_allowed", "daily_left", "floor_left"}
    assert set(row) == expected
    assert {name: type(row[name]) for name in ("daily_room", "daily_limit", "daily_used", "floor", "buffer")} == {
        "daily_room": float,
        "daily_limit": int,
        "daily_used": float,
        "floor": int,
        "buffer": int,
    }
    assert (row["firm_code"], row["program_id"], row["state"]) == ("TOPSTEP", 1, "HALTED")
    assert (row["daily_room"], row["daily_used"], row["daily_left"]) == (500.5, 0.4995, 0.5005)
    assert (row["floor_room"], row["floor_left"], row["entries_allowed"]) == (1500.5, 0.75025, False)
    assert (row["reasons"], row["at"]) == (["Paused by the owner."], "2026-01-06T09:00:00+00:00")
    assert (row["losing_trades_left"], row["reset_day"], row["breached_at"]) == (5, "2026-01-05", None)
