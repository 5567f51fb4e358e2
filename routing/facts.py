"""Gathering: what is configured of each account, read once, with what is known of it at this moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from operator import is_
from typing import Any

from account_engine import AccountStateManager
from account_engine.standing import AccountStanding
from config import (
    account_rules,
    get_account_breach_rules,
    get_firm_risk_rules,
    get_program_scaling_rules,
    get_unified_program_metadata,
)
from config.arming import DryBecause, arming
from config.contracts import contract_terms
from config.settings import Settings
from config.venue_logins import carries_stop
from domain.account import AccountKey
from domain.dry_reason import DryReason
from domain.halt import Halt, halt_of
from domain.money import decimal_of
from domain.order import EntryOrder, ExitOrder
from risk_engine.decision import AccountFacts, EntryFacts, FirmFacts
from risk_engine.pipeline import age_of
from risk_engine.state_checks import NOTHING, StateChecks, check_states
from routing.ledger_view import LedgerView

NO_ORDER = EntryOrder(trade_id="", symbol="", direction=None, entry_price=None, stop_loss=None, contracts=None)


class FactBook:
    """The routed accounts with their rules, compiled once; their state is read once for orders decided together.

    ``dry_run`` makes every account dry, whatever ``config.arming`` says of it. ``halts`` and ``out_of_sync`` read what
    holds now; ``unreachable``: armed accounts without a connector, which stay dry. ``clock`` gives Unix seconds.
    """

    def __init__(
        self,
        settings: Settings,
        states: AccountStateManager,
        *,
        dry_run: bool,
        halts: Callable[[], Sequence[Halt]] = tuple,
        out_of_sync: Callable[[], Mapping[AccountKey, str]] = dict,
        unreachable: Collection[AccountKey] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._read_halts = halts
        self._read_out_of_sync = out_of_sync
        self._halts: Sequence[Halt] = ()
        self._out_of_sync: Mapping[AccountKey, str] = {}
        self._checked: Mapping[AccountKey, StateChecks] = {}
        self._summed: tuple[tuple[Mapping[str, Any], ...], tuple[FirmFacts, ...]] = ((), ())
        self._settings = settings
        self._states = states
        self._clock = clock
        codes = tuple(dict.fromkeys(account.firm_code for account in settings.accounts))
        self.firms = tuple(
            FirmFacts(code=code, risk_rules=get_firm_risk_rules(code, settings=settings)) for code in codes
        )
        configured = (_configured(account, settings, dry_run=dry_run) for account in settings.accounts)
        self.accounts = tuple(
            replace(account, dry_reason=DryReason.NO_CONNECTOR)
            if account.dry_reason is None and account.key in unreachable
            else account
            for account in configured
        )
        self.live = tuple(account.key for account in self.accounts if account.dry_reason is None)
        self.rule_sets = {account.key: account.metadata["rule_set"] for account in self.accounts}

    def refresh(self) -> None:
        """See what other processes have changed of the accounts. Raises DatabaseUnavailable."""
        self._states.refresh([account.key for account in self.accounts])
        self._halts = self._read_halts()
        if self.live:
            self._out_of_sync = self._read_out_of_sync()

    def contracts_of(self, order: ExitOrder, root: str) -> Decimal | None:
        """Return how many contracts of ``root`` a partial exit asks for; of a trade in micros each counts its ratio."""
        if order.contracts is None:
            return None
        asked, traded = self._settings.instruments.resolve(order.symbol), self._settings.instruments.resolve(root)
        micros = asked is not None and traded is not None and traded.micro_of == asked.root and traded.micro_ratio
        return Decimal(order.contracts * (micros or 1))

    def seen(self) -> Seen:
        """Return the accounts as they are known at this moment, for the orders that are decided next."""
        now = self._clock()
        known = self._states.facts_of([account.key for account in self.accounts])
        accounts = tuple(
            [self._with_state(account, *of, now) for account, of in zip(self.accounts, known, strict=True)]
        )
        seen = Seen(self._settings, self._with_metrics(accounts), accounts, now, self._checked)
        self._checked = seen.states
        return seen

    def _with_metrics(self, accounts: tuple[AccountFacts, ...]) -> tuple[FirmFacts, ...]:
        # Between two changes of any account the sums stay, and with them what was made of them.
        states, (before, firms) = tuple([account.state for account in accounts]), self._summed
        if len(before) != len(states) or not all(map(is_, before, states)):
            firms = with_metrics(self.firms, accounts)
            self._summed = (states, firms)
        return firms

    def _with_state(
        self,
        account: AccountFacts,
        state: Mapping[str, Any],
        figures_at: float | None,
        standing: AccountStanding | None,
        now: float,
    ) -> AccountFacts:
        halt = halt_of(account.key, self._halts) if self._halts else None
        live = account.dry_reason is None
        return account.at_moment(
            state=state,
            state_age=age_of(figures_at, now),
            standing=standing,
            halted=None if halt is None else f"{halt}.",
            out_of_sync=self._out_of_sync.get(account.key) if live else None,
        )


class Seen:
    """All accounts at one moment (Unix seconds), and firms with their metrics, for orders decided one after another.

    ``checked``: what was made of the accounts' states at an earlier moment.
    """

    def __init__(
        self,
        settings: Settings,
        firms: tuple[FirmFacts, ...],
        accounts: tuple[AccountFacts, ...],
        now: float,
        checked: Mapping[AccountKey, StateChecks] = NOTHING,
    ) -> None:
        self._accounts = accounts
        self._firms = firms
        self._all = EntryFacts(
            order=NO_ORDER,
            firms=self._firms,
            accounts=accounts,
            instruments=settings.instruments,
            on=datetime.fromtimestamp(now, UTC).date(),
            max_state_age=Decimal(settings.account_state_max_age),
            allow_unknown_state=settings.allow_unknown_account_state,
            max_signal_age=Decimal(str(settings.entry_max_age)),
        )
        self.states = check_states(self._all, checked)

    def of(
        self,
        order: EntryOrder,
        *,
        trade_closed: bool,
        age: Decimal | None = None,
        view: LedgerView | None = None,
        only: Collection[str] | None = None,
    ) -> EntryFacts:
        """Return all facts of an entry. ``age`` of its signal in seconds; ``view``: what is open already.

        ``only``: the accounts (``APEX/1``) that the entry is for, None for every routed one.
        """
        accounts, firms = self._accounts, self._firms
        if only is not None:
            accounts = tuple(account for account in accounts if str(account.key) in only)
            codes = {account.key.firm_code for account in accounts}
            firms = tuple(firm for firm in firms if firm.code in codes)
        if view is not None:
            accounts = tuple(_with_exposure(account, view) for account in accounts)
        return replace(
            self._all, order=order, firms=firms, accounts=accounts, trade_closed=trade_closed, signal_age=age
        )


def _with_exposure(account: AccountFacts, view: LedgerView) -> AccountFacts:
    return account if account.dry_reason is not None else replace(account, exposure=view.exposure(account.key))


def with_metrics(firms: Iterable[FirmFacts], accounts: tuple[AccountFacts, ...]) -> tuple[FirmFacts, ...]:
    """Return firms with the metrics of all of their accounts."""
    return tuple(replace(firm, metrics=firm_metrics(firm.code, accounts)) for firm in firms)


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
    answer = arming(account, settings)
    dry_reason = answer.reason if isinstance(answer, DryBecause) else None
    rules = account_rules(account, settings)
    return AccountFacts(
        key=account,
        rules=rules,
        dry_reason=DryReason.GLOBAL if dry_run else dry_reason,
        scaling_rules=get_program_scaling_rules(*account, settings=settings),
        breach_rules=get_account_breach_rules(*account, settings=settings),
        metadata=get_unified_program_metadata(*account, settings=settings),
        config_errors=tuple(problem.variable for problem in settings.errors_of(account)),
        use_micros=settings.programs[account].use_micros is True,
        stop_required=rules.stop_required,
        venue_carries_stop=carries_stop(account, settings),
        contract_terms=contract_terms(account, settings),
    )
