"""Web process and worker are killed (SIGKILL) in a burst; the platform starts them again, as it does."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.drills.burst import Burst, bursting, nothing_lost_or_doubled, until_decided
from tests.drills.conftest import Recovered
from tests.drills.server import Server
from tests.processes import web_process, worker_process

LEASE = {"TASK_LEASE_SECONDS": "2"}


def kill(process: subprocess.Popen[bytes]) -> float:
    process.send_signal(signal.SIGKILL)
    process.wait()
    return time.monotonic()


def test_killed_processes_lose_and_double_nothing(server: Server, tmp_path: Path, recovered: Recovered) -> None:
    """A signal that was answered with 200 is stored and decided once, whoever was killed and when.

    While the web process is away a sender gets no answer at all, and nothing of it is half stored. A killed worker's
    tasks go to the next one when their lease ends; the seconds are those of a start and of the lease (2 s here).
    """
    with ExitStack() as running:
        worker = running.enter_context(worker_process(server.url, tmp_path / "worker.log", **LEASE))
        web = running.enter_context(web_process(server.url, tmp_path / "web.log", ROUTER_ENABLED="false"))
        burst = running.enter_context(bursting(Burst(lambda: web.url)))
        burst.until_accepted_after(time.monotonic())
        dead = kill(worker)
        assert burst.until_accepted_after(dead) < 1, "the web process does not need the worker"
        running.enter_context(worker_process(server.url, tmp_path / "next.log", **LEASE))
        until_decided(server, burst.accepted())
        recovered("worker killed, the next one decides its tasks", time.monotonic() - dead)
        dead = kill(web.process)
        again: dict[str, Any] = {"ROUTER_ENABLED": "false", "PORT": str(web.port)}
        running.enter_context(web_process(server.url, tmp_path / "next-web.log", **again))
        recovered("web process killed, the next one accepts", burst.until_accepted_after(dead))
        burst.stop()
        until_decided(server, burst.accepted())
    assert burst.statuses() == {200, None}
    nothing_lost_or_doubled(server, burst.accepted())
