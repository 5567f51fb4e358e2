"""What a platform or a program says of an account: two forms of body become one update, or a refusal of each field.

The NinjaTrader form has what an add-on reads from NinjaTrader's ``Account``: CashValue is the balance, NetLiquidation
the equity, RealizedProfitLoss what the session has realised so far. It needs a time; the generic form may leave it out
and then means now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from domain.account_update import FIGURES, AccountUpdate, Source
from signals.account_fields import (
    CONNECTED,
    DAILY,
    DOLLARS,
    POSITIONS,
    Connected,
    Daily,
    Dollars,
    Positions,
    Read,
    read,
)
from signals.fields import AlertTime, Words
from signals.problem import FieldProblem, InvalidSignal

# Clocks differ; a figure from further ahead would stay the newest until its time has come.
MOST_AHEAD = timedelta(seconds=60)
# Older figures are history, but a time from another year is a mistake: of the unit, or of the clock.
MOST_BEHIND = timedelta(days=366)

# The accepted names of each field, the first one given counts. NinjaTrader's own words come first.
SPELLINGS: dict[str, tuple[str, ...]] = {
    "account": ("account_id", "account", "account_name", "name"),
    "at": ("timestamp", "timestamp_ms", "time", "time_ms", "ts", "at"),
    "equity": ("net_liquidation", "net_liq", "equity"),
    "balance": ("cash_value", "cash", "balance"),
    "realized_pl": ("realized_pl", "realized_pnl", "realized_profit_loss"),
    "unrealized_pl": ("unrealized_pl", "unrealized_pnl", "unrealized_profit_loss"),
    "positions": ("positions", "open_positions"),
    "daily_pl": ("daily_pnl_history", "daily_pl_history"),
    "connected": ("connected", "is_connected", "connection_status"),
}
STATE_SPELLINGS: dict[str, tuple[str, ...]] = {
    **SPELLINGS,
    "equity": ("equity", "net_liquidation", "net_liq"),
    "balance": ("balance", "cash_value", "cash"),
    "day_pl": ("day_pl", "day_pnl", "daily_pl", "daily_pnl"),
    "total_pl": ("total_pl", "total_pnl"),
    "drawdown": ("drawdown",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBounds:
    """What an account's rules and record say of its figures. ``floor`` in dollars, None where there is none.

    ``starts_at_zero``: its balance counts from 0 (a funded account of Topstep), so that 0 and less are true figures.
    """

    starts_at_zero: bool = False
    floor: Decimal | None = None


class _Message(BaseModel):
    """The fields that both forms have. Dollars, losses negative."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: AlertTime | None = Field(None, description="a time as ISO 8601 (2026-11-18T17:00:00Z) or in Unix milliseconds")
    equity: Dollars | None = Field(None, description=DOLLARS)
    balance: Dollars | None = Field(None, description=DOLLARS)
    unrealized_pl: Dollars | None = Field(None, description=DOLLARS)
    realized_pl: Dollars | None = Field(None, description=DOLLARS)
    positions: Positions | None = Field(None, description=POSITIONS)
    daily_pl: Daily = Field(default_factory=dict, description=DAILY)
    connected: Connected | None = Field(None, description=CONNECTED)

    def figures(self) -> dict[str, Decimal]:
        """Return the figures that were said, by name."""
        told = {name: getattr(self, name, None) for name in FIGURES}
        return {name: figure for name, figure in told.items() if figure is not None}


class NinjaTraderBody(_Message):
    at: AlertTime = Field(description="the time of the figures in Unix milliseconds")
    account: Words = Field(description="the account's name in NinjaTrader, at most 100 printable characters")


