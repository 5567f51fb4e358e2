"""The time of day jumps, of the service and of the database: nothing is decided twice, no day is closed twice."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.drills.burst import Burst, bursting, nothing_lost_or_doubled, until_decided
from tests.drills.clock import ShiftedClock
from tests.drills.conftest import Recovered
from tests.drills.server import Server
from tests.processes import Web, wait_until, web_process, worker_process

TOKEN = "a-token-of-the-drill"
HOUR = 3600
DAY = 24 * HOUR
RULES: dict[str, Any] = {"FTMO_1_RULE_SET": "ftmo-2step-eval1-100k@2026-10-04", "API_TOKEN": TOKEN}


@pytest.fixture
def clock(server: Server) -> Iterator[ShiftedClock]:
    shifted = ShiftedClock(server.folder.parent)
    yield shifted
    shifted.close()


def tell(web: Web) -> None:
    """Tell the account's figures, from which its days are kept."""
    request = urllib.request.Request(
        f"{web.url}/api/v1/accounts/FTMO/1/state",
        json.dumps({"equity": 100000.0, "balance": 100000.0}).encode(),
        {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).close()


def days(server: Server) -> list[str]:
    """Return the days that were closed, one for each closing."""
    return [str(row[0]) for row in server.rows("SELECT day FROM account_resets ORDER BY performed_at, day")]


def test_service_whose_clock_jumps_closes_each_day_once(
    server: Server, clock: ShiftedClock, tmp_path: Path, recovered: Recovered
) -> None:
    """Shifted: the time of day of web process and worker, not the database's. Two days ahead, back, and ahead again.

    Ahead, the days that have ended by that clock are closed, in order, none left out. Back, nothing is undone and no
    day is closed again; ahead again, neither. Signals are decided all the time: leases, ages and the order of work go
    by the database's clock.
    """
    with (
        web_process(server.url, tmp_path / "web.log", ROUTER_ENABLED="false", **RULES, **clock.environment) as web,
        worker_process(server.url, tmp_path / "worker.log", **RULES, **clock.environment),
        bursting(Burst(lambda: web.url, senders=1)) as burst,
    ):
        tell(web)
        jumped = time.monotonic()
        clock.jump(2 * DAY)
        wait_until(lambda: len(days(server)) == 2, what="the two days that have ended by the clock ahead")
        recovered("service's clock two days ahead, both days closed", time.monotonic() - jumped)
        closed = days(server)
        assert closed == sorted(set(closed))
        for shift in (-DAY, 2 * DAY, 0):
            clock.jump(shift)
            jumped = time.monotonic()
            recovered(f"service's clock jumped by days ({shift // DAY:+}), accepts", burst.until_accepted_after(jumped))
            until_decided(server, burst.accepted()[-1:])
            # The clock of the accounts looks once a second.
            time.sleep(1.2)
            assert days(server) == closed
        burst.stop()
        until_decided(server, burst.accepted())
        assert burst.statuses() == {200}
        nothing_lost_or_doubled(server, burst.accepted())


@pytest.mark.parametrize("shift", [HOUR, -HOUR])
def test_database_whose_clock_jumps_decides_everything_once(
    shift: int, server: Server, clock: ShiftedClock, tmp_path: Path, recovered: Recovered
) -> None:
    """Shifted: the time of day of PostgreSQL alone, by an hour, in the middle of a burst and with a worker frozen.

    Ahead, every lease has ended at once: what the frozen worker has in hand is given to another, and decided once
    although the first goes on with it. Back, what was stored or leased before lies an hour in the future, and is due
    all the same, within seconds.
    """
    server.stop()
    server.start(clock.environment)
    with (
        web_process(server.url, tmp_path / "web.log", ROUTER_ENABLED="false") as web,
        worker_process(server.url, tmp_path / "one.log", TASK_LEASE_SECONDS="3") as one,
        bursting(Burst(lambda: web.url)) as burst,
    ):
        burst.until_accepted_after(time.monotonic())
        one.send_signal(signal.SIGSTOP)
        burst.until_accepted_after(time.monotonic())
        clock.jump(shift)
        before = burst.accepted()
        burst.until_accepted_after(time.monotonic())
        with worker_process(server.url, tmp_path / "two.log", TASK_LEASE_SECONDS="3"):
            started = time.monotonic()
            until_decided(server, before, seconds=10)
            recovered(f"database's clock {shift // HOUR:+} h, what waited is decided", time.monotonic() - started)
            one.send_signal(signal.SIGCONT)
            clock.jump(0)
            burst.until_accepted_after(time.monotonic())
            burst.stop()
            until_decided(server, burst.accepted(), seconds=10)
            assert burst.statuses() == {200}
            nothing_lost_or_doubled(server, burst.accepted())
