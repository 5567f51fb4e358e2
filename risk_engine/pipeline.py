"""The checks of an entry, in order: risk, sizing, breach, enforcement, verdict. Facts in, decision out; nothing else.

Exits and MFE updates have no checks: an exit always passes, an update is only information.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

from account_engine import check_order_enforcement
from account_engine.order_enforcement import enforcement_answer
from account_engine.rule_engine import StandingState, entry_fits
from account_engine.standing import AccountStanding
from config import contract_limit
from domain.account import AccountKey
from domain.checks import CheckResult, Comparison, Status
from domain.limits import Finding, failed_check, failed_finding
from domain.order import EntryOrder
from domain.rules import Rule
from program_engine import ProgramSizingResult, calculate_program_sizing
from risk_engine.decision import (
    AccountDecision,
    AccountFacts,
    Approved,
    EntryDecision,
    EntryFacts,
    FirmFacts,
    Refusal,
    Rejected,
    Verdict,
)
from risk_engine.live_checks import live_findings, loss_at_stop, reserved_of
from risk_engine.prop_risk_engine import evaluate_risk
from risk_engine.state_checks import StateChecks, check_states, guarded
from risk_engine.traded import Traded, as_traded

APPROVED, REJECTED = str(Status.APPROVED), str(Status.REJECTED)
UNKNOWN = str(StandingState.UNKNOWN)
# Strategies ask for a handful of sizes; what strangers may ask for is without end.
ANSWERS_KEPT = 32


def decide_entry(facts: EntryFacts, states: Mapping[AccountKey, StateChecks] | None = None) -> EntryDecision:
    """Decide an entry for every routed account on its own.

    An account is approved only if every check approved that account. A check that fails with an error refuses the
    account with rule EXCEPTION. Never raises on account of the facts. ``states``: ``check_states`` of the same accounts
    in the same states; made here where it is None.
    """
    if states is None:
        states = check_states(facts)
    risks = {firm.code: _risk(firm, facts.order) for firm in facts.firms}
    asked = _Asked.of(facts)
    accounts = [
        _decide_account(account, risks[account.key.firm_code], states[account.key], asked) for account in facts.accounts
    ]
    return EntryDecision(
        risk_checks=tuple(risk.as_row() for risk in risks.values()),
        program_sizing=tuple(account.sizing.as_row() for account in accounts),
        account_breaches=tuple(account.breach.as_row() for account in accounts),
        enforcement_checks=tuple(account.enforcement for account in accounts),
        accounts=tuple(account.decision for account in accounts),
    )


def order_size(requested: int | None, sized: int | None) -> int:
    """Return what would be sent: the smaller of what was asked and what was sized, or the one that exists."""
    known = [size for size in (requested, sized) if size is not None]
    return max(min(known, default=0), 0)


class _Asked(NamedTuple):
    """An order among its facts, and as the sizing and the enforcement are told of it."""

    facts: EntryFacts
    to_size: dict[str, Any]
    to_enforce: dict[str, Any]

    @classmethod
    def of(cls, facts: EntryFacts) -> _Asked:
        order = facts.order
        to_size = {"symbol": order.symbol, "entry_price": order.entry_price, "stop_loss": order.stop_loss}
        return cls(facts, to_size, {**to_size, "session": order.session, "contracts": order.contracts})


class _Checked(NamedTuple):
    sizing: ProgramSizingResult
    breach: CheckResult
    enforcement: dict[str, Any]
    decision: AccountDecision


def _decide_account(account: AccountFacts, risk: CheckResult, states: StateChecks, asked: _Asked) -> _Checked:
    live = account.dry_reason is None
    traded = _traded(account, asked.facts)
    if traded.order is not asked.facts.order:
        asked = _Asked.of(replace(asked.facts, order=traded.order))
    facts = asked.facts
    account = _under_contract_limit(account, facts)
    sizing = _sizing(account, asked)
    contracts = order_size(facts.order.contracts, sizing.sized)
    state, breach = states.known, states.breach
    if live and breach.approved and not state.approved:
        breach = state
    configuration = _configuration(account)
    enforcement = _enforcement(account, asked, contracts, states)
    fit = _fit(account, facts, contracts)
    unknown = [finding for finding in fit if _is_unknown(finding)]
    if enforcement["rule"] is not Rule.TRADE_CLOSED:
        others = [*_live_findings(account, facts, contracts), *traded.findings, *(traded.live_findings if live else ())]
        judged = fit if live or not unknown else [finding for finding in fit if not _is_unknown(finding)]
        # What the breach check has refused already needs no second refusal for the same figures.
        enforcement = _with_findings(enforcement, others, judged, judge=breach.approved)
    if live and enforcement["allowed"] and configuration is not None:
        enforcement = enforcement_answer(configuration, compared=enforcement["compared"])
    row = _enforcement_row(account, enforcement)
    refusals = [_refusal(check) for check in (risk, sizing, breach) if not check.approved]
    if not row["allowed"]:
        refusals.append(Refusal(rule=row["rule"], reason=row["reason"]))
    if contracts == 0 and sizing.approved:
        refusals.append(Refusal(rule=Rule.ZERO_CONTRACTS, reason="The size comes to 0 contracts."))
    verdict: Verdict = (
        Rejected(account=account.key, contracts=contracts, order=traded.order, refusals=tuple(refusals))
        if refusals
        else Approved(account=account.key, contracts=contracts, order=traded.order, contract=traded.contract)
    )
    blocked_if_live = () if live else _live_refusals(state, traded.live_findings, unknown, configuration)
    decision = AccountDecision(verdict=verdict, dry_reason=account.dry_reason, blocked_if_live=blocked_if_live)
    return _Checked(sizing=sizing, breach=breach, enforcement=row, decision=decision)


def _traded(account: AccountFacts, facts: EntryFacts) -> Traded:
    reason = f"What {account.key} would trade could not be found out"
    return guarded(
        lambda: as_traded(account, facts),
        lambda error: Traded(
            order=facts.order, contract=None, findings=(failed_finding(f"{reason}: {error}"),), live_findings=()
        ),
    )


def _under_contract_limit(account: AccountFacts, facts: EntryFacts) -> AccountFacts:
    """Return the account with the most contracts that its rule set allows of this order's instrument now."""
    rules = account.rules
    if rules is None or rules.rule_set is None:
        return account
    start = account.state.get("day_start_balance")
    start = start if isinstance(start, Decimal) else None
    profit = None if start is None or rules.drawdown is None else start - rules.drawdown.starting_balance
    limit = contract_limit(rules, facts.instruments.resolve(facts.order.symbol), total_profit=profit)
    most = {"max_contracts": limit}
    return replace(account, metadata={**account.metadata, **most}, scaling_rules={**account.scaling_rules, **most})


