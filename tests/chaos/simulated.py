"""What a worker is told of the simulator, which is quicker than the real venue and knows no rate limit."""

from __future__ import annotations

from dataclasses import replace

from connectors.platforms import tradovate
from database import pooler

# The simulator has an order the moment it has read it; a loaded machine may need a while to let it read.
SETTLING_SECONDS = 1.0
SILENCE_SECONDS = 2.0
NO_LIMIT = "1000000 per 1 hour"


def know_the_simulator(*, single_session: bool) -> None:
    """Replace what is true of the real Tradovate by what is true of ours, and wait less for those that are stopped.

    ``single_session``: only the leading process sends, as at Tradovate; otherwise all do, as at other venues.
    """
    pooler.LONGEST_SILENCE_SECONDS = SILENCE_SECONDS
    tradovate.Tradovate.capabilities = replace(
        tradovate.Tradovate.capabilities, settling_seconds=SETTLING_SECONDS, single_session=single_session
    )
    for limit in ("DEALS", "LOOKS"):
        setattr(tradovate, limit, NO_LIMIT)
