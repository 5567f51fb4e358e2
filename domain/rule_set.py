"""A firm's rules for one program, phase and size at one date; and what of them holds for one account."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from enum import StrEnum

from domain.drawdown_rule import DrawdownRule
from domain.firm_day import FirmDay


class Confidence(StrEnum):
    """How far a rule set's sources can be trusted."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class ShareOf(StrEnum):
    """Of what a best day's share is taken by a consistency rule."""

    TOTAL_PROFIT = "total_profit"
    POSITIVE_DAYS = "positive_days"
    PROFIT_TARGET = "profit_target"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency:
    """The best day may be at most ``share`` (a fraction) of ``of``; ``at_payout``: judged at a payout only."""

    share: Decimal
    of: ShareOf
    at_payout: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingTier:
    """Above a profit of ``profit_from`` dollars, at most ``max_minis`` contracts; the first step holds below it too."""

    profit_from: Decimal
    max_minis: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSetRef:
    """Which rule set, as the record keeps it: ``apex-eod-50k@2026-03-01`` and the digest of its content."""

    id: str
    version: date
    digest: str

    def __str__(self) -> str:
        return f"{self.id}@{self.version.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """One program and phase of one firm. Dollars, contracts, fractions; None where the firm has no such rule.

    The version is the date from which it is in force, ``checked`` the date of its source as exactly as that gives one
    (ISO 8601), ``check_again`` the date after which it should be looked up anew. ``unknown`` names the parameters for
    which no source was found: they are not None because the firm has no such rule, but because nobody knows. Where one
    of them has a value all the same, it is an assumption that ``notes`` explains. A drawdown that is unknown has the
    strictest family and no amount. ``flat_by`` is on the wall clock of the day's zone. ``stop_required``: the firm
    takes no entry without a stop.
    """

    ref: RuleSetRef
    firm_code: str
    program: str
    phase: str
    source: str
    checked: str
    check_again: date
    confidence: Confidence
    account_size: Decimal
    drawdown: DrawdownRule
    day: FirmDay
    max_minis: int | None = None
    max_micros: int | None = None
    scaling: tuple[ScalingTier, ...] = ()
    consistency: Consistency | None = None
    profit_target: Decimal | None = None
    min_days: int | None = None
    time_limit_days: int | None = None
    flat_by: time | None = None
    allowed_sessions: tuple[str, ...] | None = None
    stop_required: bool = False
    automation: str = "unverified"
    news: str | None = None
    unknown: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRules:
    """The rules in force for one account: its rule set, if it has one, tightened by what the owner set.

    ``drawdown`` is None where neither a rule set nor the owner gives one. ``max_minis`` and ``max_micros`` are the most
    contracts of either kind, ``max_contracts`` the smaller of the two; ``config.contract_limit`` says which holds for
    an instrument. ``buffer`` is the owner's reserve in dollars that an entry's worst case may not touch,
    ``risk_per_trade`` the dollars that one trade may lose. ``stop_required``: no entry without a stop. ``sources`` says
    of each value where it comes from: a variable's name or the rule set. ``digest`` tells one tracking of day and floor
    from another.
    """

    firm_code: str
    program_id: int
    day: FirmDay
    rule_set: RuleSet | None = None
    drawdown: DrawdownRule | None = None
    max_contracts: int | None = None
    max_minis: int | None = None
    max_micros: int | None = None
    allowed_sessions: tuple[str, ...] | None = None
    buffer: Decimal = Decimal(0)
    risk_per_trade: Decimal | None = None
    stop_required: bool = False
    sources: Mapping[str, str] = field(default_factory=dict)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        named = None if self.rule_set is None else str(self.rule_set.ref)
        text = f"{named}|{self.day!r}|{self.drawdown!r}"
        object.__setattr__(self, "digest", hashlib.sha256(text.encode()).hexdigest()[:16])
