"""An account as a trader looks at it: where it stands, how much room it has and what that is good for. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from account_engine.account_view import AccountView
from account_engine.forecast import losing_trades
from account_engine.standing import AccountStanding
from config.arming import Armed, arming
from config.settings import Settings
from domain.account import AccountKey
from domain.account_update import Source
from domain.halt import Halt
from domain.ledger import Exposure
from domain.rule_set import AccountRules

NOTHING = Decimal(0)
HALF, QUARTER = Decimal("0.5"), Decimal("0.25")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """Room to one limit. Dollars and fractions of the limit; None where not known.

    ``trades``: losing trades left. One loses what its sizing risks, ACCOUNT_SIZE x RISK_PER_TRADE; the room is counted
    less the owner's buffer and less what open and pending orders may still lose, and a trade that would use it up
    exactly may not enter.
    """

    limit: Decimal
    room: Decimal | None
    level: Decimal | None
    left: Decimal | None
    reserved: Decimal
    trades: int | None

    @property
    def look(self) -> str:
        """Return how it looks: ok, notice below a half, warn below a quarter, bad where it is reached, or unknown."""
        if self.left is None:
            return "unknown"
        if self.left <= 0:
            return "bad"
        if self.left < QUARTER:
            return "warn"
        return "notice" if self.left < HALF else "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One contract that an account holds; ``pending``: entries on their way. Contracts, a sale below zero."""

    symbol: str
    held: Decimal
    pending: Decimal
    unresolved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OnRecord:
    """What is on record of an account besides its figures; ``out_of_sync`` is a sentence, None where it is not."""

    exposure: Exposure
    positions: Sequence[Mapping[str, Any]]
    halt: Halt | None
    out_of_sync: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """One account. ``dry``: why it does not trade live, None where it does. Dollars, seconds.

    ``halt`` is an order of a person that covers it, beside its own standing.
    """

    key: AccountKey
    program: str | None
    dry: str | None
    standing: AccountStanding
    daily: Gauge | None
    floor: Gauge | None
    reserved: Decimal | None
    halt: Halt | None
    out_of_sync: str | None
    positions: tuple[Position, ...]
    told_positions: int
    source: Source
    figures_at: datetime | None
    risk_per_trade: Decimal | None
    zone: tzinfo

    @property
    def stale(self) -> bool:
        """Return whether its figures are missing or too old for its limits."""
        return self.standing.stale or self.standing.no_data


class AccountRows:
    """Makes rows. What follows from settings alone, arming and rules, is worked out once."""

    def __init__(self, settings: Settings, rules: Mapping[AccountKey, AccountRules]) -> None:
        self._rules = rules
        self._dry = {key: _dry(key, settings) for key in rules}
        self._programs = {key: _program(rules[key]) for key in rules}
        self._zones = {key: ZoneInfo(rules[key].day.zone) for key in rules}

    def row(self, view: AccountView, told: OnRecord) -> AccountRow:
        """Return the row of one account: where it stands, and what is on record of it."""
        standing, rules = view.standing, self._rules[view.key]
        reserved = _reserved(standing, told.exposure)
        return AccountRow(
            key=view.key,
            program=self._programs[view.key],
            dry=self._dry[view.key],
            standing=standing,
            daily=_gauge(standing.daily_limit, standing.daily_room, standing.daily_floor, reserved, rules),
            floor=_gauge(standing.drawdown_limit, standing.floor_room, standing.floor, reserved, rules),
            reserved=reserved,
            halt=told.halt,
            out_of_sync=told.out_of_sync,
            positions=tuple(_position(row) for row in told.positions),
            told_positions=len(view.tracked.positions or ()),
            source=view.source,
            figures_at=view.figures_at,
            risk_per_trade=rules.risk_per_trade,
            zone=self._zones[view.key],
        )


def _gauge(
    limit: Decimal | None, room: Decimal | None, level: Decimal | None, reserved: Decimal | None, rules: AccountRules
) -> Gauge | None:
    if limit is None:
        return None
    held = NOTHING if reserved is None else reserved
    free = None if room is None or reserved is None else max(room - rules.buffer - held, NOTHING)
    return Gauge(
        limit=limit,
        room=room,
        level=level,
        left=None if room is None else room / limit,
        reserved=held / limit,
        trades=losing_trades(free, rules.risk_per_trade),
    )


def _reserved(standing: AccountStanding, exposure: Exposure) -> Decimal | None:
    unrealized = None
    if standing.equity is not None and standing.balance is not None:
        unrealized = standing.equity - standing.balance
    return exposure.reserved(unrealized)


def _position(row: Mapping[str, Any]) -> Position:
    return Position(symbol=row["symbol"], held=row["held"], pending=row["pending"], unresolved=row["unresolved"])


def _dry(key: AccountKey, settings: Settings) -> str | None:
    answer = arming(key, settings)
    return None if isinstance(answer, Armed) else " ".join(answer.why)


def _program(rules: AccountRules) -> str | None:
    chosen = rules.rule_set
    return None if chosen is None else f"{chosen.program}, {chosen.phase}"
