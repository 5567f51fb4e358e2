"""An account as it is tracked: its newest figures, its high-water marks, its day, its floor. Values, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from account_engine.alerts import AlertKey, Changes
from account_engine.daily_history import DayRecord, PlatformDay
from account_engine.drawdown import Standing
from domain.account import AccountKey
from domain.account_update import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A high-water mark in dollars, and when it was set."""

    value: Decimal
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """The three high-water marks: with open profit, of the closed balance, at the end of a firm's day."""

    intraday: Mark | None = None
    closed: Mark | None = None
    eod: Mark | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A firm's day so far: its name, the figures it started from, the extremes of equity in it. Dollars.

    ``start_known`` is False for the day in which an account was first seen, if nobody said what it started from: the
    figures of the first look then stand in.
    """

    day: date
    start_balance: Decimal | None
    start_equity: Decimal | None
    high_equity: Decimal | None = None
    low_equity: Decimal | None = None
    start_known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """Everything that is kept of one account, as of its newest update.

    ``version`` counts the writes; 0 is an account of which nothing was ever told. ``life`` counts the new starts that
    the firm gave it, ``began_at`` is the last of them: what was told of earlier moments is of a former life.
    ``standing`` is None without a drawdown rule; ``rule_digest`` says under which rules it stands.
    """

    version: int = 0
    source: Source = Source.NONE
    observed_at: datetime | None = None
    received_at: datetime | None = None
    no_data_since: datetime | None = None
    figures: Mapping[str, Decimal] = field(default_factory=dict)
    positions: tuple[Mapping[str, Any], ...] | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    marks: Marks = field(default_factory=Marks)
    life: int = 1
    began_at: datetime | None = None
    day: Day | None = None
    standing: Standing | None = None
    floor_locked_at: datetime | None = None
    rule_set: str | None = None
    rule_digest: str | None = None
    last_snapshot_at: datetime | None = None


class SnapshotKind(StrEnum):
    """Why a snapshot is kept."""

    UPDATE = "UPDATE"
    EXTREME = "EXTREME"
    CLOSE = "CLOSE"
    LATE = "LATE"
    NO_DATA = "NO_DATA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One point of an account's history. Dollars."""

    kind: SnapshotKind
    observed_at: datetime
    received_at: datetime
    source: Source
    firm_day: date | None
    equity: Decimal | None
    balance: Decimal | None
    day_pl: Decimal | None = None
    high_water_mark: Decimal | None = None
    floor: Decimal | None = None
    daily_floor: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """A firm's day that was closed. ``figures_at`` is the time of the closing figures, None where there were none.

    ``caught_up``: it was due before the service could do it. ``corrected``: it had been done from older figures.
    ``released``: the account had been paused until it.
    """

    day: Day
    due_at: datetime
    closing_balance: Decimal | None
    closing_equity: Decimal | None
    figures_at: datetime | None
    caught_up: bool
    released: bool
    corrected: bool = False

    def record(self, earlier: DayRecord | None) -> DayRecord:
        """Return the day as it counts in the history; ``earlier`` is what was recorded of it before a correction."""
        day = self.day
        if earlier is not None and self.corrected:
            balance = earlier.start_balance if day.start_balance is None else day.start_balance
            equity = earlier.start_equity if day.start_equity is None else day.start_equity
            day = replace(day, start_balance=balance, start_equity=equity)
        return DayRecord(
            day=day.day,
            start_balance=day.start_balance,
            start_equity=day.start_equity,
            end_balance=self.closing_balance,
            end_equity=self.closing_equity,
            finalised=True,
            late=self.caught_up or (earlier is not None and earlier.late),
        )


class Outcome(StrEnum):
    """What became of an update."""

    CURRENT = "current"
    OLDER = "older"
    REPEATED = "repeated"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one update, or time alone, did to an account: the new state and what goes into its history."""

    tracked: Tracked
    outcome: Outcome
    snapshots: tuple[Snapshot, ...] = ()
    resets: tuple[Reset, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A person's word over every other source until ``expires_at``; figures in dollars."""

    figures: Mapping[str, Decimal]
    reason: str
    set_by: str
    expires_at: datetime

    def as_row(self) -> dict[str, Any]:
        """Return the override in JSON's types and Decimal."""
        return {
            "figures": dict(self.figures),
            "reason": self.reason,
            "set_by": self.set_by,
            "expires_at": self.expires_at.isoformat(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """Why an account's life began anew, and who said so."""

    reason: str
    set_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """All that is on record of one account and matters now: state, flags, override, alerts, days."""

    tracked: Tracked = field(default_factory=Tracked)
    flags: Mapping[str, Any] = field(default_factory=dict)
    override: Override | None = None
    alerts: frozenset[AlertKey] = frozenset()
    days: tuple[DayRecord, ...] = ()
    platform_days: tuple[PlatformDay, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountWrite:
    """One change of one account, to be put on record as a whole: the state after it, its history, its alerts.

    ``at`` is the moment as of which its alerts were judged. ``platform_days`` are days of which the platform says
    something new. ``event`` is what listeners hear of it. ``restart`` is given where the change begins a new life.
    """

    key: AccountKey
    at: datetime
    step: Step
    changes: Changes
    platform_days: tuple[PlatformDay, ...] = ()
    event: Mapping[str, Any] = field(default_factory=dict)
    restart: Restart | None = None
