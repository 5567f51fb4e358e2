"""Signals that a person sends to see the whole way. They are decided and recorded as any other, and never sent."""

from __future__ import annotations

from datetime import datetime

PREFIX = "TEST_SIGNAL_"
REASON = "TEST_SIGNAL"


def new_trade_id(at: datetime, number: str) -> str:
    """Return the trade id of a test signal of this moment; ``number`` tells it from others."""
    return f"{PREFIX}{at:%Y%m%d_%H%M%S}_{number}"


def is_test(trade_id: str) -> bool:
    """Return whether no order of this trade may go to a venue, whatever is armed."""
    return trade_id.startswith(PREFIX)