def _live_findings(account: AccountFacts, facts: EntryFacts, contracts: int) -> list[Finding]:
    return guarded(
        lambda: list(live_findings(account, facts, contracts)),
        lambda error: [failed_finding(f"What is open on {account.key} could not be judged: {error}")],
    )


def _risk(firm: FirmFacts, order: EntryOrder) -> CheckResult:
    asked = (order.contracts, order.symbol)
    known = firm.answers.get(asked)
    if known is None:
        payload = {"contracts": order.contracts, "symbol": order.symbol}
        known = guarded(
            lambda: evaluate_risk(firm.code, firm.risk_rules, payload, firm.metrics),
            lambda error: failed_check("Risk check", firm.code, None, error),
        )
        if known.rule is not Rule.EXCEPTION and len(firm.answers) < ANSWERS_KEPT:
            firm.answers[asked] = known
    return known


def _sizing(account: AccountFacts, asked: _Asked) -> ProgramSizingResult:
    instruments = asked.facts.instruments
    return guarded(
        lambda: calculate_program_sizing(*account.key, account.scaling_rules, asked.to_size, instruments=instruments),
        lambda error: ProgramSizingResult(
            firm_code=account.key.firm_code,
            program_id=account.key.program_id,
            status=Status.REJECTED,
            rule=Rule.EXCEPTION,
            reason=f"Program sizing could not be carried out for {account.key}: {error}",
        ),
    )


def _configuration(account: AccountFacts) -> Finding | None:
    """A setting that cannot be read is never "no limit": it refuses live entries of its account."""
    if not account.config_errors:
        return None
    return Finding(
        comparison=Comparison(rule=Rule.CONFIGURATION_ERROR, value=list(account.config_errors), limit=[], passed=False),
        reason=f"Settings that are missing or cannot be read: {', '.join(account.config_errors)}.",
        details={"variables": list(account.config_errors)},
    )


