"""One account's orders hang at the venue: the others' go out as fast as before."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from tests.brokers.server import Answer
from tests.chaos.rig import Rig
from tests.live import live_entry
from tests.processes import wait_until

ENTRIES, TRIES = 25, 3
HANG_SECONDS = 3.0
MOST_DELAY_SECONDS = 0.1


def latencies(rig: Rig, prefix: str) -> list[float]:
    """Return the seconds from a signal's arrival to its order's arrival at the book, for all accounts but the first."""
    others = rig.broker.book.accounts[1:]
    found = []
    for number in range(ENTRIES):
        began, known = time.time(), len(rig.broker.book.orders)
        rig.store(live_entry(f"{prefix}{number}", contracts=1, stop_loss=16499))
        wait_until(lambda known=known: arrived(rig, known) >= len(others), what="the others' entries")  # type: ignore[misc]
        new = [o for o in rig.broker.book.orders[known:] if o.kind == "MARKET" and o.account in others]
        found += [order.arrived_at - began for order in new]
        # An account's next entry waits until its last one is answered.
        wait_until(lambda: not in_the_way(rig), what="the others' answers")
    return found


def arrived(rig: Rig, known: int) -> int:
    accounts = rig.broker.book.accounts[1:]
    return sum(order.kind == "MARKET" and order.account in accounts for order in rig.broker.book.orders[known:])


def in_the_way(rig: Rig) -> bool:
    return bool(rig.sql("SELECT 1 FROM execution_orders WHERE program_id > 1 AND state IN ('PLANNED', 'SENDING')"))


def p95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]


def test_a_hanging_account_delays_no_other(rig: Rig, record_property: Callable[[str, object], None]) -> None:
    for account in (1, 2, 3):
        rig.environment[f"APEX_{account}_MAX_CONTRACTS"] = "1000"
    rig.environment["CONNECTOR_TIMEOUT_SECONDS"] = "10"
    rig.environment["TASK_LEASE_SECONDS"] = "10"
    rig.start()
    rig.until_figures_are_known()
    place = rig.broker._place_oso

    def hang(body: dict[str, object]) -> Answer:
        if body["accountSpec"] == rig.broker.book.accounts[0]:
            time.sleep(HANG_SECONDS)
        return place(body)

    delays = []
    # A machine that is busy with something else for a moment is no finding; a venue that is waited for always is.
    for attempt in range(TRIES):
        before = latencies(rig, f"BEFORE{attempt}_")
        rig.broker._place_oso = hang  # type: ignore[method-assign]
        during = latencies(rig, f"DURING{attempt}_")
        rig.broker._place_oso = place  # type: ignore[method-assign]
        delays.append(p95(during) - p95(before))
        record_property("p95_before_and_during_a_hang", f"{p95(before) * 1000:.0f} ms, {p95(during) * 1000:.0f} ms")
        if delays[-1] <= MOST_DELAY_SECONDS:
            break
    assert min(delays) <= MOST_DELAY_SECONDS, delays
    hung = rig.sql("SELECT count(*)::int AS n FROM execution_orders WHERE program_id = 1 AND state = 'PLANNED'")
    assert hung[0]["n"] > ENTRIES / 2, "the first account did hang"
