"""A program's loss limits: which family its drawdown belongs to, from what the daily loss counts. Dollars as Decimal.

Almost every mistake with prop-firm accounts comes from taking one family for another, so each is named:

- static: the floor stays where it started (FTMO 2-Step);
- trailing end of day: it follows the highest closing balance of a firm's day (Topstep, Apex EOD, FTMO 1-Step);
- trailing closed: it follows the highest realised balance at any moment;
- trailing intraday: it follows the highest equity, open profit included (Leeloo, Apex Intraday).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Family(StrEnum):
    """What the floor follows."""

    STATIC = "static"
    TRAILING_EOD = "trailing_eod"
    TRAILING_CLOSED = "trailing_closed"
    TRAILING_INTRADAY = "trailing_intraday"


class DayBase(StrEnum):
    """From which figure at the day's start the daily loss is counted."""

    BALANCE = "balance"
    EQUITY = "equity"
    LARGER = "larger"


class Consequence(StrEnum):
    """What reaching the daily limit means."""

    PAUSED_TO_RESET = "paused_to_reset"
    ACCOUNT_LOST = "account_lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyLoss:
    """A day's limit in dollars, counted down from the day's base.

    ``lost_at`` is the firm's own larger amount that takes the account away, where the owner's smaller one only pauses.
    """

    amount: Decimal
    base: DayBase
    consequence: Consequence
    lost_at: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawdownRule:
    """A program's loss limits in dollars: the floor starts ``amount`` below ``starting_balance``.

    ``amount`` None is a program without a drawdown: it has no floor, and perhaps a daily limit. ``lock_at`` is the
    level at which a trailing floor stops for good; None lets it trail without end.
    Raises ValueError for an amount that is not above 0, or a lock below the first floor.
    """

    family: Family
    starting_balance: Decimal
    amount: Decimal | None
    lock_at: Decimal | None = None
    daily: DailyLoss | None = None

    def __post_init__(self) -> None:
        amounts = (self.amount, None if self.daily is None else self.daily.amount)
        if any(amount is not None and amount <= 0 for amount in amounts):
            raise ValueError("a drawdown and a daily loss are amounts above 0")
        first = self.first_floor
        if self.lock_at is not None and (first is None or self.lock_at < first):
            raise ValueError(f"lock_at {self.lock_at} is below the first floor {first}")

    @property
    def first_floor(self) -> Decimal | None:
        """Return the floor under an untouched account, None without a drawdown."""
        return None if self.amount is None else self.starting_balance - self.amount
