"""What a trader wants done: an entry or an exit of one trade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from domain.money import LARGEST_PLAIN, optional_decimal
from domain.order_state import Side


class Direction(StrEnum):
    LONG = "LONG"
    SHORT = "SHORT"

    @property
    def side(self) -> Side:
        """What opens a trade of this direction."""
        return Side.BUY if self is Direction.LONG else Side.SELL


class TaskEvent(StrEnum):
    """What a task asks for (ruling: the three event types of ``execution_tasks``)."""

    ENTRY = "ENTRY"
    EXIT = "EXIT"
    MFE_UPDATE = "MFE_UPDATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryOrder:
    """An entry as the sender asked for it. Prices in points, contracts whole; None is "not said"."""

    trade_id: str
    symbol: str
    direction: Direction | None
    entry_price: Decimal | None
    stop_loss: Decimal | None
    contracts: int | None
    session: str | None = None
    bias: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitOrder:
    """An exit as the sender asked for it. All of what is open, unless ``contracts`` or ``percent`` ask for less.

    ``contracts`` are of the signal's symbol; ``percent`` is above 0 and at most 100, of what is open then.
    """

    trade_id: str
    symbol: str
    exit_type: str | None
    exit_price: Decimal | None
    contracts: int | None = None
    percent: Decimal | None = None


def requested_contracts(payload: Mapping[str, Any]) -> int | None:
    """Return how many contracts a payload asks for (``contracts``, else ``quantity``); None where it says nothing.

    Raises ValueError when the figure is not a whole number.
    """
    key = "contracts" if payload.get("contracts") is not None else "quantity"
    value = payload.get(key)
    if type(value) is int and -LARGEST_PLAIN < value < LARGEST_PLAIN:
        return value
    number = optional_decimal(payload, key)
    if number is None:
        return None
    if number != number.to_integral_value():
        raise ValueError(f"{key}: {number} is not a whole number of contracts")
    return int(number)
