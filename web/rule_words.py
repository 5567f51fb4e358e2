"""What each check compares, in words, and how its value and limit are written."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum

from domain.money import decimal_of
from domain.rules import Rule
from web.formats import NONE, number, short_dollars, span, words


class Unit(StrEnum):
    """What a check's figures are."""

    DOLLARS = "dollars"
    CONTRACTS = "contracts"
    SECONDS = "seconds"
    WORDS = "words"


WRITTEN: dict[Unit, Callable[[Decimal], str]] = {
    Unit.DOLLARS: short_dollars,
    Unit.CONTRACTS: number,
    Unit.SECONDS: span,
    Unit.WORDS: number,
}
COMPARED: dict[Rule, tuple[str, Unit]] = {
    Rule.MAX_POSITION_SIZE: ("Contracts asked, by the firm's limit", Unit.CONTRACTS),
    Rule.MAX_DAILY_LOSS: ("Result of the day, by the largest loss", Unit.DOLLARS),
    Rule.MAX_TOTAL_LOSS: ("Total result, by the largest loss", Unit.DOLLARS),
    Rule.MAX_DRAWDOWN: ("Fall from the peak, by the largest", Unit.DOLLARS),
    Rule.UNKNOWN_SYMBOL: ("Symbol", Unit.WORDS),
    Rule.ACCOUNT_STATE_UNKNOWN: ("Figures that limits need", Unit.WORDS),
    Rule.ACCOUNT_STATE_STALE: ("Age of the figures", Unit.SECONDS),
    Rule.ACCOUNT_PAUSED: ("Paused by the owner", Unit.WORDS),
    Rule.SESSION_NOT_ALLOWED: ("Session", Unit.WORDS),
    Rule.MAX_CONTRACTS: ("Contracts in one order", Unit.CONTRACTS),
    Rule.MAX_RISK_PER_TRADE: ("Loss at the stop, by the largest for one trade", Unit.DOLLARS),
    Rule.DAILY_LOSS_LIMIT: ("Equity, above the day's level", Unit.DOLLARS),
    Rule.TRAILING_DRAWDOWN: ("Equity, above the peak less the drawdown", Unit.DOLLARS),
    Rule.STANDING_FORBIDS_ENTRY: ("Standing", Unit.WORDS),
    Rule.DAILY_ROOM: ("Worst case, below the room to the daily limit", Unit.DOLLARS),
    Rule.DRAWDOWN_ROOM: ("Worst case, below the room to the floor", Unit.DOLLARS),
    Rule.TRADE_CLOSED: ("Exit before the entry", Unit.WORDS),
    Rule.ZERO_CONTRACTS: ("Size", Unit.CONTRACTS),
    Rule.STOP_REQUIRED: ("Stop with the entry", Unit.WORDS),
    Rule.NO_CONTRACT: ("Contract at the venue", Unit.WORDS),
    Rule.SIGNAL_EXPIRED: ("Age of the signal", Unit.SECONDS),
    Rule.OPEN_CONTRACTS: ("Contracts open with this order", Unit.CONTRACTS),
    Rule.ACCOUNT_UNRESOLVED: ("Orders of unknown fate", Unit.WORDS),
    Rule.TRADING_HALTED: ("Halt", Unit.WORDS),
    Rule.ACCOUNT_OUT_OF_SYNC: ("Ledger and venue agree", Unit.WORDS),
    Rule.NO_DIRECTION: ("Direction", Unit.WORDS),
    Rule.CONFIGURATION_ERROR: ("Settings that can be read", Unit.WORDS),
    Rule.EXCEPTION: ("Check carried out", Unit.WORDS),
}


def rule_title(code: str) -> str:
    """Return what a rule compares; of a code that is not known any more, the code in words."""
    try:
        return COMPARED[Rule(code)][0]
    except ValueError:
        return words(code)


def rule_value(value: object, code: str) -> str:
    """Return a compared value or limit as the rule's figures are written; text, lists and yes or no in words."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(str(entry) for entry in value) or "none"
    unit = COMPARED[Rule(code)][1] if code in Rule.__members__ else Unit.WORDS
    if unit is Unit.WORDS and isinstance(value, str):
        # A standing's state is a code; a contract's name in capitals is none.
        return words(value) if code == Rule.STANDING_FORBIDS_ENTRY else value
    try:
        return WRITTEN[unit](decimal_of(value))
    except ValueError:
        return str(value)
