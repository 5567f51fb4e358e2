"""A worker dies when an answer is on record and the account's next entry claimed with it, before that one's call."""

from __future__ import annotations

import signal

import pytest

from tests.chaos.invariants import closed, once_settled
from tests.chaos.rig import Rig
from tests.live import live_entry, live_exit


@pytest.mark.parametrize("moment", ["before", "after"])
def test_the_next_entry_is_looked_up_and_never_sent(rig: Rig, moment: str) -> None:
    """Before the commit neither is on record: what was at the venue is unresolved, what was not yet is sent later."""
    first = rig.start()
    rig.until_figures_are_known()
    rig.kill(first)
    # Both are planned before the first is answered, because they are decided together.
    for trade in ("T1", "T2"):
        rig.store(live_entry(trade, contracts=1))
    point = f"{moment} commit ENTRY ACCEPTED and next claimed"
    victim = rig.start({"wanted": [point]})
    assert rig.launcher.wait(victim, 30) == -signal.SIGKILL
    assert (victim, point) in rig.reached()

    legs = rig.sql("SELECT id, client_order_id, state FROM execution_orders WHERE trade_id = 'T2'")
    claimed = {leg["id"] for leg in legs if leg["state"] == "SENDING"}
    at_venue = {leg["id"] for leg in legs if rig.broker.book.tagged(leg["client_order_id"])}
    assert bool(claimed - at_venue) == (moment == "after")
    rig.start()
    rig.until_settled()

    for order_id in claimed - at_venue:
        events = rig.sql("SELECT to_state, cause FROM execution_order_events WHERE order_id = %s ORDER BY id", order_id)
        assert [row["to_state"] for row in events] == ["PLANNED", "SENDING", "UNRESOLVED", "NOT_SENT"]
        assert events[-1]["cause"] == "PROVEN_ABSENT"
    for leg in legs:
        sent = [order for order in rig.broker.book.tagged(leg["client_order_id"]) if order.kind == "MARKET"]
        assert len(sent) == (0 if leg["id"] in claimed - at_venue else 1)
    assert once_settled(rig.broker.book, rig.sql, most_contracts=10) == []
    for trade in ("T1", "T2"):
        rig.store(live_exit(trade))
    rig.until_settled()
    assert closed(rig.broker.book) == []


def test_entries_that_are_claimed_with_an_answer_go_out(rig: Rig) -> None:
    first = rig.start()
    rig.until_figures_are_known()
    rig.kill(first)
    for trade in ("T1", "T2", "T3"):
        rig.store(live_entry(trade, contracts=1))
    point = "after commit ENTRY ACCEPTED and next claimed"
    rig.start({"wanted": [point], "act": "NOTE"})
    rig.until_settled()
    assert point in dict(rig.reached()).values()
    assert not rig.sql("SELECT 1 FROM execution_order_events WHERE to_state IN ('UNRESOLVED', 'NOT_SENT')")
    assert once_settled(rig.broker.book, rig.sql, most_contracts=10) == []
