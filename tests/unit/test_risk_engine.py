"""The firm's limits at their edges: position size, daily loss, total loss."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from domain.checks import CheckResult, Comparison
from domain.rules import Rule
from risk_engine import evaluate_risk

LOSSES = [
    ("day_pl", "max_daily_loss", Rule.MAX_DAILY_LOSS, "Daily loss"),
    ("total_pl", "max_total_loss", Rule.MAX_TOTAL_LOSS, "Total loss"),
]
UNREADABLE = ["a lot", "", float("nan"), float("inf"), float("-inf"), "NaN", True, False, [], {}]
all_losses = pytest.mark.parametrize(("metric", "limit", "rule", "label"), LOSSES)
all_unreadable = pytest.mark.parametrize("unreadable", UNREADABLE, ids=repr)


def judge(
    rules: dict[str, Any], payload: dict[str, Any] | None = None, metrics: dict[str, Any] | None = None
) -> CheckResult:
    return evaluate_risk("FTMO", rules, {"contracts": 5} if payload is None else payload, metrics)


def only(result: CheckResult) -> Comparison:
    (comparison,) = result.compared
    return comparison


def test_the_documents_refusal_word_for_word() -> None:
    result = evaluate_risk(firm_code="FTMO", risk_rules={"max_position_size": 10}, task_payload={"contracts": 15})

    row = result.as_row()
    assert {key: row[key] for key in ("firm_code", "status", "rule", "reason", "details")} == {
        "firm_code": "FTMO",
        "status": "REJECTED",
        "rule": "MAX_POSITION_SIZE",
        "reason": "Requested 15 contracts exceeds max_position_size 10.",
        "details": {"requested_contracts": 15, "max_position_size": 10},
    }
    assert "program_id" not in row


def test_the_documents_approval() -> None:
    result = evaluate_risk(firm_code="FTMO", risk_rules={"max_position_size": 10}, task_payload={"contracts": 5})

    assert (result.status, result.rule, result.reason, result.details) == ("APPROVED", None, None, None)


@pytest.mark.parametrize("name", ["contracts", "quantity"])
@pytest.mark.parametrize(
    ("requested", "rule"),
    [
        (9, None),  # just under
        (10, None),  # exactly
        (11, Rule.MAX_POSITION_SIZE),  # just over
    ],
)
def test_position_size_at_its_edge(name: str, requested: int, rule: Rule | None) -> None:
    result = judge({"max_position_size": 10}, {name: requested})

    assert result.rule == rule
    assert only(result) == Comparison(
        rule=Rule.MAX_POSITION_SIZE, value=requested, limit=Decimal(10), passed=rule is None
    )


def test_contracts_count_before_quantity() -> None:
    assert judge({"max_position_size": 10}, {"contracts": 10, "quantity": 11}).approved
    assert judge({"max_position_size": 10}, {"contracts": None, "quantity": 11}).rule == Rule.MAX_POSITION_SIZE


@pytest.mark.parametrize("payload", [{}, {"contracts": None}, {"contracts": None, "quantity": None}])
def test_an_order_without_a_size_is_left_to_sizing(payload: dict[str, Any]) -> None:
    result = judge({"max_position_size": 10}, payload)

    assert result.approved
    assert (only(result).value, only(result).limit, only(result).passed) == (None, Decimal(10), None)
    assert only(result).note == "the signal names no size; sizing keeps within this limit"


@all_losses
@pytest.mark.parametrize(
    ("figure", "refused"),
    [
        ("-999.99", False),  # just under
        ("-1000.00", True),  # exactly: reaching the limit is a breach
        ("-1000.01", True),  # just over
        ("0", False),
        ("1000", False),  # a profit
        ("1000.01", False),
    ],
)
def test_a_loss_at_its_edge(metric: str, limit: str, rule: Rule, label: str, figure: str, refused: bool) -> None:
    value = Decimal(figure)

    result = judge({limit: Decimal(1000)}, metrics={metric: value})

    assert only(result) == Comparison(rule=rule, value=value, limit=Decimal(1000), passed=not refused)
    if refused:
        assert (result.rule, result.details) == (rule, {metric: value, limit: Decimal(1000)})
        assert result.reason == f"{label} {figure} exceeds {limit} 1000."
    else:
        assert (result.status, result.rule, result.reason, result.details) == ("APPROVED", None, None, None)


@all_losses
@pytest.mark.parametrize("metrics", [None, {}, {"day_pl": None, "total_pl": None}])
def test_an_unknown_loss_is_not_evaluated_and_says_so(
    metric: str, limit: str, rule: Rule, label: str, metrics: dict[str, Any] | None
) -> None:
    result = judge({limit: 1000}, metrics=metrics)

    assert result.approved
    assert only(result) == Comparison(
        rule=rule, value=None, limit=Decimal(1000), passed=None, note=f"{metric} is not known"
    )


@pytest.mark.parametrize("rules", [{}, dict.fromkeys(("max_position_size", "max_daily_loss", "max_total_loss"))])
def test_a_limit_that_is_not_set_is_off(rules: dict[str, Any]) -> None:
    result = judge(rules, {"contracts": 10**9}, {"day_pl": Decimal("-1e9"), "total_pl": Decimal("-1e9")})

    assert result.approved
    assert result.compared == ()


@pytest.mark.parametrize(
    ("rules", "metrics"),
    [({"max_position_size": 0}, {}), ({"max_daily_loss": 0}, {"day_pl": 0}), ({"max_total_loss": 0}, {"total_pl": 0})],
)
def test_a_limit_of_zero_is_a_limit(rules: dict[str, Any], metrics: dict[str, Any]) -> None:
    assert not judge(rules, {"contracts": 1}, metrics).approved


@all_unreadable
@pytest.mark.parametrize("limit", ["max_position_size", "max_daily_loss", "max_total_loss"])
def test_a_limit_that_cannot_be_read_refuses(limit: str, unreadable: object) -> None:
    result = judge({limit: unreadable}, metrics={"day_pl": 0, "total_pl": 0})

    assert result.rule == Rule.EXCEPTION
    assert (result.reason or "").startswith(f"Risk check could not be carried out for firm FTMO: {limit}: ")
    assert result.details is not None
    assert result.details["error"].startswith("ValueError: ")


@all_losses
@all_unreadable
def test_a_loss_that_cannot_be_read_refuses(
    metric: str, limit: str, rule: Rule, label: str, unreadable: object
) -> None:
    result = judge({limit: 1000}, metrics={metric: unreadable})

    assert (result.rule, result.compared) == (Rule.EXCEPTION, ())
    assert f"{metric}: " in (result.reason or "")


@pytest.mark.parametrize("contracts", [*UNREADABLE, 1.5, "2.5"], ids=repr)
def test_a_size_that_cannot_be_read_refuses(contracts: object) -> None:
    assert judge({"max_position_size": 10}, {"contracts": contracts}).rule == Rule.EXCEPTION


def test_the_first_limit_that_refuses_is_the_reason_and_all_are_compared() -> None:
    rules = {"max_position_size": 1, "max_daily_loss": 1, "max_total_loss": 1}
    metrics = {"day_pl": -1, "total_pl": -1}

    assert judge(rules, {"contracts": 2}, metrics).rule == Rule.MAX_POSITION_SIZE
    assert judge(rules, {"contracts": 1}, metrics).rule == Rule.MAX_DAILY_LOSS
    assert judge(rules, {"contracts": 1}, {**metrics, "day_pl": 0}).rule == Rule.MAX_TOTAL_LOSS
    assert judge(rules, {"contracts": 1}, {"day_pl": 0, "total_pl": 0}).approved
    assert [comparison.rule for comparison in judge(rules, {"contracts": 2}, metrics).compared] == [
        Rule.MAX_POSITION_SIZE,
        Rule.MAX_DAILY_LOSS,
        Rule.MAX_TOTAL_LOSS,
    ]


def test_a_result_reads_as_attributes_as_a_mapping_and_as_a_row() -> None:
    result = judge({"max_position_size": 4})

    assert result["status"] == result.status == "REJECTED"
    assert dict(result) == result.as_row()
    assert result.as_row()["compared"] == [
        {"rule": "MAX_POSITION_SIZE", "value": 5, "limit": Decimal(4), "passed": False}
    ]
