"""Loss limits, the arithmetic that the firm's check and the account's check share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from domain.checks import CheckResult, Comparison, Status
from domain.money import optional_decimal, plain
from domain.rules import Rule


class Finding(NamedTuple):
    """One comparison, and the words of the refusal where it refuses."""

    comparison: Comparison
    reason: str | None = None
    details: dict[str, Any] | None = None

    @property
    def refuses(self) -> bool:
        return self.comparison.passed is False


@dataclass(frozen=True, slots=True, kw_only=True)
class LossLimit:
    """Which figure (negative for a loss, dollars) is held against which limit (positive, dollars)."""

    rule: Rule
    label: str
    metric: str
    limit: str


def loss_finding(check: LossLimit, metrics: Mapping[str, Any], limits: Mapping[str, Any]) -> Finding | None:
    """Hold a loss against its limit; a loss that *reaches* the limit refuses. None where no limit is set.

    A rule of ours, not a quotation: FTMO's page on the daily loss calls equity *under* the line a breach. Refusing
    already at the line is the stricter reading and costs at most the one trade that stands exactly on it. A figure that
    is not known is not evaluated, and the comparison says so.
    Raises ValueError when the figure or the limit is not a finite number.
    """
    limit = optional_decimal(limits, check.limit)
    if limit is None:
        return None
    value = optional_decimal(metrics, check.metric)
    if value is None:
        note = f"{check.metric} is not known"
        return Finding(comparison=Comparison(rule=check.rule, value=None, limit=limit, passed=None, note=note))
    comparison = Comparison(rule=check.rule, value=value, limit=limit, passed=-value < limit)
    if comparison.passed:
        return Finding(comparison)
    return Finding(
        comparison=comparison,
        reason=f"{check.label} {plain(value)} exceeds {check.limit} {plain(limit)}.",
        details={check.metric: value, check.limit: limit},
    )


def result_of(firm_code: str, program_id: int | None, findings: Iterable[Finding | None]) -> CheckResult:
    """Return the check's result: the first finding that refuses decides, all comparisons are kept."""
    found = [finding for finding in findings if finding is not None]
    compared = tuple(finding.comparison for finding in found)
    refusal = next((finding for finding in found if finding.refuses), None)
    if refusal is None:
        return CheckResult(firm_code=firm_code, program_id=program_id, compared=compared)
    return CheckResult(
        firm_code=firm_code,
        program_id=program_id,
        status=Status.REJECTED,
        rule=refusal.comparison.rule,
        reason=refusal.reason,
        details=refusal.details,
        compared=compared,
    )


def failed_finding(reason: str) -> Finding:
    """Return the refusal of a finding that could not be made: an error blocks the account."""
    return Finding(comparison=Comparison(rule=Rule.EXCEPTION, value=None, limit=None, passed=False), reason=reason)


def failed_check(check: str, firm_code: str, program_id: int | None, error: Exception) -> CheckResult:
    """Return the refusal for a check that could not be carried out: an error blocks the account."""
    program = "" if program_id is None else f", program {program_id}"
    return CheckResult(
        firm_code=firm_code,
        program_id=program_id,
        status=Status.REJECTED,
        rule=Rule.EXCEPTION,
        reason=f"{check} could not be carried out for firm {firm_code}{program}: {error}",
        details={"error": f"{type(error).__name__}: {error}"},
    )
