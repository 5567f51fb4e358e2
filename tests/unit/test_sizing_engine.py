"""How many contracts a risk budget pays for: the floor of the exact quotient, never above a cap."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from config.instruments import exchange_instruments
from domain.rules import Rule
from program_engine import ProgramSizingResult, calculate_program_sizing

RULES: dict[str, Any] = {"account_size": 100000.0, "risk_per_trade": 0.01}
ORDER: dict[str, Any] = {"symbol": "NQ", "entry_price": 16500.0, "stop_loss": 16475.0}
UNREADABLE = ["a lot", "", float("nan"), float("inf"), "NaN", True, False, []]
all_unreadable = pytest.mark.parametrize("unreadable", UNREADABLE, ids=repr)


def size(rules: dict[str, Any] | None = None, **order: Any) -> ProgramSizingResult:
    return calculate_program_sizing("FTMO", 1, RULES if rules is None else rules, {**ORDER, **order})


def budget(dollars: str) -> dict[str, Any]:
    return {"account_size": Decimal(dollars), "risk_per_trade": 1}


def test_the_documents_example_is_two_contracts() -> None:
    result = calculate_program_sizing(
        firm_code="FTMO",
        program_id=1,
        scaling_rules={"account_size": 100000.0, "risk_per_trade": 0.01, "max_contracts": 5},
        task_payload={"entry_price": 16500.0, "stop_loss": 16475.0, "symbol": "NQ"},
    )

    assert (result.status, result.contracts, result.sized) == ("APPROVED", 2, 2)
    row = result.as_row()
    assert (row["firm_code"], row["program_id"], row["contracts"], row["rule"]) == ("FTMO", 1, 2, None)
    assert row["details"] == {
        "symbol": "NQ",
        "account_size": Decimal(100000),
        "risk_per_trade": Decimal("0.01"),
        "risk_amount": Decimal(1000),
        "risk_distance": Decimal(25),
        "point_value": Decimal(20),
        "calculated_contracts": Decimal(2),
        "max_contracts": Decimal(5),
        "max_position_size": None,
        "final_contracts": 2,
    }


@pytest.mark.parametrize(
    ("dollars", "contracts"),
    [
        ("499.99", 0),  # just under one contract's loss of 500
        ("500", 1),
        ("999.99", 1),  # just under two
        ("1000", 2),
        ("1000.01", 2),
        ("1499.99", 2),
    ],
)
def test_a_part_of_a_contract_is_never_traded(dollars: str, contracts: int) -> None:
    assert size(budget(dollars)).sized == contracts


def test_a_quotient_that_would_round_up_is_floored() -> None:
    almost_two = budget("5.999999999999999999999999999")

    assert Decimal("5.999999999999999999999999999") / 3 == 2, "the premise: the rounded quotient is whole"
    assert size(almost_two, symbol="MNQ", entry_price="101.5", stop_loss="100").sized == 1


def test_a_short_is_sized_as_a_long() -> None:
    assert size(entry_price=16475, stop_loss=16500).sized == 2


@pytest.mark.parametrize("cap", ["max_contracts", "max_position_size"])
@pytest.mark.parametrize(
    ("limit", "contracts"),
    [(3, 2), (2, 2), (1, 1), ("1.9", 1), (0, 0), (-1, 0), (None, 2)],
)
def test_the_size_never_exceeds_a_cap(cap: str, limit: Any, contracts: int) -> None:
    result = size({**RULES, cap: limit})

    assert (result.sized, result.contracts) == (contracts, contracts)
    assert result.details is not None
    assert result.details["final_contracts"] == contracts


def test_the_smaller_cap_counts() -> None:
    rules = budget("10000")
    assert size(rules).sized == 20
    assert size({**rules, "max_contracts": 7, "max_position_size": 4}).sized == 4
    assert size({**rules, "max_contracts": 4, "max_position_size": 7}).sized == 4


@pytest.mark.parametrize(
    ("symbol", "entry", "stop", "contracts"),
    [
        ("ES", "5000", "4990", 2),  # 50 dollars a point
        ("YM", "40000", "39900", 2),  # 5
        ("MNQ", "16500", "16475", 20),  # 2: a tenth of NQ
        ("MES", "5000", "4990", 20),  # 5
        ("MYM", "40000", "39900", 20),  # 0.5
        ("ZC", "450", "440", 2),  # 50 dollars a cent
        ("ZS", "1200", "1190", 2),
        ("ZW", "600", "590.25", 2),  # 487.50 a contract
        ("6E", "1.1000", "1.0980", 4),  # 125000
        ("EURUSD", "1.1000", "1.0980", 5),  # a lot of 100000
        ("NQ1!", "16500", "16475", 2),
        ("CME_MINI:NQ1!", "16500", "16475", 2),
        ("NQZ2025", "16500", "16475", 2),
        ("nq", "16500", "16475", 2),
    ],
)
def test_each_product_by_its_own_point_value(symbol: str, entry: str, stop: str, contracts: int) -> None:
    assert size(symbol=symbol, entry_price=entry, stop_loss=stop).sized == contracts


@pytest.mark.parametrize("symbol", [None, ""])
def test_without_a_symbol_the_default_counts(symbol: str | None) -> None:
    payload = {**ORDER, "symbol": symbol}

    assert calculate_program_sizing("FTMO", 1, RULES, payload).sized == 2
    assert calculate_program_sizing("FTMO", 1, RULES, payload, default_symbol="MNQ").sized == 20


def test_an_unknown_symbol_is_refused_and_never_guessed() -> None:
    result = size(symbol="XYZ")

    assert (result.status, result.rule, result.contracts, result.sized) == ("REJECTED", "UNKNOWN_SYMBOL", 0, None)
    assert result.reason == "XYZ is not a known symbol; set its point value in dollars to trade it."
    assert result.details == {"symbol": "XYZ"}
    (compared,) = result.compared
    assert (compared.rule, compared.value, compared.passed) == (Rule.UNKNOWN_SYMBOL, "XYZ", False)


def test_a_pair_in_yen_is_refused_until_its_owner_sets_a_point_value() -> None:
    result = size(symbol="USDJPY", entry_price="150", stop_loss="149")

    assert (result.rule, result.sized) == (Rule.UNKNOWN_SYMBOL, None)
    assert result.reason == (
        "USDJPY is quoted in JPY, so its dollars move with the rate; set its point value in dollars to trade it."
    )
    book = exchange_instruments().with_point_values({"USDJPY": Decimal(500)})
    payload = {"symbol": "USDJPY", "entry_price": 150, "stop_loss": 149}
    assert calculate_program_sizing("FTMO", 1, RULES, payload, instruments=book).sized == 2


@pytest.mark.parametrize(
    "order",
    [{"stop_loss": None}, {"entry_price": None}, {"stop_loss": 16500.0}],
    ids=["no stop", "no price", "stop at the price"],
)
def test_no_distance_means_no_contracts(order: dict[str, Any]) -> None:
    result = size(**order)

    assert (result.status, result.sized, result.contracts) == ("APPROVED", 0, 0)
    assert result.details is not None
    assert result.details["note"] == "no size without a risk budget and a distance from entry to stop"


@pytest.mark.parametrize("rules", [{**RULES, "account_size": 0}, {**RULES, "risk_per_trade": 0}, budget("-1000")])
def test_no_budget_means_no_contracts(rules: dict[str, Any]) -> None:
    assert size(rules).sized == 0


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"account_size": 100000},
        {"risk_per_trade": 0.01},
        {"account_size": None, "risk_per_trade": None, "max_contracts": 5},
    ],
)
def test_sizing_that_is_not_configured_has_no_opinion(rules: dict[str, Any]) -> None:
    result = size(rules)

    assert (result.status, result.rule, result.contracts, result.sized) == ("APPROVED", None, 0, None)
    assert result.details is not None
    assert "not configured" in result.details["note"]


@all_unreadable
@pytest.mark.parametrize("name", ["account_size", "risk_per_trade", "max_contracts", "max_position_size"])
def test_a_rule_that_cannot_be_read_refuses(name: str, unreadable: object) -> None:
    result = size({**RULES, name: unreadable})

    assert (result.status, result.rule, result.contracts, result.sized) == ("REJECTED", "EXCEPTION", 0, None)
    assert (result.reason or "").startswith(
        f"Program sizing could not be carried out for firm FTMO, program 1: {name}: "
    )


@all_unreadable
@pytest.mark.parametrize("name", ["entry_price", "stop_loss"])
def test_a_price_that_cannot_be_read_refuses(name: str, unreadable: object) -> None:
    changed: dict[str, Any] = {name: unreadable}

    assert size(**changed).rule == Rule.EXCEPTION


def test_the_largest_account_and_the_smallest_distance_are_sized() -> None:
    rules = {"account_size": 10**9, "risk_per_trade": 1}

    assert size(rules, symbol="MYM", stop_loss="16499.99").sized == 200_000_000_000
    assert size({**rules, "max_contracts": 100_000}, symbol="MYM", stop_loss="16499.99").sized == 100_000


@pytest.mark.parametrize("dollars", ["1e40", "1e999999", "9" * 4000], ids=["1e40", "1e999999", "4000 digits"])
def test_a_budget_beyond_reason_is_refused_and_never_sized(dollars: str) -> None:
    result = size(budget(dollars))

    assert (result.rule, result.contracts, result.sized) == (Rule.EXCEPTION, 0, None)
