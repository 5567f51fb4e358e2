"""A worker that is stopped between its commit and its send, for longer than its lease, and then goes on."""

from __future__ import annotations

import signal
import time

import pytest

from tests.chaos.invariants import closed, once_settled
from tests.chaos.rig import Rig
from tests.live import live_entry, live_exit
from tests.processes import wait_until

GOES_ON_SECONDS = 1.5
ENTRY, EXIT = "ENTRY", "EXIT"


def hold_up(rig: Rig, point: str, body: dict[str, object]) -> int:
    """Let a worker stop itself at a point on the way of this signal while another, the leader, sees nothing of it."""
    leader = rig.workers[0]
    victim = rig.start({"wanted": [point], "act": "STOP"})
    rig.launcher.signal(leader, signal.SIGSTOP)
    rig.store(body)
    wait_until(lambda: (victim, point) in rig.reached(), what=f"a worker to stop itself {point}")
    rig.launcher.signal(leader, signal.SIGCONT)
    return victim


@pytest.mark.parametrize(
    ("point", "arrives"),
    [
        ("after commit entry claimed", False),
        ("before commit ENTRY ACCEPTED", True),
    ],
)
def test_an_entry_that_was_held_up_does_not_leave_any_more(rig: Rig, point: str, arrives: bool) -> None:
    rig.start()
    rig.until_figures_are_known()
    victim = hold_up(rig, point, live_entry("T1"))
    rig.until_settled()
    rig.launcher.signal(victim, signal.SIGCONT)
    time.sleep(GOES_ON_SECONDS)

    lost = rig.sql(
        "SELECT o.state, o.cause FROM execution_orders o WHERE EXISTS ("
        " SELECT FROM execution_order_events e WHERE e.order_id = o.id AND e.cause = 'WORKER_LOST')"
    )
    ends = {tuple(leg.values()) for leg in lost}
    assert ends - {("NOT_SENT", "PROVEN_ABSENT")} == ({("FILLED", "FOUND_AT_VENUE")} if arrives else set())
    assert ends, "the worker did have legs on their way"
    assert once_settled(rig.broker.book, rig.sql, most_contracts=10) == []


@pytest.mark.parametrize(
    "point",
    [
        "after commit exit claimed",
        "answered send GET /command/list",
        "before commit EXIT ACCEPTED",
    ],
)
def test_an_exit_that_was_held_up_closes_no_other_trade(rig: Rig, point: str) -> None:
    rig.start()
    rig.until_figures_are_known()
    for trade in ("T1", "OTHER"):
        rig.store(live_entry(trade))
    rig.until_settled()
    victim = hold_up(rig, point, live_exit("T1"))
    rig.until_settled()
    rig.launcher.signal(victim, signal.SIGCONT)
    time.sleep(GOES_ON_SECONDS)

    assert once_settled(rig.broker.book, rig.sql, most_contracts=10) == []
    assert [rig.broker.book.position(account, "NQZ6") for account in rig.broker.book.accounts] == [2, 2, 2]
    rig.store(live_exit("OTHER"))
    rig.until_settled()
    assert closed(rig.broker.book) == []
