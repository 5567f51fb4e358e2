"""What is seen of the whole service at one moment: the facts behind health, metrics and alerts. No judgement here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from domain.account import AccountKey
from domain.stage_times import StageCounts

# Risk and sizing, what blocked an account, and the verdict of all checks together.
RISK, SIZING, BREACH, VERDICT = "risk_checks", "program_sizing", "account_breaches", "connector_results"
REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    """The queue now, and the tasks stored within the window. Seconds from stored to finished."""

    at: datetime
    pending: int
    oldest_pending_seconds: float | None
    processing: int
    failed: int
    finished: int
    mean_seconds: float | None
    worst_seconds: float | None
    last_signal_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedTask:
    """A task that was given up."""

    id: int
    trade_id: str
    event_type: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """How often one check said one thing within the window. ``contracts``: the sum of what was sized."""

    check: str
    firm_code: str
    program_id: int | None
    status: str
    rule: str | None
    count: int
    contracts: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Sends:
    """What became of an account's orders within the window: taken, failed or without a clear answer."""

    account: AccountKey
    taken: int
    failed: int
    unresolved: int

    @property
    def rate(self) -> float:
        """Return the part that succeeded, from 0 to 1."""
        return self.taken / (self.taken + self.failed + self.unresolved)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSeen:
    """An order that somebody has to look at. ``age`` in seconds; ``words`` of the venue, where it said something."""

    id: int
    trade_id: str
    account: AccountKey
    symbol: str
    age: float | None = None
    words: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSeen:
    """How old an account's figures are and how late its last reset was, in seconds."""

    account: AccountKey
    age: float | None
    no_data: bool
    reset_lag: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountAlert:
    """An open alert of an account, as account_engine.alerts raised it."""

    account: AccountKey
    rule: str
    mark: str
    severity: str
    value: Decimal | None
    limit: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSeen:
    """A process's heartbeat; ``age`` in seconds. ``stages``: how long the stages of its work took since it began."""

    name: str
    kind: str
    routes: bool
    age: float
    stages: Mapping[str, StageCounts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strayed:
    """A table that holds a row of no month that was made for it, and that row's time."""

    table: str
    moment: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """All of it."""

    tasks: Tasks
    given_up: tuple[FailedTask, ...] = ()
    decisions: tuple[Counted, ...] = ()
    sends: tuple[Sends, ...] = ()
    unresolved: tuple[OrderSeen, ...] = ()
    unprotected: tuple[OrderSeen, ...] = ()
    accounts: tuple[AccountSeen, ...] = ()
    alerts: tuple[AccountAlert, ...] = ()
    processes: tuple[ProcessSeen, ...] = ()
    strayed: tuple[Strayed, ...] = ()

    def of(self, check: str) -> tuple[Counted, ...]:
        """Return what one check said."""
        return tuple(row for row in self.decisions if row.check == check)

    def rejections(self, check: str) -> int:
        """Return how often a check refused."""
        return total(row for row in self.of(check) if row.status == REJECTED)


def total(rows: Iterable[Counted]) -> int:
    """Return how many answers these are."""
    return sum(row.count for row in rows)
