"""A warm parent that forks workers: each runs ``execution_router.main`` and dies by its own SIGKILL at a planned point.

Reads one JSON object a line: ``{"environ", "folder", "log", "plan", ...}`` starts a worker,
``{"kill": pid, "signal": n}`` sends a signal. Writes one a line: ``{"pid"}`` for each start, ``{"ended", "status"}``
for each end. At the end of its input it kills every worker that is left.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import execution_router
from config.settings import Settings
from database.statements import prepared_forms, statements
from tests.chaos import kill_points, mutations
from tests.chaos.simulated import know_the_simulator

REAP_SECONDS = 0.01


def main() -> int:
    """Serve standard input until it ends."""
    # What every worker would read again.
    Settings.from_env(os.environ)
    statements()
    prepared_forms()
    living: set[int] = set()
    buffered = b""
    while True:
        ready, _, _ = select.select([0], [], [], REAP_SECONDS)
        if ready:
            chunk = os.read(0, 65536)
            if not chunk:
                break
            buffered += chunk
        *lines, buffered = buffered.split(b"\n")
        for line in lines:
            _obey(json.loads(line), living)
        _reap(living)
    for pid in living:
        os.kill(pid, signal.SIGKILL)
    return 0


def _obey(order: dict[str, Any], living: set[int]) -> None:
    if "kill" in order:
        with suppress(ProcessLookupError):
            os.kill(order["kill"], order["signal"])
        return
    pid = os.fork()
    if pid == 0:
        _become_worker(order)
    living.add(pid)
    _say({"pid": pid})


def _become_worker(order: dict[str, Any]) -> None:
    status = 1
    try:
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environ"])
        know_the_simulator(single_session=order["single_session"])
        mutations.install(order.get("mutation"))
        if order.get("plan") is not None:
            kill_points.install(order["plan"])
        status = execution_router.main()
    finally:
        os._exit(status)


def _reap(living: set[int]) -> None:
    while living:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        living.discard(pid)
        _say({"ended": pid, "status": os.waitstatus_to_exitcode(status)})


def _say(what: dict[str, Any]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    sys.exit(main())