def _enforcement(account: AccountFacts, asked: _Asked, contracts: int, states: StateChecks) -> dict[str, Any]:
    facts = asked.facts
    if facts.trade_closed:
        closed = Comparison(rule=Rule.TRADE_CLOSED, value="exit stored before entry", limit=None, passed=False)
        reason = f"Trade {facts.order.trade_id} was closed before this entry was processed."
        return enforcement_answer(Finding(comparison=closed, reason=reason), compared=[closed])
    return guarded(
        lambda: check_order_enforcement(
            *account.key,
            account.metadata,
            account.state,
            {**asked.to_enforce, "send_contracts": contracts},
            instruments=facts.instruments,
            of_state=states.enforcement,
        ),
        lambda error: enforcement_answer(None, rule=Rule.EXCEPTION, reason=str(error), compared=[]),
    )


def _fit(account: AccountFacts, facts: EntryFacts, contracts: int) -> list[Finding]:
    """Hold the account's standing, and its rooms, against this order's loss at its stop."""
    if account.standing is None:
        return []
    standing = account.standing
    findings = guarded(
        lambda: list(
            entry_fits(
                standing, _with_what_is_open(loss_at_stop(facts.order, facts.instruments, contracts), account, standing)
            )
        ),
        lambda error: [failed_finding(f"The standing of {account.key} could not be judged: {error}")],
    )
    if not facts.allow_unknown_state:
        return findings
    # The owner may let an account trade whose figures are not known; a limit that is known to be reached stays one.
    return [finding for finding in findings if not _is_unknown(finding)]


def _with_what_is_open(worst_case: Decimal | None, account: AccountFacts, standing: AccountStanding) -> Decimal | None:
    reserved = reserved_of(account, standing)
    return None if worst_case is None or reserved is None else worst_case + reserved


def _is_unknown(finding: Finding) -> bool:
    comparison = finding.comparison
    return comparison.rule is Rule.STANDING_FORBIDS_ENTRY and comparison.value == UNKNOWN


def _with_findings(answer: dict[str, Any], others: list[Finding], fit: list[Finding], *, judge: bool) -> dict[str, Any]:
    """Return the enforcement answer with these comparisons, and the first one's refusal where there was none yet.

    ``judge`` says whether ``fit`` may refuse; its comparisons are kept either way.
    """
    compared = [*answer["compared"], *[finding.comparison for finding in others + fit]]
    if answer["allowed"]:
        for finding in others + fit if judge else others:
            if finding.comparison.passed is False:
                return enforcement_answer(finding, compared=compared)
    return {**answer, "compared": compared}


def _enforcement_row(account: AccountFacts, answer: dict[str, Any]) -> dict[str, Any]:
    firm_code, program_id = account.key
    return {
        "firm_code": firm_code,
        "program_id": program_id,
        "status": APPROVED if answer["allowed"] else REJECTED,
        "allowed": answer["allowed"],
        "breach_type": answer["breach_type"],
        "rule": answer["rule"],
        "reason": answer["reason"],
        "details": answer["details"],
        "compared": [comparison.as_row() for comparison in answer["compared"]],
    }


def _refusal(check: CheckResult) -> Refusal:
    return Refusal(rule=str(check.rule), reason=check.reason or "")


def _live_refusals(
    state: CheckResult, of_contract: tuple[Finding, ...], unknown: list[Finding], configuration: Finding | None
) -> tuple[Refusal, ...]:
    """Return what would refuse a dry account if it were live. ``unknown`` says the same as a state that refuses."""
    found = [finding for finding in of_contract if finding.refuses]
    if state.approved:
        found += unknown
    if configuration is not None:
        found.append(configuration)
    refusals = tuple([Refusal(rule=finding.comparison.rule, reason=finding.reason or "") for finding in found])
    return refusals if state.approved else (_refusal(state), *refusals)


def age_of(figures_at: float | None, now: float) -> Decimal | None:
    """Return how old figures are in seconds to the millisecond, None where none ever arrived."""
    return None if figures_at is None else Decimal(str(round(now - figures_at, 3)))
