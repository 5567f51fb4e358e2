"""A new version takes over in a burst, as Railway does it: the new process is ready first, then the old one is told."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.server import Answer
from tests.brokers.tradovate import TradovateServer
from tests.chaos.invariants import once_settled
from tests.conftest import Sql
from tests.drills.balancer import Balancer
from tests.drills.burst import Burst, bursting, nothing_lost_or_doubled, until_decided
from tests.drills.conftest import Recovered
from tests.drills.server import Record
from tests.live import live_entry, live_environment, tradovate
from tests.processes import get, wait_until, web_process, worker_process

# drainingSeconds in railway.json: from SIGTERM to SIGKILL.
GRACE_SECONDS = 10.0
# So slow that there is always an order on its way.
VENUE_SECONDS = 0.1
UNFINISHED = "('PLANNED', 'SENDING', 'UNRESOLVED', 'ACCEPTED', 'PARTIALLY_FILLED')"


@pytest.fixture
def broker() -> Iterator[TradovateServer]:
    with tradovate("ACC1") as running:
        place = running._place_oso

        def slowly(body: dict[str, Any]) -> Answer:
            time.sleep(VENUE_SECONDS)
            answer: Answer = place(body)
            return answer

        running._place_oso = slowly
        yield running


def end(process: subprocess.Popen[bytes]) -> float:
    """Tell a process to end as the platform does; return how many seconds it took."""
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert process.wait(GRACE_SECONDS) == 0
    return time.monotonic() - began


def test_replaced_processes_lose_double_and_refuse_no_signal(
    database_url: str, sql: Sql, broker: TradovateServer, tmp_path: Path, recovered: Recovered
) -> None:
    """Each signal of the burst is answered with 200, on new and on kept connections, and its order is sent once.

    The new web process is in service once /readyz says so; the old one answers what it has and ends. The new worker
    runs before the old one is told; what the old one is sending is answered, or UNRESOLVED and then found at the venue.
    """
    live: dict[str, Any] = {
        **live_environment(broker, APEX_1_MAX_CONTRACTS="1000", APEX_1_MAX_DAILY_LOSS="20000", RECONCILE_SECONDS="2"),
        "ROUTER_ENABLED": "false",
    }
    record, body = Record(database_url), partial(live_entry, contracts=1, stop_loss=16499)
    with ExitStack() as running:
        old_web = running.enter_context(web_process(database_url, tmp_path / "old-web", configured=False, **live))
        old_worker = running.enter_context(worker_process(database_url, tmp_path / "old-worker", **live))
        known = "SELECT 1 FROM account_states WHERE equity IS NOT NULL"
        wait_until(lambda: bool(sql(known)), what="the account's figures")
        balancer = Balancer(old_web.port)
        running.callback(balancer.close)
        bursts = [
            running.enter_context(
                bursting(Burst(lambda: balancer.url, senders=1, gap=0.15, name=name, body=body, keeps=keeps))
            )
            for name, keeps in (("NEW", False), ("KEPT", True))
        ]
        bursts[0].until_accepted_after(time.monotonic())

        new_web = running.enter_context(web_process(database_url, tmp_path / "new-web", configured=False, **live))
        wait_until(lambda: get(f"{new_web.url}/readyz")[0] == 200, what="the new web process to be ready")
        balancer.port = new_web.port
        recovered("deploy: the old web process ends after SIGTERM", end(old_web.process))
        running.enter_context(worker_process(database_url, tmp_path / "new-worker", **live))
        recovered("deploy: the old worker ends after SIGTERM", end(old_worker))
        for burst in bursts:
            burst.until_accepted_after(time.monotonic())
            burst.stop()
            assert burst.statuses() == {200}
        accepted = [trade for burst in bursts for trade in burst.accepted()]
        until_decided(record, accepted)
        open_legs = f"SELECT count(*) FROM execution_orders WHERE state IN {UNFINISHED}"
        wait_until(lambda: record.value(open_legs) == 0, what="the last order's answer")
    nothing_lost_or_doubled(record, accepted)
    assert sql("SELECT trade_id, state, cause FROM execution_orders WHERE state <> 'FILLED'") == []
    assert len(sql("SELECT 1 FROM execution_orders")) == len(accepted)
    assert once_settled(broker.book, sql, most_contracts=1000) == []
