"""The account's gates: limits already reached, and whether this order may be placed on the account now."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from account_engine.order_enforcement import check_order_enforcement
from domain.checks import CheckResult, Comparison
from domain.limits import Finding, LossLimit, failed_check, loss_finding, result_of
from domain.money import optional_decimal
from domain.rules import Rule

__all__ = [
    "AccountBreachResult",
    "check_order_enforcement",
    "evaluate_account_breach",
    "evaluate_account_state",
]

AccountBreachResult = CheckResult

DAILY = LossLimit(rule=Rule.MAX_DAILY_LOSS, label="Daily loss", metric="day_pl", limit="max_daily_loss")
TOTAL = LossLimit(rule=Rule.MAX_TOTAL_LOSS, label="Total loss", metric="total_pl", limit="max_total_loss")
DRAWDOWN = LossLimit(rule=Rule.MAX_DRAWDOWN, label="Drawdown", metric="drawdown", limit="max_drawdown")


def evaluate_account_breach(
    firm_code: str,
    program_id: int,
    account_metrics: Mapping[str, Any],
    breach_rules: Mapping[str, Any],
) -> CheckResult:
    """Say whether an account has reached its daily loss, total loss or drawdown limit.

    ``account_metrics``: day_pl, total_pl, drawdown in dollars, negative for a loss; a positive drawdown is read as a
    magnitude and noted. ``breach_rules``: max_daily_loss, max_total_loss, max_drawdown in dollars, positive. An absent
    rule is off; an absent figure is not evaluated, which approves. A value that is not a number refuses with rule
    EXCEPTION.
    """
    try:
        findings = [
            loss_finding(DAILY, account_metrics, breach_rules),
            loss_finding(TOTAL, account_metrics, breach_rules),
            _drawdown(account_metrics, breach_rules),
        ]
    except (ValueError, TypeError, ArithmeticError) as error:
        return failed_check("Account breach check", firm_code, program_id, error)
    return result_of(firm_code, program_id, findings)


def _drawdown(metrics: Mapping[str, Any], rules: Mapping[str, Any]) -> Finding | None:
    drawdown = optional_decimal(metrics, "drawdown")
    if drawdown is None or drawdown <= 0:
        return loss_finding(DRAWDOWN, metrics, rules)
    finding = loss_finding(DRAWDOWN, {"drawdown": -drawdown}, rules)
    if finding is None:
        return None
    note = f"drawdown {drawdown} was given as a positive figure and read as a loss"
    comparison = finding.comparison
    return Finding(
        comparison=Comparison(
            rule=comparison.rule,
            value=comparison.value,
            limit=comparison.limit,
            passed=comparison.passed,
            note=note,
        ),
        reason=finding.reason,
        details={**(finding.details or {}), "note": note},
    )


def evaluate_account_state(
    firm_code: str,
    program_id: int,
    account_state: Mapping[str, Any],
    limits: Mapping[str, Any],
    *,
    age: Decimal | None,
    max_age: Decimal,
) -> CheckResult:
    """Say whether enough is known, and recently enough, to judge the account's limits. Used for live entries only.

    ``limits``: max_daily_loss, max_total_loss, max_drawdown, max_risk_per_trade_pct; those that are None are off.
    Beside them starting_balance, which stands in for a peak that is not known.
    ``age`` and ``max_age`` in seconds; None means that no figure was ever received. An account without any limit is
    approved: there is nothing that its state could break.
    """
    needed = _needed(account_state, limits)
    missing = [name for name, known in needed if not known]
    unknown = Comparison(
        rule=Rule.ACCOUNT_STATE_UNKNOWN,
        value=missing,
        limit=[],
        passed=not missing,
        note="figures that a limit of this account needs and that are not known",
    )
    stale = Comparison(
        rule=Rule.ACCOUNT_STATE_STALE,
        value=age,
        limit=max_age,
        passed=not needed or (age is not None and age <= max_age),
        note="age of the account's figures in seconds",
    )
    if unknown.passed and stale.passed:
        return result_of(firm_code, program_id, [Finding(unknown), Finding(stale)])
    return result_of(
        firm_code,
        program_id,
        [
            Finding(
                comparison=unknown,
                reason=f"Account state unknown: {', '.join(missing)} needed by a limit of this account.",
                details={"missing": missing},
            ),
            Finding(
                comparison=stale,
                reason=f"Account state is {age} s old, limit {max_age} s.",
                details={"age_seconds": age, "max_age_seconds": max_age},
            ),
        ],
    )


def _needed(state: Mapping[str, Any], limits: Mapping[str, Any]) -> list[tuple[str, bool]]:
    def known(*names: str) -> bool:
        return all(state.get(name) is not None for name in names)

    by_limit = {
        "max_daily_loss": ("day_pl", known("day_pl")),
        "max_total_loss": ("total_pl", known("total_pl")),
        "max_drawdown": ("drawdown", known("drawdown") or (known("equity") and _has_peak(state, limits))),
        "max_risk_per_trade_pct": ("equity", known("equity") or known("balance")),
    }
    return [needed for limit, needed in by_limit.items() if limits.get(limit) is not None]


def _has_peak(state: Mapping[str, Any], limits: Mapping[str, Any]) -> bool:
    # Where order enforcement looks for the peak, in the same places.
    if limits.get("starting_balance") is not None:
        return True
    return any(state.get(name) is not None for name in ("peak_equity", "high_water_mark", "starting_balance"))