class StateBody(_Message):
    day_pl: Dollars | None = Field(None, description=DOLLARS)
    total_pl: Dollars | None = Field(None, description=DOLLARS)
    drawdown: Dollars | None = Field(None, description=DOLLARS)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountNews:
    """A body that was read. ``ignored`` are the names in it that mean nothing here."""

    at: datetime
    received_at: datetime
    source: Source
    ignored: tuple[str, ...]
    body: Read[Any]

    def update(self, bounds: AccountBounds) -> AccountUpdate:
        """Return the update for an account of these bounds. Raises InvalidSignal for a negative balance.

        A negative *equity* is taken as it is said: a gap can cost more than the account had, and to refuse the figure
        would hide the loss.

        Without a connection the figures mean nothing and are left out. Where nobody says how the connection is, a net
        liquidation of 0 says it: an account that lost everything stood on its floor long before. It is taken for a
        figure beside a cash value other than 0 that comes with ``connected: true``, and where the account starts at 0:
        there until its floor has risen to 0, then with ``connected: true`` only.
        """
        message: _Message = self.body.model
        if _shows_nothing(message, bounds):
            return AccountUpdate(at=self.at, received_at=self.received_at, source=self.source, no_data=True)
        refuse_debt(message.balance, bounds, self.body.names["balance"])
        told = AccountUpdate.of(message.figures(), at=self.at, received_at=self.received_at, source=self.source)
        return replace(
            told,
            positions=None if message.positions is None else tuple(message.positions),
            daily_pl=message.daily_pl,
        )


def refuse_debt(balance: Decimal | None, bounds: AccountBounds, field: str) -> None:
    """Raise InvalidSignal for a negative balance (dollars) where the account cannot have one."""
    if balance is not None and balance < 0 and not bounds.starts_at_zero:
        accepted = "0 dollars or more; only an account that starts at 0 has a balance below it"
        raise InvalidSignal(FieldProblem(field=field, given=str(balance), accepted=accepted))


def parse_ninjatrader(fields: Mapping[str, Any], now: datetime) -> tuple[str, AccountNews]:
    """Return the account's name in NinjaTrader and what the body says of it. Raises InvalidSignal."""
    body = read(NinjaTraderBody, fields, SPELLINGS, now=now)
    message = body.model
    told = message.equity is not None or (message.balance is not None and message.unrealized_pl is not None)
    if not told and message.connected is not False:
        accepted = f"{DOLLARS}; without it cash value and unrealized P&L, or a connection that is lost"
        raise InvalidSignal(FieldProblem(field=body.names["equity"], given=None, accepted=accepted))
    return message.account, _news(body, message.at, now, Source.PLATFORM)


def parse_state(fields: Mapping[str, Any], now: datetime) -> AccountNews:
    """Return what a generic body says of an account. Raises InvalidSignal."""
    spellings = {name: spelled for name, spelled in STATE_SPELLINGS.items() if name != "account"}
    body = read(StateBody, fields, spellings, now=now)
    message = body.model
    if not message.figures() and message.connected is not False:
        accepted = f"at least one of {', '.join(FIGURES)}; or a connection that is lost"
        raise InvalidSignal(FieldProblem(field="body", given=None, accepted=accepted))
    return _news(body, now if message.at is None else message.at, now, Source.PROGRAM)


def _news(body: Read[Any], at: datetime, now: datetime, source: Source) -> AccountNews:
    if not now - MOST_BEHIND <= at <= now + MOST_AHEAD:
        accepted = (
            f"a time at most {MOST_AHEAD.seconds} s after {now.isoformat()}, the time here, and at most "
            f"{MOST_BEHIND.days} days before it; this is {at.isoformat()}"
        )
        raise InvalidSignal(FieldProblem(field=body.names["at"], given=at.isoformat(), accepted=accepted))
    return AccountNews(at=at, received_at=now, source=source, ignored=body.ignored, body=body)


def _shows_nothing(message: _Message, bounds: AccountBounds) -> bool:
    if message.connected is False:
        return True
    worth = message.equity
    if worth is None and message.balance is not None:
        worth = message.balance + (message.unrealized_pl or 0)
    if worth != 0:
        return False
    if bounds.starts_at_zero:
        return message.connected is None and bounds.floor is not None and bounds.floor >= 0
    return not (message.connected and message.balance)
