"""Rule codes: each reason for which an entry can be refused, in one place.

``MEANING`` is what people read of a code, in docs/reference.md and in a terminal.
"""

from __future__ import annotations

from enum import StrEnum


class Rule(StrEnum):
    """Why an entry was refused."""

    MAX_POSITION_SIZE = "MAX_POSITION_SIZE"
    MAX_DAILY_LOSS = "MAX_DAILY_LOSS"
    MAX_TOTAL_LOSS = "MAX_TOTAL_LOSS"
    MAX_DRAWDOWN = "MAX_DRAWDOWN"
    UNKNOWN_SYMBOL = "UNKNOWN_SYMBOL"
    ACCOUNT_STATE_UNKNOWN = "ACCOUNT_STATE_UNKNOWN"
    ACCOUNT_STATE_STALE = "ACCOUNT_STATE_STALE"
    ACCOUNT_PAUSED = "ACCOUNT_PAUSED"
    SESSION_NOT_ALLOWED = "SESSION_NOT_ALLOWED"
    MAX_CONTRACTS = "MAX_CONTRACTS"
    MAX_RISK_PER_TRADE = "MAX_RISK_PER_TRADE"
    DAILY_LOSS_LIMIT = "DAILY_LOSS_LIMIT"
    TRAILING_DRAWDOWN = "TRAILING_DRAWDOWN"
    STANDING_FORBIDS_ENTRY = "STANDING_FORBIDS_ENTRY"
    DAILY_ROOM = "DAILY_ROOM"
    DRAWDOWN_ROOM = "DRAWDOWN_ROOM"
    TRADE_CLOSED = "TRADE_CLOSED"
    ZERO_CONTRACTS = "ZERO_CONTRACTS"
    STOP_REQUIRED = "STOP_REQUIRED"
    NO_CONTRACT = "NO_CONTRACT"
    SIGNAL_EXPIRED = "SIGNAL_EXPIRED"
    OPEN_CONTRACTS = "OPEN_CONTRACTS"
    ACCOUNT_UNRESOLVED = "ACCOUNT_UNRESOLVED"
    TRADING_HALTED = "TRADING_HALTED"
    ACCOUNT_OUT_OF_SYNC = "ACCOUNT_OUT_OF_SYNC"
    NO_DIRECTION = "NO_DIRECTION"
    CONFIGURATION_ERROR = "CONFIGURATION_ERROR"
    EXCEPTION = "EXCEPTION"


MEANING: dict[Rule, str] = {
    Rule.MAX_POSITION_SIZE: "the signal asks for more contracts than the firm's `{FIRM}_MAX_POSITION_SIZE`",
    Rule.MAX_DAILY_LOSS: "today's loss has reached `{FIRM}_MAX_DAILY_LOSS` (all programs) or the account's own",
    Rule.MAX_TOTAL_LOSS: "the total loss has reached `{FIRM}_MAX_TOTAL_LOSS` (all programs) or the account's own",
    Rule.MAX_DRAWDOWN: "the drawdown has reached `{FIRM}_{ID}_MAX_DRAWDOWN`",
    Rule.UNKNOWN_SYMBOL: "no point value in dollars is known for the symbol; set `{SYMBOL}_POINT_VALUE`",
    Rule.ACCOUNT_STATE_UNKNOWN: "live only: the account has a limit, but the figure it limits is not known",
    Rule.ACCOUNT_STATE_STALE: "live only: the account's figures are older than `ACCOUNT_STATE_MAX_AGE`",
    Rule.ACCOUNT_PAUSED: "the account is paused",
    Rule.SESSION_NOT_ALLOWED: "the signal's session is not in `{FIRM}_{ID}_ALLOWED_SESSIONS`",
    Rule.MAX_CONTRACTS: "the order has more contracts than `{FIRM}_{ID}_MAX_CONTRACTS`",
    Rule.MAX_RISK_PER_TRADE: "the loss at the stop is above equity times `{FIRM}_{ID}_MAX_RISK_PER_TRADE_PCT`",
    Rule.DAILY_LOSS_LIMIT: "equity is at or below the starting balance less the account's daily loss limit",
    Rule.TRAILING_DRAWDOWN: "equity is at or below its peak less `{FIRM}_{ID}_MAX_DRAWDOWN`",
    Rule.STANDING_FORBIDS_ENTRY: "the account's standing is not ACTIVE but BREACHED, HALTED, PAUSED_TO_RESET, UNKNOWN "
    "or REDUCE_ONLY",
    Rule.DAILY_ROOM: "the worst case is not below the room to today's limit less `{FIRM}_{ID}_BUFFER`",
    Rule.DRAWDOWN_ROOM: "the worst case is not below the room to the floor less `{FIRM}_{ID}_BUFFER`",
    Rule.TRADE_CLOSED: "an exit of this trade was stored before its entry; entering now would open a closed trade",
    Rule.ZERO_CONTRACTS: "the size comes to zero contracts, so there is nothing to send",
    Rule.STOP_REQUIRED: "the account's entries need a stop: the order has none, or the venue cannot carry it",
    Rule.NO_CONTRACT: "live only: the account's venue trades no contract that is known for the symbol; always, with "
    "`{FIRM}_{ID}_USE_MICROS`: no micro of it is known",
    Rule.SIGNAL_EXPIRED: "the signal is older than `ENTRY_MAX_AGE` (an exit: than `EXIT_MAX_AGE`)",
    Rule.OPEN_CONTRACTS: "the open and pending contracts together with this order exceed the account's limit",
    Rule.ACCOUNT_UNRESOLVED: "nobody knows yet what became of an order of the account; its entries wait for the answer",
    Rule.TRADING_HALTED: "trading was halted by a person",
    Rule.NO_DIRECTION: "live only: the signal says neither LONG nor SHORT",
    Rule.ACCOUNT_OUT_OF_SYNC: "live only: the account holds more at its venue than the order ledger says",
    Rule.CONFIGURATION_ERROR: "live only: a setting of this account or its firm cannot be read",
    Rule.EXCEPTION: "a check failed with an error; an account that cannot be checked does not trade",
}
