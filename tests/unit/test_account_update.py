"""What platforms, programs and people say of an account: every accepted spelling, every refusal, what a zero means."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.account_update import FIGURES, AccountUpdate, Source
from signals.account_update import AccountBounds, parse_ninjatrader, parse_state
from signals.body import read_json_object
from signals.manual import parse_flags, parse_override, parse_signed, parse_withdrawal
from signals.problem import FieldProblem, InvalidSignal

NOW = datetime(2026, 11, 18, 17, 0, tzinfo=UTC)
MILLISECONDS = int(NOW.timestamp() * 1000)
USUAL = AccountBounds(floor=Decimal(48000))
NT: dict[str, Any] = {
    "account_id": "APEX-1234-01",
    "timestamp": MILLISECONDS,
    "cash_value": Decimal("50100.50"),
    "net_liquidation": Decimal("50050.25"),
    "realized_pnl": Decimal("100.50"),
    "unrealized_pnl": Decimal("-50.25"),
    "positions": [{"symbol": "MNQ 12-26", "quantity": -2, "avgPrice": Decimal("21000.25")}],
    "daily_pnl_history": {"2026-11-17": Decimal("12.5"), "2026-11-18": Decimal("100.50")},
}
SIGNED = {"reason": "the platform shows nonsense", "set_by": "owner"}


def without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def ninjatrader(bounds: AccountBounds = USUAL, /, **changes: Any) -> AccountUpdate:
    return parse_ninjatrader({**NT, **changes}, NOW)[1].update(bounds)


def state(bounds: AccountBounds = USUAL, /, **fields: Any) -> AccountUpdate:
    return parse_state(fields, NOW).update(bounds)


def problems(parse: Any, *arguments: Any, **fields: Any) -> tuple[FieldProblem, ...]:
    with pytest.raises(InvalidSignal) as refused:
        parse(*arguments, **fields)
    for problem in refused.value.problems:
        json.dumps(problem.as_json())
    return refused.value.problems


def fields_of(found: tuple[FieldProblem, ...]) -> list[str]:
    return [problem.field for problem in found]


def test_a_message_as_the_documents_describe_it_is_read() -> None:
    name, news = parse_ninjatrader(NT, NOW)

    assert (name, news.ignored) == ("APEX-1234-01", ())
    assert news.update(USUAL) == AccountUpdate(
        at=NOW,
        received_at=NOW,
        source=Source.PLATFORM,
        equity=Decimal("50050.25"),
        balance=Decimal("50100.50"),
        realized_pl=Decimal("100.50"),
        unrealized_pl=Decimal("-50.25"),
        positions=({"symbol": "MNQ 12-26", "quantity": -2, "avgPrice": Decimal("21000.25")},),
        daily_pl={date(2026, 11, 17): Decimal("12.5"), date(2026, 11, 18): Decimal("100.50")},
    )


def test_a_message_in_the_words_of_a_published_add_on_is_read() -> None:
    name, news = parse_ninjatrader(
        {
            "accountId": "Sim101",
            "timestamp": MILLISECONDS,
            "equity": 50050.25,
            "balance": 50100.5,
            "realizedPnl": 100.5,
            "unrealizedPnl": -50.25,
            "highWaterMark": 50050.25,
            "dailyPnl": 100.5,
            "startingBalance": 50000,
            "openPositions": [],
            "dailyPnlHistory": {"2026-11-18": 100.5},
        },
        NOW,
    )

    update = news.update(USUAL)
    assert (name, news.ignored) == ("Sim101", ("highWaterMark", "dailyPnl", "startingBalance"))
    assert (update.equity, update.balance, update.day_pl) == (Decimal("50050.25"), Decimal("50100.5"), None)
    assert (update.positions, update.daily_pl) == ((), {date(2026, 11, 18): Decimal("100.5")})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("account_id", "accountId"),
        ("account_id", "account"),
        ("account_id", "AccountName"),
        ("cash_value", "cashValue"),
        ("cash_value", "CashValue"),
        ("cash_value", "balance"),
        ("net_liquidation", "netLiquidation"),
        ("net_liquidation", "NetLiquidation"),
        ("net_liquidation", "equity"),
        ("realized_pnl", "realizedPnL"),
        ("realized_pnl", "realized_pl"),
        ("realized_pnl", "RealizedProfitLoss"),
        ("unrealized_pnl", "unrealizedPnl"),
        ("unrealized_pnl", "UnrealizedProfitLoss"),
        ("daily_pnl_history", "dailyPnlHistory"),
        ("timestamp", "time"),
        ("timestamp", "timestampMs"),
        ("positions", "openPositions"),
    ],
)
def test_other_spellings_mean_the_same(old: str, new: str) -> None:
    fields = {**without(NT, old), new: NT[old]}
    name, news = parse_ninjatrader(fields, NOW)
    assert (name, news.update(USUAL), news.ignored) == ("APEX-1234-01", ninjatrader(), ())


def test_one_field_in_two_spellings_must_say_the_same() -> None:
    (problem,) = problems(ninjatrader, cashValue=Decimal(1))
    assert (problem.field, problem.accepted) == ("cashValue", "the same value as cash_value, or only one of the two")
    assert ninjatrader(cashValue=NT["cash_value"]) == ninjatrader()


def test_ninjatraders_own_words_come_before_the_general_ones() -> None:
    assert ninjatrader(equity=1, balance=2).figures() == ninjatrader().figures()


FIGURE_FIELDS = ("cash_value", "net_liquidation", "realized_pnl", "unrealized_pnl")
NO_NUMBERS: list[Any] = [
    *("NaN", "Infinity", "-Infinity", "1e10", "", "50,000.00", "1_000", True, [], {}),
    *(Decimal("NaN"), Decimal("Infinity"), float("nan"), float("-inf")),
    *(Decimal("1000000000.01"), Decimal("-1000000000.01"), Decimal("1e999999"), 10**400),
]


@pytest.mark.parametrize("field", FIGURE_FIELDS)
@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: str(value)[:20])
def test_what_is_no_number_of_dollars_is_refused_by_name(field: str, value: Any) -> None:
    (problem,) = problems(ninjatrader, **{field: value})
    assert problem.field == field
    assert problem.accepted == "a number of dollars, at most one billion either way"


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_json_that_is_none_is_refused_before(value: str) -> None:
    with pytest.raises(InvalidSignal):
        read_json_object(b'{"net_liquidation": ' + value.encode() + b"}")


@pytest.mark.parametrize("value", [Decimal(1_000_000_000), "50000.25", 50000, 50000.25, " 7 "])
def test_numbers_are_read_by_their_printed_form(value: Any) -> None:
    assert ninjatrader(net_liquidation=value).equity == Decimal(str(value).strip())


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("100565.00000000285", "100565.000000"),
        ("48500.0000004", "48500.000000"),
        ("48500.0000006", "48500.000001"),
        ("48500.25", "48500.25"),
        ("0.1", "0.1"),
    ],
)
def test_the_noise_of_doubles_is_cut_off(told: str, read: str) -> None:
    assert str(ninjatrader(net_liquidation=Decimal(told)).equity) == read


@pytest.mark.parametrize(("balance", "refused"), [("0.01", False), ("0", False), ("-0.01", True)])
def test_a_balance_below_zero_is_refused(balance: str, refused: bool) -> None:
    if not refused:
        assert ninjatrader(cash_value=Decimal(balance)).balance == Decimal(balance)
        return
    (problem,) = problems(ninjatrader, cash_value=Decimal(balance))
    assert (problem.field, problem.given) == ("cash_value", balance)
    assert problems(state, equity=1, balance=Decimal(balance))[0].field == "balance"


def test_an_account_that_starts_at_zero_may_have_a_balance_below_it() -> None:
    told = ninjatrader(AccountBounds(starts_at_zero=True, floor=Decimal(-2000)), cash_value=-500, net_liquidation=-600)
    assert (told.balance, told.equity, told.no_data) == (Decimal(-500), Decimal(-600), False)


def test_an_equity_below_zero_is_taken_as_it_is_said() -> None:
    assert ninjatrader(net_liquidation=Decimal("-120.5")).equity == Decimal("-120.5")


AHEAD = "a time at most 60 s after 2026-11-18T17:00:00+00:00, the time here, and at most 366 days before it; this is "


@pytest.mark.parametrize(
    ("milliseconds", "refused"),
    [
        *((59_999, False), (60_000, False), (60_001, True)),
        *((-86_400_000, False), (-366 * 86_400_000, False), (-366 * 86_400_000 - 1, True)),
    ],
)
def test_a_time_may_be_a_minute_ahead_and_a_year_behind(milliseconds: int, refused: bool) -> None:
    at = NOW + timedelta(milliseconds=milliseconds)
    if not refused:
        assert ninjatrader(timestamp=MILLISECONDS + milliseconds).at == at
        return
    (problem,) = problems(ninjatrader, timestamp=MILLISECONDS + milliseconds)
    assert (problem.field, problem.accepted) == ("timestamp", AHEAD + at.isoformat())
    assert problems(state, equity=1, time=at.isoformat())[0].field == "time"


@pytest.mark.parametrize("value", [0, -1, "yesterday", True, [], 1e300, MILLISECONDS * 1000])
def test_what_is_no_time_is_refused(value: Any) -> None:
    (problem,) = problems(ninjatrader, timestamp=value)
    assert (problem.field, problem.accepted) == ("timestamp", "the time of the figures in Unix milliseconds")


def test_all_that_is_missing_is_said_together() -> None:
    found = problems(lambda: parse_ninjatrader({}, NOW))
    assert fields_of(found) == ["timestamp", "account_id"]
    assert [problem.given for problem in found] == [None, None]


@pytest.mark.parametrize(
    ("missing", "refused"),
    [
        (("net_liquidation",), False),
        (("cash_value",), False),
        (("net_liquidation", "unrealized_pnl"), True),
        (("net_liquidation", "cash_value"), True),
    ],
)
def test_a_message_has_an_equity_or_what_makes_one(missing: tuple[str, ...], refused: bool) -> None:
    fields = without(NT, *missing)
    if refused:
        assert fields_of(problems(parse_ninjatrader, fields, NOW)) == ["net_liquidation"]
    else:
        assert not parse_ninjatrader(fields, NOW)[1].update(USUAL).no_data


@pytest.mark.parametrize(("name", "accepted"), [("x" * 100, True), ("x" * 101, False), ("", False), ("a\x00", False)])
def test_a_name_is_printable_and_not_too_long(name: str, accepted: bool) -> None:
    if accepted:
        assert parse_ninjatrader({**NT, "account_id": name}, NOW)[0] == name
    else:
        assert fields_of(problems(ninjatrader, account_id=name)) == ["account_id"]


ZERO_START = AccountBounds(starts_at_zero=True, floor=Decimal(-2000))
LOCKED_AT_ZERO = AccountBounds(starts_at_zero=True, floor=Decimal(0))


@pytest.mark.parametrize(
    ("bounds", "cash", "worth", "connected", "no_data"),
    [
        # A usual account: zeros are what a platform without a connection shows.
        (USUAL, "0", "0", None, True),
        (USUAL, "0", "0", True, True),
        (USUAL, "0", "0", False, True),
        (USUAL, "50000", "0", None, True),
        (USUAL, "50000", "0", True, False),
        (USUAL, "0", "0.01", None, False),
        (USUAL, "0", "-0.01", None, False),
        (USUAL, "50000", "49000", None, False),
        (USUAL, "50000", "49000", True, False),
        (USUAL, "50000", "49000", False, True),
        (USUAL, None, "0", True, True),
        # An account that starts at 0: zero is a true figure until its floor has come up to it.
        (ZERO_START, "0", "0", None, False),
        (ZERO_START, "0", "0", False, True),
        (LOCKED_AT_ZERO, "0", "0", None, True),
        (LOCKED_AT_ZERO, "0", "0", True, False),
        (AccountBounds(starts_at_zero=True, floor=Decimal("-0.01")), "0", "0", None, False),
        (AccountBounds(starts_at_zero=True), "0", "0", None, False),
    ],
)
def test_what_a_net_liquidation_of_zero_means(
    bounds: AccountBounds, cash: str | None, worth: str, connected: bool | None, no_data: bool
) -> None:
    cash_value = None if cash is None else Decimal(cash)
    for update in (
        ninjatrader(bounds, cash_value=cash_value, net_liquidation=Decimal(worth), connected=connected),
        state(bounds, balance=cash_value, equity=Decimal(worth), connected=connected),
    ):
        assert update.no_data is no_data
        if no_data:
            assert (update.figures(), update.positions, update.daily_pl) == ({}, None, {})


def test_an_equity_of_zero_that_follows_from_the_rest_means_the_same() -> None:
    fields = without({**NT, "cash_value": 0, "unrealized_pnl": 0}, "net_liquidation")
    assert parse_ninjatrader(fields, NOW)[1].update(USUAL).no_data
    assert state(balance=0).no_data
    assert not state(balance=1).no_data


@pytest.mark.parametrize(
    ("field", "word", "no_data"),
    [
        ("connection_status", "Connected", False),
        ("connectionStatus", "CONNECTED", False),
        ("connection_status", "Disconnected", True),
        ("connection_status", "ConnectionLost", True),
        ("connectionStatus", "Connecting", True),
        ("connection_status", "Disconnecting", True),
        ("connected", True, False),
        ("isConnected", False, True),
        ("connected", None, False),
    ],
)
def test_a_lost_connection_makes_every_figure_meaningless(field: str, word: Any, no_data: bool) -> None:
    assert ninjatrader(**{field: word}).no_data is no_data


@pytest.mark.parametrize("word", ["Online", 1, "", []])
def test_a_connection_word_that_nobody_knows_is_refused(word: Any) -> None:
    assert fields_of(problems(ninjatrader, connection_status=word)) == ["connection_status"]


def test_a_lost_connection_needs_no_figures() -> None:
    told = {"account_id": "Sim101", "timestamp": MILLISECONDS, "connected": False}
    assert parse_ninjatrader(told, NOW)[1].update(USUAL).no_data
    assert state(connected=False).no_data


@pytest.mark.parametrize(
    ("key", "value", "field"),
    [
        ("2026-13-01", 1, "daily_pnl_history.2026-13-01"),
        ("2026-02-29", 1, "daily_pnl_history.2026-02-29"),
        ("11/18/2026", 1, "daily_pnl_history.11/18/2026"),
        ("1999-12-31", 1, "daily_pnl_history.1999-12-31"),
        ("2026-11-26", 1, "daily_pnl_history.2026-11-26"),
        ("2026-11-17", "NaN", "daily_pnl_history.2026-11-17"),
        ("2026-11-17", None, "daily_pnl_history.2026-11-17"),
        ("20261117", Decimal("1000000000.01"), "daily_pnl_history.20261117"),
    ],
)
def test_a_wrong_day_is_named(key: str, value: Any, field: str) -> None:
    (problem,) = problems(ninjatrader, daily_pnl_history={"2026-11-16": 5, key: value})
    assert problem.field == field
    assert problem.accepted.startswith("at most 1000 days from 2000-01-01 to a week ahead")


@pytest.mark.parametrize(
    ("key", "day"),
    [
        ("2026-11-17", date(2026, 11, 17)),
        ("20261117", date(2026, 11, 17)),
        ("2026-11-17T00:00:00", date(2026, 11, 17)),
        ("2000-01-01", date(2000, 1, 1)),
        ("2026-11-25", date(2026, 11, 25)),
    ],
)
def test_days_are_read_in_several_forms(key: str, day: date) -> None:
    assert ninjatrader(daily_pnl_history={key: "-5.5"}).daily_pl == {day: Decimal("-5.5")}


@pytest.mark.parametrize("history", [[], "x", 5, {"2026-11-17": 1, "20261117": 1}])
def test_a_history_is_a_mapping_with_each_day_once(history: Any) -> None:
    assert fields_of(problems(ninjatrader, daily_pnl_history=history)) == ["daily_pnl_history"]


def test_a_history_has_at_most_a_thousand_days() -> None:
    days = {(date(2023, 1, 1) + timedelta(days=n)).isoformat(): n for n in range(1001)}
    assert fields_of(problems(ninjatrader, daily_pnl_history=days)) == ["daily_pnl_history"]
    del days["2023-01-01"]
    assert len(ninjatrader(daily_pnl_history=days).daily_pl) == 1000


def test_of_many_mistakes_the_first_are_named() -> None:
    assert len(problems(ninjatrader, daily_pnl_history={f"day {n}": n for n in range(500)})) == 20


@pytest.mark.parametrize(
    ("positions", "field"),
    [
        ({}, "positions"),
        ("none", "positions"),
        ([{}] * 201, "positions"),
        ([{}, "NQ"], "positions.1"),
        ([{"symbol": "N\x00Q"}], "positions.0"),
        ([{"symbol\ud800": "NQ"}], "positions.0"),
        ([{"legs": [{"price": Decimal("1e999999")}]}], "positions.0"),
        ([{"price": Decimal("NaN")}], "positions.0"),
    ],
)
def test_positions_that_cannot_be_kept_are_refused(positions: Any, field: str) -> None:
    assert fields_of(problems(ninjatrader, positions=positions)) == [field]


def test_positions_are_kept_as_they_are() -> None:
    positions = [{"symbol": "NQ", "legs": [{"n": 1}, None, True], "text": "line\nbreak"}] * 200
    assert ninjatrader(positions=positions).positions == tuple(positions)


def test_a_generic_body_says_what_it_knows_and_means_now() -> None:
    update = state(equity=49000, balance=50000, day_pl=-1000, total_pl=-900, drawdown=-1200, realizedPnl=-5, x=1)
    assert (update.at, update.source) == (NOW, Source.PROGRAM)
    assert update.figures() == {
        "equity": Decimal(49000),
        "balance": Decimal(50000),
        "realized_pl": Decimal(-5),
        "day_pl": Decimal(-1000),
        "total_pl": Decimal(-900),
        "drawdown": Decimal(-1200),
    }
    assert parse_state({"day_pl": 1, "x": 1}, NOW).ignored == ("x",)
    assert state(day_pnl=-7).figures() == {"day_pl": Decimal(-7)}


@pytest.mark.parametrize("at", ["2026-11-18T16:59:00Z", "2026-11-18T16:59:00", 1795021140, 1795021140000])
def test_a_generic_body_may_say_its_time_in_several_forms(at: Any) -> None:
    assert state(equity=1, timestamp=at).at == NOW - timedelta(minutes=1)


@pytest.mark.parametrize("fields", [{}, {"equty": 50000}, {"positions": []}, {"connected": True}])
def test_a_generic_body_without_a_figure_is_refused(fields: dict[str, Any]) -> None:
    (problem,) = problems(state, **fields)
    assert problem.field == "body"
    assert all(name in problem.accepted for name in FIGURES)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.sampled_from([*NT, "equity", "balance", "connected", "connection_status", "day_pl", "drawdown", "x"])


@given(st.dictionaries(NAMES, JSON_VALUES, max_size=6), st.booleans(), st.sampled_from([USUAL, ZERO_START]))
def test_whatever_comes_becomes_finite_figures_or_a_refusal(
    changes: dict[str, Any], complete: bool, bounds: AccountBounds
) -> None:
    fields = {**NT, **changes} if complete else changes
    for ninjatraders in (True, False):
        try:
            news = parse_ninjatrader(fields, NOW)[1] if ninjatraders else parse_state(fields, NOW)
            update = news.update(bounds)
        except InvalidSignal as error:
            json.dumps([problem.as_json() for problem in error.problems])
            continue
        figures = update.figures()
        assert all(figure.is_finite() and abs(figure) <= 10**9 for figure in figures.values())
        assert not (update.no_data and figures)
        assert update.no_data or bounds.starts_at_zero or figures.get("balance", Decimal(0)) >= 0
        assert NOW - timedelta(days=366) <= update.at <= NOW + timedelta(seconds=60)


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2), st.decimals(0, 10**9, places=2))
def test_cents_are_kept_exactly(equity: Decimal, balance: Decimal) -> None:
    update = ninjatrader(net_liquidation=equity, cash_value=balance, connected=None)
    assert update.no_data is (equity == 0)
    if not update.no_data:
        assert (update.equity, update.balance) == (equity, balance)


def test_an_override_has_figures_a_reason_a_name_and_an_end() -> None:
    order = parse_override({**SIGNED, "equity": 49000, "minutes": 30}, NOW, USUAL)
    assert order.figures == {"equity": Decimal(49000)}
    assert (order.reason, order.set_by) == (SIGNED["reason"], "owner")
    assert order.expires_at == NOW + timedelta(minutes=30)
    told = parse_override({**SIGNED, "balance": 1, "expires_at": "2026-11-19T00:00:00Z"}, NOW, USUAL)
    assert told.expires_at == datetime(2026, 11, 19, tzinfo=UTC)


LAST = 31 * 24 * 60


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reason": None}, "reason"),
        ({"reason": "  "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"set_by": ""}, "set_by"),
        ({"minutes": None}, "expires_at"),
        ({"expires_at": "2026-11-19T00:00:00Z"}, "expires_at"),
        ({"minutes": Decimal("0.99")}, "minutes"),
        ({"minutes": LAST + 1}, "minutes"),
        ({"minutes": None, "expires_at": (NOW + timedelta(seconds=59)).isoformat()}, "expires_at"),
        ({"minutes": None, "expires_at": (NOW + timedelta(days=31, seconds=1)).isoformat()}, "expires_at"),
        ({"equity": None}, "body"),
        ({"equity": "NaN"}, "equity"),
        ({"balance": Decimal("-0.01")}, "balance"),
        ({"equty": 5}, "equty"),
        ({"paused": True}, "paused"),
    ],
)
def test_an_override_that_says_too_little_or_too_much_is_refused(changes: dict[str, Any], field: str) -> None:
    assert fields_of(problems(parse_override, {**SIGNED, "equity": 1, "minutes": 5, **changes}, NOW, USUAL)) == [field]


@pytest.mark.parametrize(
    "end",
    [
        *({"minutes": 1}, {"minutes": LAST}),
        *({"expires_at": (NOW + timedelta(minutes=1)).isoformat()}, {"expires_at": "2026-12-19T17:00:00Z"}),
    ],
)
def test_an_override_lasts_from_a_minute_to_a_month(end: dict[str, Any]) -> None:
    assert parse_override({**SIGNED, "equity": 1, **end}, NOW, USUAL).expires_at > NOW


def test_flags_are_every_field_besides_who_and_why() -> None:
    order = parse_flags({**SIGNED, "paused": True, "note": "back on Monday", "level": 2, "gone": None}, NOW)
    assert order.flags == {"paused": True, "note": "back on Monday", "level": 2, "gone": None}
    assert (order.reason, order.set_by) == (SIGNED["reason"], "owner")
    assert parse_flags({"reason": "r", "setBy": "owner", "halted": False}, NOW).flags == {"halted": False}


@pytest.mark.parametrize(
    ("flags", "field"),
    [
        ({}, "body"),
        ({f"flag_{n}": 1 for n in range(21)}, "body"),
        ({"paused": "false"}, "paused"),
        ({"halted": 1}, "halted"),
        ({"reduce_only": None}, "reduce_only"),
        ({"equity": 50000}, "equity"),
        ({"high_water_mark": 50000}, "high_water_mark"),
        ({"Paused": True}, "Paused"),
        ({"x" * 101: True}, "x" * 101),
        ({"note": []}, "note"),
        ({"note": "x" * 501}, "note"),
        ({"level": "NaN", "paused": 1}, "paused"),
        ({"level": Decimal("NaN")}, "level"),
        ({"paused": True, "reason": ""}, "reason"),
        ({"paused": True, "set_by": None}, "set_by"),
    ],
)
def test_flags_that_would_be_misread_are_refused(flags: dict[str, Any], field: str) -> None:
    assert fields_of(problems(parse_flags, {**SIGNED, **flags}, NOW)) == [field]


def test_a_new_start_needs_who_and_why_and_a_withdrawal_does_not() -> None:
    assert parse_signed(SIGNED, NOW).reason == SIGNED["reason"]
    assert fields_of(problems(parse_signed, {}, NOW)) == ["reason", "set_by"]
    assert (parse_withdrawal({}, NOW).set_by, parse_withdrawal(SIGNED, NOW).set_by) == (
        "somebody with the API token",
        "owner",
    )
