"""Whether an order may be placed now: six checks in order, each at its edges."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from account_engine import check_order_enforcement
from config.instruments import exchange_instruments
from domain.checks import Comparison
from domain.rules import Rule

ORDER: dict[str, Any] = {
    "symbol": "NQ",
    "entry_price": 16500,
    "stop_loss": 16475,
    "session": "NY AM",
    "contracts": 2,
    "send_contracts": 2,
}
UNREADABLE = ["a lot", "", float("nan"), float("inf"), "NaN", True, False, []]
all_unreadable = pytest.mark.parametrize("unreadable", UNREADABLE, ids=repr)


def check(metadata: dict[str, Any] | None = None, state: dict[str, Any] | None = None, **order: Any) -> dict[str, Any]:
    return check_order_enforcement("FTMO", 1, metadata or {}, state or {}, {**ORDER, **order})


def compared(answer: dict[str, Any], rule: Rule) -> Comparison:
    (found,) = [comparison for comparison in answer["compared"] if comparison.rule is rule]
    assert isinstance(found, Comparison)
    return found


def assert_error(answer: dict[str, Any], named: str) -> None:
    assert (answer["allowed"], answer["breach_type"], answer["rule"]) == (False, "error", Rule.EXCEPTION)
    assert answer["reason"].startswith("Order enforcement could not be carried out for FTMO/1: ")
    assert named in answer["reason"]


def test_nothing_configured_and_nothing_known_allows() -> None:
    answer = check()

    assert (answer["allowed"], answer["reason"], answer["breach_type"], answer["rule"]) == (True, None, None, None)
    assert [comparison.rule for comparison in answer["compared"]] == [Rule.ACCOUNT_PAUSED]


@pytest.mark.parametrize(
    ("state", "allowed"),
    [
        ({}, True),
        ({"paused": None}, True),
        ({"paused": False}, True),
        ({"paused": True}, False),
        ({"paused": "yes"}, False),
        ({"paused": "false"}, False),  # a flag that cannot be read counts as a pause
        ({"paused": 0}, False),
        ({"paused": []}, False),
    ],
)
def test_a_pause_blocks(state: dict[str, Any], allowed: bool) -> None:
    answer = check(state=state)

    assert answer["allowed"] is allowed
    assert compared(answer, Rule.ACCOUNT_PAUSED).passed is allowed
    if not allowed:
        assert (answer["reason"], answer["breach_type"]) == ("Account paused", "paused")
        shown = state["paused"] if state["paused"] is True else str(state["paused"])
        assert answer["details"] == {"paused": shown}


@pytest.mark.parametrize(
    ("session", "allowed"),
    [("NY AM", True), ("ny am", True), (" NY AM ", True), ("London", True), ("ASIA", False), ("NY", False)],
)
def test_the_session_must_be_one_of_the_allowed(session: str, allowed: bool) -> None:
    answer = check({"allowed_sessions": ["NY AM", "LONDON"]}, session=session)

    assert answer["allowed"] is allowed
    assert compared(answer, Rule.SESSION_NOT_ALLOWED) == Comparison(
        rule=Rule.SESSION_NOT_ALLOWED, value=session.strip(), limit=["NY AM", "LONDON"], passed=allowed
    )
    if not allowed:
        assert answer["reason"] == f"Invalid session: '{session}' is not one of NY AM, LONDON."
        assert answer["breach_type"] == "session"
        assert answer["details"] == {"session": session, "allowed_sessions": ["NY AM", "LONDON"]}


def test_a_signal_without_session_is_refused_where_sessions_are_limited() -> None:
    answer = check({"allowed_sessions": ["NY AM"]}, session=None)

    assert (answer["breach_type"], answer["rule"]) == ("session", Rule.SESSION_NOT_ALLOWED)
    assert answer["reason"] == "Invalid session: the signal names none, allowed are NY AM."


@pytest.mark.parametrize("session", ["ASIA", None])
def test_without_allowed_sessions_every_session_passes(session: str | None) -> None:
    assert check({"allowed_sessions": None}, session=session)["allowed"]


def test_an_empty_list_allows_no_session() -> None:
    assert check({"allowed_sessions": []})["breach_type"] == "session"


@pytest.mark.parametrize("unreadable", [5, True, 1.5])
def test_sessions_that_cannot_be_read_refuse(unreadable: object) -> None:
    assert_error(check({"allowed_sessions": unreadable}), "not iterable")


@pytest.mark.parametrize(
    ("contracts", "send", "judged"),
    [
        (4, 4, 4),  # just under
        (5, 5, 5),  # exactly
        (6, 6, 6),  # just over
        (6, 2, 6),  # a request above the limit is refused, never shrunk
        (2, 6, 6),
        (None, 6, 6),
        (None, 5, 5),
        (6, None, 6),
    ],
)
def test_contracts_at_their_edge(contracts: int | None, send: int | None, judged: int) -> None:
    answer = check({"max_contracts": 5}, contracts=contracts, send_contracts=send)

    assert answer["allowed"] is (judged <= 5)
    assert compared(answer, Rule.MAX_CONTRACTS) == Comparison(
        rule=Rule.MAX_CONTRACTS, value=judged, limit=Decimal(5), passed=judged <= 5
    )
    if judged > 5:
        assert answer["reason"] == "Exceeds max contracts: 6 contracts, max_contracts 5."
        assert (answer["breach_type"], answer["details"]) == (
            "contracts",
            {"contracts": 6, "max_contracts": Decimal(5)},
        )


def test_quantity_counts_where_contracts_are_not_given() -> None:
    assert check({"max_contracts": 5}, contracts=None, quantity=6)["breach_type"] == "contracts"


def test_contracts_that_nobody_names_are_not_evaluated() -> None:
    answer = check({"max_contracts": 5}, contracts=None, send_contracts=None)

    assert answer["allowed"]
    assert compared(answer, Rule.MAX_CONTRACTS).passed is None


def test_without_max_contracts_any_number_passes() -> None:
    assert check({"max_contracts": None}, contracts=10**6)["allowed"]


@pytest.mark.parametrize(
    ("stop", "loss", "allowed"),
    [
        ("16475.25", "990.00", True),  # just under
        ("16475", "1000", True),  # exactly
        ("16474.75", "1010.00", False),  # just over
        ("16525.25", "1010.00", False),  # a SHORT's stop
    ],
)
def test_risk_per_trade_at_its_edge(stop: str, loss: str, allowed: bool) -> None:
    answer = check({"max_risk_per_trade_pct": Decimal("0.01")}, {"equity": Decimal(100000)}, stop_loss=Decimal(stop))

    assert answer["allowed"] is allowed
    found = compared(answer, Rule.MAX_RISK_PER_TRADE)
    assert (found.value, found.limit, found.passed) == (Decimal(loss), Decimal(1000), allowed)
    assert found.note == "dollars lost at the stop; the limit is equity 100000 times 0.01"
    if not allowed:
        assert answer["breach_type"] == "risk"
        assert answer["reason"] == f"Exceeds risk limit: {loss} dollars at the stop, allowed 1000.00."
        assert answer["details"] == {
            "risk_value": Decimal(loss),
            "allowed_risk": Decimal(1000),
            "equity": Decimal(100000),
            "max_risk_per_trade_pct": Decimal("0.01"),
        }


@pytest.mark.parametrize(("symbol", "allowed"), [("NQ", False), ("MNQ", True), ("ES", False), ("MES", True)])
def test_the_loss_at_the_stop_uses_the_symbols_own_point_value(symbol: str, allowed: bool) -> None:
    answer = check({"max_risk_per_trade_pct": "0.005"}, {"equity": 100000}, symbol=symbol)

    assert answer["allowed"] is allowed


def test_the_owners_point_value_counts_for_risk() -> None:
    book = exchange_instruments().with_point_values({"NQ": Decimal(5)})
    metadata, state = {"max_risk_per_trade_pct": "0.005"}, {"equity": 100000}

    assert not check(metadata, state)["allowed"]
    assert check_order_enforcement("FTMO", 1, metadata, state, ORDER, instruments=book)["allowed"]


@pytest.mark.parametrize(
    ("state", "allowed"),
    [
        ({"balance": 100000}, True),
        ({"balance": 99999}, False),
        ({"equity": None, "balance": 99999}, False),
        ({"equity": 99999, "balance": 200000}, False),
        ({"equity": 0, "balance": 200000}, False),  # zero is a figure
        ({"equity": -1}, False),
    ],
)
def test_the_risk_is_a_share_of_the_equity_or_where_unknown_the_balance(state: dict[str, Any], allowed: bool) -> None:
    assert check({"max_risk_per_trade_pct": "0.01"}, state)["allowed"] is allowed


def test_a_risk_without_known_equity_is_not_evaluated_and_says_so() -> None:
    answer = check({"max_risk_per_trade_pct": "0.01"}, {})

    assert answer["allowed"]
    comparison = compared(answer, Rule.MAX_RISK_PER_TRADE)
    assert (comparison.passed, comparison.note) == (None, "equity is not known")


@pytest.mark.parametrize(
    "order", [{"stop_loss": None}, {"entry_price": None}, {"contracts": None, "send_contracts": None}]
)
def test_an_order_whose_loss_at_the_stop_is_not_known_is_refused_where_risk_is_limited(order: dict[str, Any]) -> None:
    answer = check({"max_risk_per_trade_pct": "0.01"}, {"equity": 1}, **order)

    assert (answer["allowed"], answer["breach_type"]) == (False, "risk")
    assert "is not known" in answer["reason"]
    assert check({}, {"equity": 1}, **order)["allowed"]


@pytest.mark.parametrize("symbol", ["XYZ", "USDJPY"])
def test_a_risk_without_point_value_is_an_error_and_no_pass(symbol: str) -> None:
    assert_error(
        check({"max_risk_per_trade_pct": "0.01"}, {"equity": 10**9}, symbol=symbol),
        f"no point value is known for symbol {symbol!r}",
    )
    assert check({}, {"equity": 10**9}, symbol=symbol)["allowed"]


@pytest.mark.parametrize(
    ("equity", "allowed"),
    [
        ("99000.01", True),  # just above the floor
        ("99000.00", False),  # at the floor
        ("98999.99", False),  # just below
    ],
)
def test_daily_loss_on_equity_at_its_edge(equity: str, allowed: bool) -> None:
    answer = check({"daily_loss_limit": 1000, "starting_balance": 100000}, {"equity": Decimal(equity)})

    assert answer["allowed"] is allowed
    found = compared(answer, Rule.DAILY_LOSS_LIMIT)
    assert (found.value, found.limit, found.passed) == (Decimal(equity), Decimal(99000), allowed)
    if not allowed:
        assert answer["breach_type"] == "daily_loss"
        assert answer["reason"] == f"Daily loss limit reached: equity {equity} is not above 99000."
        assert answer["details"] == {
            "equity": Decimal(equity),
            "min_allowed_equity": Decimal(99000),
            "starting_balance": Decimal(100000),
        }


@pytest.mark.parametrize(("equity", "allowed"), [("104000.01", True), ("104000", False)])
def test_the_days_start_counts_before_the_starting_balance(equity: str, allowed: bool) -> None:
    metadata = {"daily_loss_limit": 1000, "starting_balance": 100000}

    assert check(metadata, {"equity": equity, "day_start_balance": 105000})["allowed"] is allowed


@pytest.mark.parametrize(
    ("equity", "allowed"),
    [
        ("102500.01", True),  # just above the floor
        ("102500.00", False),  # at the floor
        ("102499.99", False),  # just below
    ],
)
@pytest.mark.parametrize(
    ("start", "state"),
    [
        (None, {"peak_equity": 105000}),
        (200000, {"peak_equity": 105000, "high_water_mark": 300000}),
        (200000, {"high_water_mark": 105000}),
        (200000, {"peak_equity": None, "high_water_mark": 105000}),
        (105000, {}),
    ],
    ids=["peak", "peak before mark", "mark before start", "mark where peak is None", "start"],
)
def test_trailing_drawdown_at_its_edge(start: int | None, state: dict[str, Any], equity: str, allowed: bool) -> None:
    metadata = {"max_drawdown": 2500, "starting_balance": start}

    answer = check(metadata, {**state, "equity": Decimal(equity)})

    assert answer["allowed"] is allowed
    found = compared(answer, Rule.TRAILING_DRAWDOWN)
    assert (found.value, found.limit, found.passed) == (Decimal(equity), Decimal(102500), allowed)
    assert found.note == "peak_equity 105000 less 2500"
    if not allowed:
        assert answer["breach_type"] == "drawdown"
        assert answer["reason"] == f"Drawdown limit reached: equity {equity} is not above 102500."
        assert answer["details"] == {
            "equity": Decimal(equity),
            "min_allowed_equity": Decimal(102500),
            "peak_equity": Decimal(105000),
        }


@pytest.mark.parametrize(
    ("limit", "rule", "base"),
    [
        ("daily_loss_limit", Rule.DAILY_LOSS_LIMIT, "starting_balance"),
        ("max_drawdown", Rule.TRAILING_DRAWDOWN, "peak_equity"),
    ],
)
def test_an_equity_floor_that_is_not_known_is_not_evaluated_and_says_so(limit: str, rule: Rule, base: str) -> None:
    no_equity = check({limit: 1000, "starting_balance": 100000})
    no_base = check({limit: 1000}, {"equity": 1})
    no_limit = check({"starting_balance": 100000}, {"equity": 1})

    assert no_equity["allowed"]
    assert no_base["allowed"]
    assert no_limit["allowed"]
    assert (compared(no_equity, rule).passed, compared(no_equity, rule).note) == (None, "equity is not known")
    assert (compared(no_base, rule).passed, compared(no_base, rule).note) == (None, f"{base} is not known")
    assert [comparison.rule for comparison in no_limit["compared"]] == [Rule.ACCOUNT_PAUSED]


METADATA = {
    "max_contracts": 5,
    "max_risk_per_trade_pct": "0.01",
    "daily_loss_limit": 1000,
    "max_drawdown": 2500,
    "starting_balance": 100000,
}
STATE = {"equity": 100000, "day_start_balance": 100000, "peak_equity": 100000}


@all_unreadable
@pytest.mark.parametrize("name", list(METADATA))
def test_a_limit_that_cannot_be_read_is_an_error(name: str, unreadable: object) -> None:
    state = {"equity": 100000} if name == "starting_balance" else STATE

    assert check(METADATA, STATE)["allowed"]
    assert_error(check({**METADATA, name: unreadable}, state), f"{name}: ")


@all_unreadable
@pytest.mark.parametrize("name", [*STATE, "balance", "high_water_mark"])
def test_a_figure_that_cannot_be_read_is_an_error(name: str, unreadable: object) -> None:
    kept = {"balance": ("day_start_balance", "peak_equity"), "high_water_mark": ("equity", "day_start_balance")}
    state = {key: STATE[key] for key in kept.get(name, tuple(STATE))}

    assert_error(check(METADATA, {**state, name: unreadable}), f"{name}: ")


@all_unreadable
@pytest.mark.parametrize("name", ["entry_price", "stop_loss", "contracts", "send_contracts"])
def test_an_order_that_cannot_be_read_is_an_error(name: str, unreadable: object) -> None:
    given = "contracts" if name == "send_contracts" else name

    assert_error(check(METADATA, STATE, **{name: unreadable}), f"{given}: ")


def test_the_checks_refuse_in_the_documents_order() -> None:
    metadata: dict[str, Any] = {**METADATA, "allowed_sessions": ["LONDON"], "max_contracts": 1}
    state: dict[str, Any] = {"paused": True, "equity": 1000, "peak_equity": 100000}
    order: dict[str, Any] = {}
    found = []
    for change in (
        {},
        {"paused": False},
        {"session": "LONDON"},
        {"contracts": 1, "send_contracts": 1},
        {"stop_loss": "16499.75"},
        {"day_start_balance": 1000},
        {"peak_equity": 1000},
    ):
        state |= {name: value for name, value in change.items() if name in {"paused", *STATE}}
        order |= {name: value for name, value in change.items() if name in ORDER}
        found.append(check(metadata, state, **order)["breach_type"])

    assert found == ["paused", "session", "contracts", "risk", "daily_loss", "drawdown", None]


def test_every_value_is_compared_even_where_the_first_check_refuses() -> None:
    answer = check({**METADATA, "allowed_sessions": ["LONDON"]}, {**STATE, "paused": True})

    assert [comparison.rule for comparison in answer["compared"]] == [
        Rule.ACCOUNT_PAUSED,
        Rule.SESSION_NOT_ALLOWED,
        Rule.MAX_CONTRACTS,
        Rule.MAX_RISK_PER_TRADE,
        Rule.DAILY_LOSS_LIMIT,
        Rule.TRAILING_DRAWDOWN,
    ]
