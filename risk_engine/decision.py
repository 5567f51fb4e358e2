"""The decision on one entry: facts that go in, one closed verdict per account that comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from account_engine.standing import AccountStanding
from config.contracts import ContractTerms
from config.instruments import InstrumentBook
from domain.account import AccountKey
from domain.checks import CheckResult
from domain.contract import Contract
from domain.dry_reason import DryReason
from domain.ledger import Exposure
from domain.order import EntryOrder
from domain.rule_set import AccountRules

__all__ = [
    "AccountDecision",
    "AccountFacts",
    "Approved",
    "DryReason",
    "EntryDecision",
    "EntryFacts",
    "FirmFacts",
    "Refusal",
    "Rejected",
    "Verdict",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmFacts:
    """A firm's rules, and day_pl and total_pl summed over those of its routed accounts that are known (dollars).

    ``answers``: what the firm's check said of a size and symbol asked for; it is told nothing else of an order.
    """

    code: str
    risk_rules: Mapping[str, Any]
    metrics: Mapping[str, Decimal] = field(default_factory=dict)
    answers: dict[tuple[int | None, str], CheckResult] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """All that is known of one account at the moment of the decision. ``state_age`` in seconds.

    ``standing`` is None where the account is not tracked, ``contract_terms`` and ``venue_carries_stop`` where its firm
    has no platform. ``use_micros``: it trades the micro of what is asked for. ``exposure``: what is open or pending by
    the order ledger. ``halted`` and ``out_of_sync`` are sentences, None where it is neither.
    """

    key: AccountKey
    dry_reason: DryReason | None
    scaling_rules: Mapping[str, Any] = field(default_factory=dict)
    breach_rules: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)
    state_age: Decimal | None = None
    standing: AccountStanding | None = None
    rules: AccountRules | None = None
    config_errors: tuple[str, ...] = ()
    exposure: Exposure = field(default_factory=Exposure)
    halted: str | None = None
    out_of_sync: str | None = None
    use_micros: bool = False
    stop_required: bool = False
    venue_carries_stop: bool | None = None
    contract_terms: ContractTerms | None = None

    def at_moment(
        self,
        *,
        state: Mapping[str, Any],
        state_age: Decimal | None,
        standing: AccountStanding | None,
        halted: str | None,
        out_of_sync: str | None,
    ) -> AccountFacts:
        """Return the account with what changes from moment to moment; ``replace`` takes a third longer."""
        return AccountFacts(
            key=self.key,
            dry_reason=self.dry_reason,
            scaling_rules=self.scaling_rules,
            breach_rules=self.breach_rules,
            metadata=self.metadata,
            state=state,
            state_age=state_age,
            standing=standing,
            rules=self.rules,
            config_errors=self.config_errors,
            exposure=self.exposure,
            halted=halted,
            out_of_sync=out_of_sync,
            use_micros=self.use_micros,
            stop_required=self.stop_required,
            venue_carries_stop=self.venue_carries_stop,
            contract_terms=self.contract_terms,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFacts:
    """Everything an entry's decision depends on. ``trade_closed``: an exit of the trade came before this entry.

    ``on`` is the day in UTC, by which contracts are chosen; None: none is. ``signal_age`` and ``max_signal_age`` in
    seconds; None where the age does not matter.
    """

    order: EntryOrder
    firms: tuple[FirmFacts, ...]
    accounts: tuple[AccountFacts, ...]
    instruments: InstrumentBook
    on: date | None = None
    trade_closed: bool = False
    max_state_age: Decimal = Decimal(300)
    allow_unknown_state: bool = False
    signal_age: Decimal | None = None
    max_signal_age: Decimal | None = None


class Refusal(NamedTuple):
    """One check's no: its rule code and its sentence."""

    rule: str
    reason: str


class Approved(NamedTuple):
    """The account trades ``contracts`` of ``contract``; every check said yes.

    ``order`` is the entry as this account trades it: of an account that trades micros, the micro and its count.
    ``contract`` is None where none is known, which a live account is never approved with if it has a platform.
    """

    account: AccountKey
    contracts: int
    order: EntryOrder
    contract: Contract | None = None


class Rejected(NamedTuple):
    """The account does not trade. ``contracts`` is what the size would have been; ``order`` as in ``Approved``."""

    account: AccountKey
    contracts: int
    order: EntryOrder
    refusals: tuple[Refusal, ...]


Verdict = Approved | Rejected


class AccountDecision(NamedTuple):
    """A verdict, with what an account in dry-run would besides be refused for if it were live."""

    verdict: Verdict
    dry_reason: DryReason | None
    blocked_if_live: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDecision:
    """The four arrays of checks as rows of the record, and one decision per account."""

    risk_checks: tuple[dict[str, Any], ...]
    program_sizing: tuple[dict[str, Any], ...]
    account_breaches: tuple[dict[str, Any], ...]
    enforcement_checks: tuple[dict[str, Any], ...]
    accounts: tuple[AccountDecision, ...]
