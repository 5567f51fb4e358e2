"""The life of an order: its states, and which of them may follow which."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Side(StrEnum):
    """What is done in the market. A long trade is entered with BUY and left with SELL."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderState(StrEnum):
    """Where a leg stands.

    PLANNED: decided and reserved, not sent. SENDING: on record as about to be sent; from here on the venue may have it.
    NOT_SENT: certainly never reached the venue. UNRESOLVED: nobody knows yet whether the venue has it.
    """

    PLANNED = "PLANNED"
    SENDING = "SENDING"
    ACCEPTED = "ACCEPTED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"
    NOT_SENT = "NOT_SENT"
    UNRESOLVED = "UNRESOLVED"


_ANSWERED = frozenset(
    {
        OrderState.ACCEPTED,
        OrderState.PARTIALLY_FILLED,
        OrderState.FILLED,
        OrderState.REJECTED,
        OrderState.CANCELLED,
    }
)

# The same pairs stand in the table order_transitions, which the database enforces.
ALLOWED: Mapping[OrderState, frozenset[OrderState]] = MappingProxyType(
    {
        OrderState.PLANNED: frozenset({OrderState.SENDING, OrderState.NOT_SENT}),
        # Back to PLANNED: provably not sent, to be tried again.
        OrderState.SENDING: _ANSWERED | {OrderState.PLANNED, OrderState.NOT_SENT, OrderState.UNRESOLVED},
        OrderState.ACCEPTED: _ANSWERED - {OrderState.ACCEPTED},
        OrderState.PARTIALLY_FILLED: frozenset({OrderState.FILLED, OrderState.CANCELLED}),
        OrderState.UNRESOLVED: _ANSWERED | {OrderState.NOT_SENT},
        OrderState.FILLED: frozenset(),
        OrderState.REJECTED: frozenset(),
        OrderState.CANCELLED: frozenset(),
        OrderState.NOT_SENT: frozenset(),
    }
)
FINAL = frozenset(state for state, following in ALLOWED.items() if not following)
# The venue may have the order, and nobody knows.
IN_DOUBT = frozenset({OrderState.SENDING, OrderState.UNRESOLVED})
