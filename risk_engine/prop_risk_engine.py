"""The firm's gate: position size and losses over all of the firm's programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.checks import CheckResult, Comparison
from domain.limits import Finding, LossLimit, failed_check, loss_finding, result_of
from domain.money import optional_decimal, plain
from domain.order import requested_contracts
from domain.rules import Rule

LOSS_LIMITS = (
    LossLimit(rule=Rule.MAX_DAILY_LOSS, label="Daily loss", metric="day_pl", limit="max_daily_loss"),
    LossLimit(rule=Rule.MAX_TOTAL_LOSS, label="Total loss", metric="total_pl", limit="max_total_loss"),
)


def evaluate_risk(
    firm_code: str,
    risk_rules: Mapping[str, Any],
    task_payload: Mapping[str, Any],
    account_metrics: Mapping[str, Any] | None = None,
) -> CheckResult:
    """Judge what was requested against the firm's rules.

    ``risk_rules``: max_position_size (contracts), max_daily_loss, max_total_loss (dollars, positive); an absent rule
    is off. ``account_metrics``: day_pl and total_pl in dollars, summed over the firm's routed programs; an absent
    figure is not evaluated. A rule or figure that is not a number refuses with rule EXCEPTION.
    """
    metrics = {} if account_metrics is None else account_metrics
    try:
        findings = [
            _position_size(risk_rules, task_payload),
            *(loss_finding(check, metrics, risk_rules) for check in LOSS_LIMITS),
        ]
    except (ValueError, TypeError, ArithmeticError) as error:
        return failed_check("Risk check", firm_code, None, error)
    return result_of(firm_code, None, findings)


def _position_size(risk_rules: Mapping[str, Any], task_payload: Mapping[str, Any]) -> Finding | None:
    limit = optional_decimal(risk_rules, "max_position_size")
    if limit is None:
        return None
    requested = requested_contracts(task_payload)
    if requested is None:
        note = "the signal names no size; sizing keeps within this limit"
        comparison = Comparison(rule=Rule.MAX_POSITION_SIZE, value=None, limit=limit, passed=None, note=note)
        return Finding(comparison=comparison)
    comparison = Comparison(rule=Rule.MAX_POSITION_SIZE, value=requested, limit=limit, passed=requested <= limit)
    if comparison.passed:
        return Finding(comparison)
    return Finding(
        comparison=comparison,
        reason=f"Requested {requested} contracts exceeds max_position_size {plain(limit)}.",
        details={"requested_contracts": requested, "max_position_size": limit},
    )
