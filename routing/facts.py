"""Gathering: what is configured of each account, read once, with what is known of it at this moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from account_engine import AccountStateManager
from config import (
    account_rules,
    get_account_breach_rules,
    get_firm_risk_rules,
    get_program_scaling_rules,
    get_unified_program_metadata,
)
from config.settings import Settings
from domain.account import AccountKey
from domain.money import decimal_of
from domain.order import EntryOrder
from risk_engine.decision import AccountFacts, DryReason, EntryFacts, FirmFacts
from risk_engine.pipeline import age_of


class FactBook:
    """The routed accounts with their rules, compiled once; their state is asked for each decision.

    ``dry_run`` makes every account dry. ``clock`` gives Unix seconds.
    """

    def __init__(
        self,
        settings: Settings,
        states: AccountStateManager,
        *,
        dry_run: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._states = states
        self._clock = clock
        codes = tuple(dict.fromkeys(account.firm_code for account in settings.accounts))
        self.firms = tuple(
            FirmFacts(code=code, risk_rules=get_firm_risk_rules(code, settings=settings)) for code in codes
        )
        self.accounts = tuple(_configured(account, settings, dry_run=dry_run) for account in settings.accounts)
        self.rule_sets = {account.key: account.metadata["rule_set"] for account in self.accounts}

    def refresh(self) -> None:
        """See what other processes have changed of the accounts. Raises DatabaseUnavailable."""
        self._states.refresh([account.key for account in self.accounts])

    def of(self, order: EntryOrder, *, trade_closed: bool) -> EntryFacts:
        """Return all facts of an entry, as of now."""
        now = self._clock()
        accounts = tuple(self._with_state(account, now) for account in self.accounts)
        firms = tuple(replace(firm, metrics=firm_metrics(firm.code, accounts)) for firm in self.firms)
        return EntryFacts(
            order=order,
            firms=firms,
            accounts=accounts,
            instruments=self._settings.instruments,
            trade_closed=trade_closed,
            max_state_age=Decimal(self._settings.account_state_max_age),
            allow_unknown_state=self._settings.allow_unknown_account_state,
        )

    def _with_state(self, account: AccountFacts, now: float) -> AccountFacts:
        state, figures_at, standing = self._states.facts_of(*account.key)
        return replace(account, state=state, state_age=age_of(figures_at, now), standing=standing)


def firm_metrics(firm_code: str, accounts: tuple[AccountFacts, ...]) -> dict[str, Decimal]:
    """Return the firm's day_pl and total_pl (dollars): the sums over its accounts whose figures are known.

    A figure that is not a number is left out of the sum; the account's own check refuses it.
    """
    sums: dict[str, Decimal] = {}
    for account in accounts:
        if account.key.firm_code != firm_code:
            continue
        for name in ("day_pl", "total_pl"):
            figure = _known(account.state.get(name))
            if figure is not None:
                sums[name] = sums.get(name, Decimal(0)) + figure
    return sums


def _known(value: Any) -> Decimal | None:
    try:
        return None if value is None else decimal_of(value)
    except ValueError:
        return None


def _configured(account: AccountKey, settings: Settings, *, dry_run: bool) -> AccountFacts:
    dry_reason = DryReason.GLOBAL if dry_run else None
    if dry_reason is None and settings.is_dry(account.firm_code):
        dry_reason = DryReason.FIRM
    return AccountFacts(
        key=account,
        rules=account_rules(account, settings),
        dry_reason=dry_reason,
        scaling_rules=get_program_scaling_rules(*account, settings=settings),
        breach_rules=get_account_breach_rules(*account, settings=settings),
        metadata=get_unified_program_metadata(*account, settings=settings),
        config_errors=tuple(problem.variable for problem in settings.errors_of(account)),
    )
