"""A halt in the middle of a burst: nothing is claimed after it, whoever works; exits go on; what it orders is done."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from database.halts import HaltRecord, HaltSet
from domain.halt import HaltLevel, Scope, release_phrase
from tests.chaos.invariants import closed, once_settled
from tests.chaos.rig import Rig
from tests.live import live_entry, live_exit
from tests.processes import wait_until

WORKERS, BURST, MOST = 4, 30, 1000


@pytest.fixture
def burst(rig: Rig) -> Rig:
    """Workers in the middle of far more entries than they can send at once."""
    for account in (1, 2, 3):
        rig.environment[f"APEX_{account}_MAX_CONTRACTS"] = str(MOST)
    for _ in range(WORKERS):
        rig.start()
    rig.until_figures_are_known()
    return rig


def storm_in(rig: Rig, *, before_halt: int) -> None:
    for number in range(BURST):
        rig.store(small_entry(f"T{number}"))
    wait_until(lambda: len(rig.broker.book.orders) >= before_halt, what="the burst")


def small_entry(trade: str) -> dict[str, object]:
    return live_entry(trade, contracts=2, stop_loss=16499)


def halt(rig: Rig, level: HaltLevel) -> HaltSet:
    return HaltRecord(rig.database).halt(Scope(), level, reason="enough", by="the owner")


def assert_nothing_left_after(rig: Rig, set_at: datetime) -> None:
    """Hold every entry at the broker against the moment of its claim, and its arrival against its own call."""
    rows = rig.sql(
        "SELECT o.client_order_id AS tag, e.at AS claimed_at,"
        " (SELECT min(n.at) FROM execution_order_events n WHERE n.order_id = o.id AND n.id > e.id) AS ended_at"
        " FROM execution_order_events e JOIN execution_orders o ON o.id = e.order_id"
        " WHERE o.purpose = 'ENTRY' AND e.to_state = 'SENDING'"
    )
    assert [row for row in rows if row["claimed_at"] >= set_at] == []
    calls = {row["tag"]: row for row in rows}
    entries = [order for order in rig.broker.book.orders if order.kind == "MARKET" and order.side == "BUY"]
    for order in entries:
        call = calls[order.tag or ""]
        assert call["claimed_at"] <= datetime.fromtimestamp(order.arrived_at, UTC) <= call["ended_at"]


def test_no_entry_is_claimed_after_a_halt_and_a_restart_changes_nothing(burst: Rig) -> None:
    storm_in(burst, before_halt=20)
    done = halt(burst, HaltLevel.ENTRIES)
    for number in range(5):
        burst.store(small_entry(f"LATE{number}"))
    burst.until_settled()
    assert_nothing_left_after(burst, done.halt.set_at)
    states = burst.sql("SELECT cause, count(*)::int AS n FROM execution_orders WHERE state = 'NOT_SENT' GROUP BY 1")
    assert [row["cause"] for row in states] == ["TRADING_HALTED"], "the halt came in the middle of the burst"
    shown = {leg["client_order_id"] for leg in done.in_flight}
    assert len(shown) <= 3, "an account has one entry on its way at most"

    for pid in burst.living():
        burst.kill(pid)
    sent = len(burst.broker.book.orders)
    for _ in range(2):
        burst.start()
    burst.store(small_entry("RESTARTED"))
    burst.until_settled()
    assert len(burst.broker.book.orders) == sent
    assert once_settled(burst.broker.book, burst.sql, most_contracts=MOST) == []

    for trade in burst.sql("SELECT DISTINCT trade_id FROM execution_orders WHERE filled > 0"):
        burst.store(live_exit(trade["trade_id"]))
    burst.until_settled()
    assert [*once_settled(burst.broker.book, burst.sql, most_contracts=MOST), *closed(burst.broker.book)] == []


def test_halt_after_halt_no_claim_slips_through(burst: Rig) -> None:
    """Each halt falls into claims that are just being made."""
    halts, numbers = HaltRecord(burst.database), itertools.count()
    for _ in range(8):
        for _ in range(4):
            burst.store(small_entry(f"T{next(numbers)}"))
        sent = len(burst.broker.book.orders)
        wait_until(lambda sent=sent: len(burst.broker.book.orders) > sent, what="an entry")  # type: ignore[misc]
        done = halt(burst, HaltLevel.ENTRIES)
        time.sleep(0.1)
        halts.release(done.halt.id, phrase=release_phrase(Scope()), reason="go on", by="the owner")
    burst.until_settled()
    slipped = burst.sql(
        "SELECT e.at, h.set_at FROM execution_order_events e JOIN execution_orders o ON o.id = e.order_id"
        " JOIN trading_halts h ON e.at BETWEEN h.set_at AND h.released_at"
        " WHERE o.purpose = 'ENTRY' AND e.to_state = 'SENDING'"
    )
    assert slipped == []
    given_up = burst.sql("SELECT count(*)::int AS n FROM execution_orders WHERE cause = 'TRADING_HALTED'")[0]["n"]
    assert given_up >= 8, "the halts came in the middle of claims"


def test_a_halt_that_cancels_takes_back_what_has_not_filled(burst: Rig) -> None:
    burst.broker.book.fill_share = Decimal("0.5")
    storm_in(burst, before_halt=12)
    done = halt(burst, HaltLevel.CANCEL)
    until_done(burst, done)
    burst.until_settled()
    assert_nothing_left_after(burst, done.halt.set_at)
    entries = [order for order in burst.broker.book.orders if order.kind == "MARKET"]
    assert {order.status for order in entries} == {"CANCELLED"}
    burst.broker.book.fill_share = Decimal(1)
    for trade in burst.sql("SELECT DISTINCT trade_id FROM execution_orders WHERE filled > 0"):
        burst.store(live_exit(trade["trade_id"]))
    burst.until_settled()
    assert [*once_settled(burst.broker.book, burst.sql, most_contracts=MOST), *closed(burst.broker.book)] == []


def test_a_halt_that_flattens_closes_what_was_still_on_its_way(burst: Rig) -> None:
    """An entry that reaches the book only after the call for it was given up, and exits that come in meanwhile."""
    storm_in(burst, before_halt=12)
    late = len(burst.broker.book.orders)
    burst.broker.hooks["order/placeoso"] = lambda: time.sleep(1.5)
    wait_until(lambda: "order/placeoso" not in burst.broker.hooks, what="an entry to be held up")
    done = halt(burst, HaltLevel.FLATTEN)
    for trade in ("T0", "T1"):
        burst.store(live_exit(trade))
    until_done(burst, done)
    burst.until_settled()
    assert len(burst.broker.book.orders) > late
    assert_late_or_in_time(burst, done.halt.set_at)
    assert [*once_settled(burst.broker.book, burst.sql, most_contracts=MOST), *closed(burst.broker.book)] == []
    open_now = burst.sql("SELECT sum(open_quantity) AS n FROM execution_orders")[0]["n"]
    assert open_now == 0


def assert_late_or_in_time(rig: Rig, set_at: datetime) -> None:
    claims = rig.sql(
        "SELECT e.at FROM execution_order_events e JOIN execution_orders o ON o.id = e.order_id"
        " WHERE o.purpose = 'ENTRY' AND e.to_state = 'SENDING' AND e.at >= %s",
        set_at,
    )
    assert claims == []


def until_done(rig: Rig, done: HaltSet) -> None:
    undone = "SELECT firm_code, program_id, tries, outcome FROM halt_actions WHERE halt_id = %s AND done_at IS NULL"
    try:
        wait_until(lambda: not rig.sql(undone, done.halt.id), what="the halt's actions", seconds=30)
    except AssertionError as error:
        raise AssertionError(f"not done: {rig.sql(undone, done.halt.id)}") from error
