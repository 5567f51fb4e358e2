"""PostgreSQL is stopped, killed and frozen while signals come in; nobody helps web process and worker."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.drills.burst import Burst, bursting
from tests.drills.conftest import Recovered
from tests.drills.outage import Outage, live_through
from tests.drills.server import Server
from tests.processes import web_process, worker_process

AWAY_SECONDS = 1.5
# Longer than one time of waiting, so that what is remembered of it is seen, too.
FROZEN_SECONDS = 4.0

Away = tuple[Callable[[Server], None], Callable[[Server], None], float]
WAYS: dict[str, Away] = {
    "stopped": (Server.stop, Server.start, AWAY_SECONDS),
    "killed": (Server.kill, Server.start, AWAY_SECONDS),
    "frozen": (Server.freeze, Server.thaw, FROZEN_SECONDS),
}


def test_service_goes_on_after_the_database_was_away(server: Server, tmp_path: Path, recovered: Recovered) -> None:
    """Each signal is answered within a sender's 3 s: 200 when it is stored, 503 otherwise, nothing else.

    Web process and worker live on and go on by themselves. Each signal that was answered with 200 is decided once. One
    answered with 503 may have been stored, when the answer of a commit was lost; it is then decided once, too.
    """
    with (
        web_process(server.url, tmp_path / "web.log", ROUTER_ENABLED="false") as web,
        worker_process(server.url, tmp_path / "worker.log", TASK_LEASE_SECONDS="2") as worker,
        bursting(Burst(lambda: web.url)) as burst,
    ):
        outages = [
            Outage(f"database {way}", partial(leave, server), partial(come_back, server), seconds)
            for way, (leave, come_back, seconds) in WAYS.items()
        ]
        live_through(outages, web=web, worker=worker, burst=burst, record=server, recovered=recovered)
