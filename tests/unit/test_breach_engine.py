"""The account's loss limits at their edges: daily loss, total loss, drawdown."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from account_engine import evaluate_account_breach
from domain.checks import CheckResult, Comparison
from domain.rules import Rule

LIMITS = [
    ("day_pl", "max_daily_loss", Rule.MAX_DAILY_LOSS, "Daily loss"),
    ("total_pl", "max_total_loss", Rule.MAX_TOTAL_LOSS, "Total loss"),
    ("drawdown", "max_drawdown", Rule.MAX_DRAWDOWN, "Drawdown"),
]
UNREADABLE = ["a lot", "", float("nan"), float("inf"), float("-inf"), "NaN", True, False, [], {}]
all_limits = pytest.mark.parametrize(("metric", "limit", "rule", "label"), LIMITS)
all_unreadable = pytest.mark.parametrize("unreadable", UNREADABLE, ids=repr)


def judge(metrics: dict[str, Any], rules: dict[str, Any]) -> CheckResult:
    return evaluate_account_breach("FTMO", 1, metrics, rules)


def only(result: CheckResult) -> Comparison:
    (comparison,) = result.compared
    return comparison


def test_the_documents_refusal_word_for_word() -> None:
    result = evaluate_account_breach(
        firm_code="FTMO",
        program_id=1,
        account_metrics={"day_pl": -1200.0},
        breach_rules={"max_daily_loss": 1000.0},
    )

    row = result.as_row()
    assert {key: row[key] for key in ("firm_code", "program_id", "status", "rule", "reason", "details")} == {
        "firm_code": "FTMO",
        "program_id": 1,
        "status": "REJECTED",
        "rule": "MAX_DAILY_LOSS",
        "reason": "Daily loss -1200.0 exceeds max_daily_loss 1000.0.",
        "details": {"day_pl": Decimal("-1200.0"), "max_daily_loss": Decimal("1000.0")},
    }


@all_limits
@pytest.mark.parametrize(
    ("figure", "refused"),
    [
        ("-2499.99", False),  # just under
        ("-2500.00", True),  # exactly: reaching the limit is a breach
        ("-2500.01", True),  # just over
        ("0", False),
    ],
)
def test_a_limit_at_its_edge(metric: str, limit: str, rule: Rule, label: str, figure: str, refused: bool) -> None:
    value = Decimal(figure)

    result = judge({metric: value}, {limit: Decimal(2500)})

    assert only(result) == Comparison(rule=rule, value=value, limit=Decimal(2500), passed=not refused)
    if refused:
        assert (result.status, result.rule) == ("REJECTED", rule)
        assert result.reason == f"{label} {figure} exceeds {limit} 2500."
        assert result.details == {metric: value, limit: Decimal(2500)}
    else:
        assert (result.status, result.rule, result.reason, result.details) == ("APPROVED", None, None, None)


@pytest.mark.parametrize(("metric", "limit"), [("day_pl", "max_daily_loss"), ("total_pl", "max_total_loss")])
def test_a_profit_is_no_loss(metric: str, limit: str) -> None:
    assert judge({metric: Decimal("2500.01")}, {limit: 2500}).approved


@pytest.mark.parametrize(
    ("figure", "refused"),
    [
        ("2499.99", False),  # just under
        ("2500.00", True),  # exactly
        ("2500.01", True),  # just over
    ],
)
def test_a_positive_drawdown_is_a_magnitude_and_is_noted(figure: str, refused: bool) -> None:
    result = judge({"drawdown": Decimal(figure)}, {"max_drawdown": 2500})

    note = f"drawdown {figure} was given as a positive figure and read as a loss"
    assert only(result) == Comparison(
        rule=Rule.MAX_DRAWDOWN, value=-Decimal(figure), limit=Decimal(2500), passed=not refused, note=note
    )
    if refused:
        assert result.reason == f"Drawdown -{figure} exceeds max_drawdown 2500."
        assert result.details == {"drawdown": -Decimal(figure), "max_drawdown": Decimal(2500), "note": note}
    else:
        assert result.approved


def test_a_positive_drawdown_without_a_limit_is_nothing() -> None:
    assert judge({"drawdown": 10**6}, {}).compared == ()


@all_limits
@pytest.mark.parametrize("metrics", [{}, {"day_pl": None, "total_pl": None, "drawdown": None}])
def test_an_unknown_figure_is_not_evaluated_and_says_so(
    metric: str, limit: str, rule: Rule, label: str, metrics: dict[str, Any]
) -> None:
    result = judge(metrics, {limit: 2500})

    assert result.approved
    assert only(result) == Comparison(
        rule=rule, value=None, limit=Decimal(2500), passed=None, note=f"{metric} is not known"
    )


@pytest.mark.parametrize("rules", [{}, dict.fromkeys(("max_daily_loss", "max_total_loss", "max_drawdown"))])
def test_a_limit_that_is_not_set_is_off(rules: dict[str, Any]) -> None:
    result = judge(dict.fromkeys(("day_pl", "total_pl", "drawdown"), Decimal("-1e9")), rules)

    assert result.approved
    assert result.compared == ()


@all_limits
def test_a_limit_of_zero_is_a_limit(metric: str, limit: str, rule: Rule, label: str) -> None:
    assert judge({metric: 0}, {limit: 0}).rule == rule


@all_limits
@all_unreadable
def test_a_limit_that_cannot_be_read_refuses(
    metric: str, limit: str, rule: Rule, label: str, unreadable: object
) -> None:
    result = judge({metric: 0}, {limit: unreadable})

    assert (result.rule, result.compared) == (Rule.EXCEPTION, ())
    assert (result.reason or "").startswith(
        f"Account breach check could not be carried out for firm FTMO, program 1: {limit}: "
    )


@all_limits
@all_unreadable
def test_a_figure_that_cannot_be_read_refuses(
    metric: str, limit: str, rule: Rule, label: str, unreadable: object
) -> None:
    result = judge({metric: unreadable}, {limit: 2500})

    assert result.rule == Rule.EXCEPTION
    assert f"{metric}: " in (result.reason or "")


def test_the_first_limit_that_refuses_is_the_reason_and_all_are_compared() -> None:
    rules = {"max_daily_loss": 1, "max_total_loss": 1, "max_drawdown": 1}
    metrics = {"day_pl": -1, "total_pl": -1, "drawdown": -1}

    assert judge(metrics, rules).rule == Rule.MAX_DAILY_LOSS
    assert judge({**metrics, "day_pl": 0}, rules).rule == Rule.MAX_TOTAL_LOSS
    assert judge({**metrics, "day_pl": 0, "total_pl": 0}, rules).rule == Rule.MAX_DRAWDOWN
    assert judge({"day_pl": 0, "total_pl": 0, "drawdown": 0}, rules).approved
    assert [comparison.passed for comparison in judge(metrics, rules).compared] == [False, False, False]
