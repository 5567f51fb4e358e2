"""What an account's state says of entries, whatever the order is. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from account_engine import evaluate_account_breach, evaluate_account_state
from domain.account import AccountKey
from domain.checks import CheckResult
from domain.limits import failed_check
from risk_engine.decision import AccountFacts, EntryFacts

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class StateChecks:
    """What an account's state alone says, whatever the order: limits already reached, and whether enough is known."""

    breach: CheckResult
    known: CheckResult


def check_states(facts: EntryFacts) -> dict[AccountKey, StateChecks]:
    """Return the checks of each account that no order changes; entries that are decided together may share them."""
    return {
        account.key: StateChecks(breach=_breach(account), known=_state_known(account, facts))
        for account in facts.accounts
    }


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
