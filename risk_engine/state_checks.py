"""What an account's state says of entries, whatever the order is. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from account_engine import evaluate_account_breach, evaluate_account_state
from account_engine.order_enforcement import StateFindings, state_findings
from domain.account import AccountKey
from domain.checks import CheckResult
from domain.limits import failed_check
from risk_engine.decision import AccountFacts, EntryFacts

R = TypeVar("R")
NOTHING: Mapping[AccountKey, StateChecks] = {}


@dataclass(frozen=True, slots=True)
class StateChecks:
    """What an account's state alone says, whatever the order: limits already reached, and whether enough is known.

    ``enforcement``: its share of the order's enforcement, None where that cannot be told. ``account`` is what it was
    made from. A ``known`` that approves may be of an earlier moment: it is not on record, and its age is of no matter
    while the figures are fresh.
    """

    account: AccountFacts
    breach: CheckResult
    known: CheckResult
    enforcement: StateFindings | None


def check_states(
    facts: EntryFacts, before: Mapping[AccountKey, StateChecks] = NOTHING
) -> dict[AccountKey, StateChecks]:
    """Return the checks of each account that no order changes; entries that are decided together may share them.

    ``before``: the last ones, of which those are taken over whose account has not changed since.
    """
    return {account.key: _checks(account, facts, before.get(account.key)) for account in facts.accounts}


def _checks(account: AccountFacts, facts: EntryFacts, before: StateChecks | None) -> StateChecks:
    if before is None or not _same(before.account, account):
        return StateChecks(
            account=account,
            breach=_breach(account),
            known=_state_known(account, facts),
            enforcement=guarded(lambda: state_findings(account.metadata, account.state), lambda _: None),
        )
    age = account.state_age
    if before.known.approved and age is not None and age <= facts.max_state_age:
        return before
    return StateChecks(
        account=account, breach=before.breach, known=_state_known(account, facts), enforcement=before.enforcement
    )


def _same(before: AccountFacts, now: AccountFacts) -> bool:
    # The same objects: equal is not enough, since 0 equals False and a flag that is 0 is no clear "no".
    return before.state is now.state and before.metadata is now.metadata and before.breach_rules is now.breach_rules


def _breach(account: AccountFacts) -> CheckResult:
    return guarded(
        lambda: evaluate_account_breach(*account.key, account.state, account.breach_rules),
        lambda error: failed_check("Account breach check", *account.key, error),
    )


def _state_known(account: AccountFacts, facts: EntryFacts) -> CheckResult:
    if facts.allow_unknown_state:
        return CheckResult(firm_code=account.key.firm_code, program_id=account.key.program_id)
    firm_rules = next(firm.risk_rules for firm in facts.firms if firm.code == account.key.firm_code)
    limits = {
        **{name: limit for name, limit in firm_rules.items() if name != "max_position_size"},
        **account.breach_rules,
        **{name: account.metadata.get(name) for name in ("max_risk_per_trade_pct", "starting_balance")},
    }
    return guarded(
        lambda: evaluate_account_state(
            *account.key, account.state, limits, age=account.state_age, max_age=facts.max_state_age
        ),
        lambda error: failed_check("Account state check", *account.key, error),
    )


def guarded(check: Callable[[], R], refused: Callable[[Exception], R]) -> R:
    """Return what a check says; what ``refused`` makes of the error where it raises one."""
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - an account that cannot be checked does not trade
        return refused(error)
