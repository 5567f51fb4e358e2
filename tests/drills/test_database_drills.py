"""PostgreSQL is stopped, killed and frozen while signals come in; nobody helps web process and worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tests.drills.burst import SENDER_SECONDS, Burst, bursting, nothing_lost_or_doubled, until_decided
from tests.drills.conftest import Recovered
from tests.drills.server import Server
from tests.processes import get, web_process, worker_process

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
        for way, (leave, come_back, seconds) in WAYS.items():
            burst.until_accepted_after(time.monotonic())
            leave(server)
            time.sleep(seconds)
            assert get(f"{web.url}/healthz")[0] == 200, "the process lives"
            come_back(server)
            back = time.monotonic()
            recovered(f"database {way}, webhook accepts", burst.until_accepted_after(back))
            until_decided(server, burst.accepted()[-1:])
            recovered(f"database {way}, worker decides", time.monotonic() - back)
        burst.stop()
        assert burst.statuses() == {200, 503}
        assert burst.slowest() < SENDER_SECONDS
        until_decided(server, burst.accepted())
        nothing_lost_or_doubled(server, burst.accepted())
        assert (web.process.poll(), worker.poll()) == (None, None)
