"""How long until everything goes on after a worker was killed, or after every connection to the database was cut."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from benchmarks.figures import Spread
from benchmarks.load import alert
from benchmarks.mixed_tasks import MixedTasks, wait_until_none_is_left
from benchmarks.report import Benchmark
from benchmarks.stage import BrokenInvariant, Stage, Tables
from benchmarks.tables import DEMANDS, demand_row, spread
from tests.processes import Web, wait_until, web_process, worker_process

ONE_PROCESS = "router in the web process"
TWO_PROCESSES = "web process and a worker process"
MOST_SECONDS_AFTER_KILL = 15.0
MOST_SECONDS_AFTER_CUT = 3.0
PATIENCE_SECONDS = 60.0
# Long enough for the server to end what it was doing for a process that stands still.
SETTLE_SECONDS = 0.05
HELD = "SELECT id FROM execution_tasks WHERE status = 'PROCESSING' AND worker LIKE '%%:' || %(pid)s || ':%%'"
IN_HAND = "SELECT id FROM execution_tasks WHERE status = 'PROCESSING'"
CUT = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
# Seconds of the wall clock, in which this process reads its own, too: PostgreSQL runs on this machine.
LOGGED = """
    SELECT extract(epoch FROM created_at)::float FROM execution_logs
    WHERE task_id = ANY (%(task_ids)s) AND status = 'SUCCESS' AND created_at > to_timestamp(%(since)s)
    ORDER BY 1
"""
# How often each task was decided, how many were not, and what failed for another reason than a lost worker.
RECORD = """
    SELECT count(*), count(*) FILTER (WHERE t.status = 'SUCCESS' AND l.decided = 1),
           count(*) FILTER (WHERE l.decided > 1),
           (SELECT count(*) FROM execution_logs WHERE status <> 'SUCCESS'
                AND response_body ->> 'error' NOT LIKE '%%did not finish before its lease ended')
    FROM execution_tasks t
    LEFT JOIN (SELECT task_id, count(*) AS decided FROM execution_logs WHERE status = 'SUCCESS' GROUP BY task_id) l
      ON l.task_id = t.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Workers that are killed, cuts of each kind, entries that are stored at once to keep everybody busy.

    ``lease``: TASK_LEASE_SECONDS, None for the default.
    """

    kills: int
    cuts: int
    entries: int
    lease: str | None


FULL = Size(kills=5, cuts=7, entries=300, lease=None)
SMALL = Size(kills=1, cuts=1, entries=60, lease="1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """From the moment a worker stood still to the last log of the tasks that it had claimed, in seconds."""

    seconds: Spread
    tasks: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """Seconds from a cut, at which the next signal is sent, to that signal's log; ``refused``: answers that said no.

    ``in_hand``: to the last log of what was in hand at the cut, ``tasks`` by cut; None where nothing ever was.
    """

    seconds: Spread
    refused: int
    in_hand: Spread | None
    tasks: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryResult:
    """``cuts`` by deployment and what the processes were doing."""

    size: Size
    killed: Killed
    cuts: dict[str, Cuts]


def measure(stage: Stage, size: Size) -> RecoveryResult:
    """Kill workers, then cut connections. Raises BrokenInvariant where a task was decided twice or never."""
    killed = _kills(stage, size)
    cuts = {**_cuts(stage, size, ONE_PROCESS, "recovery_one"), **_cuts(stage, size, TWO_PROCESSES, "recovery_two")}
    return RecoveryResult(size=size, killed=killed, cuts=cuts)


def _cuts(stage: Stage, size: Size, deployment: str, name: str) -> dict[str, Cuts]:
    tables = stage.database(name)
    tasks = MixedTasks(tables, 1)
    stored = 0

    def work() -> None:
        nonlocal stored
        stored += tasks.store_entries(f"WORK_{stored}", size.entries)

    with ExitStack() as processes:
        router = "true" if deployment == ONE_PROCESS else "false"
        web = processes.enter_context(web_process(tables.url, stage.log(name), ROUTER_ENABLED=router))
        if deployment == TWO_PROCESSES:
            processes.enter_context(worker_process(tables.url, stage.log(f"{name}_worker")))
        cutter = Cutter(tables, web)
        idle = cutter.cut(size.cuts, "IDLE")
        busy = cutter.cut(size.cuts, "BUSY", before=work)
    _check(tables, 2 * (size.cuts + 1) + stored)
    return {f"{deployment}, idle": idle, f"{deployment}, at work": busy}


def _kills(stage: Stage, size: Size) -> Killed:
    tables = stage.database("recovery_kills")
    tasks = MixedTasks(tables, 1)
    environment = {} if size.lease is None else {"TASK_LEASE_SECONDS": size.lease}
    victims: list[tuple[float, list[int]]] = []
    stored = 0
    with ExitStack() as processes:
        processes.enter_context(worker_process(tables.url, stage.log("survivor"), **environment))
        workers = [
            processes.enter_context(worker_process(tables.url, stage.log(f"victim_{number}"), **environment))
            for number in range(size.kills)
        ]
        for number, worker in enumerate(workers):
            # Not in step with the survivor's look at the leases.
            time.sleep(random.uniform(0, 1))
            held: list[int] = []
            while not held:
                if tables.unfinished() < size.entries:
                    stored += tasks.store_entries(f"KILL_{number}_{stored}", size.entries)
                stood_still = time.time()
                held = _stopped_with(tables, worker)
            worker.kill()
            victims.append((stood_still, held))
            print(f"  worker {number + 1} of {size.kills} killed with {len(held)} tasks in hand", flush=True)
        wait_until_none_is_left(tables, PATIENCE_SECONDS)
    _check(tables, stored)
    return Killed(
        seconds=Spread.of([_logged(tables, held, since=moment)[-1] for moment, held in victims]),
        tasks=[len(held) for _, held in victims],
    )


def _stopped_with(tables: Tables, worker: subprocess.Popen[bytes]) -> list[int]:
    """Let a worker stand still and return what it holds; it goes on where that is nothing."""
    time.sleep(random.uniform(0, 0.03))
    worker.send_signal(signal.SIGSTOP)
    time.sleep(SETTLE_SECONDS)
    held = [task for (task,) in tables.rows(HELD, pid=str(worker.pid))]
    if not held:
        worker.send_signal(signal.SIGCONT)
    return held


class Cutter:
    """Cuts all connections to a database again and again, and sends a signal at once each time."""

    def __init__(self, tables: Tables, web: Web) -> None:
        self._tables = tables
        self._web = web

    def cut(self, times: int, prefix: str, before: Callable[[], object] | None = None) -> Cuts:
        """Cut that often, while idle or after ``before`` has given work to do."""
        self._send(f"{prefix}_WARM")
        seconds: list[float] = []
        in_hand: list[tuple[float, list[int]]] = []
        refused = 0
        for number in range(times):
            wait_until_none_is_left(self._tables, PATIENCE_SECONDS)
            # Whatever the processes do by the clock, they are somewhere else each time.
            time.sleep(random.uniform(0.2, 0.7))
            held: list[int] = []
            while before is not None and not held:
                before()
                held = self._in_hand()
            began = time.time()
            self._tables.rows(CUT)
            if held:
                in_hand.append((began, held))
            task_id, tries = self._send(f"{prefix}_{number}")
            refused += tries - 1
            wait_until(
                lambda task_id=task_id: bool(_logged(self._tables, [task_id])),  # type: ignore[misc]
                what=f"the log of task {task_id}",
                seconds=PATIENCE_SECONDS,
            )
            seconds.append(_logged(self._tables, [task_id], since=began)[-1])
            print(f"  {prefix.lower()}, cut {number + 1} of {times}: {seconds[-1]:.2f} s", flush=True)
        wait_until_none_is_left(self._tables, PATIENCE_SECONDS)
        later = [logs for moment, held in in_hand if (logs := _logged(self._tables, held, since=moment))]
        return Cuts(
            seconds=Spread.of(seconds),
            refused=refused,
            in_hand=Spread.of([logs[-1] for logs in later]) if later else None,
            tasks=[len(logs) for logs in later],
        )

    def _in_hand(self) -> list[int]:
        """Return what is in hand at some moment of the work, nothing where it was done before."""
        time.sleep(random.uniform(0, 0.05))
        while self._tables.unfinished():
            found = [task for (task,) in self._tables.rows(IN_HAND)]
            if found:
                return found
        return []

    def _send(self, trade_id: str) -> tuple[int, int]:
        """Send a signal as often as it is refused; return its task and how often it was sent."""
        request = Request(self._web.webhook, data=alert(trade_id), headers={"Content-Type": "application/json"})
        deadline = time.monotonic() + PATIENCE_SECONDS
        tries = 0
        while True:
            tries += 1
            try:
                with urlopen(request, timeout=10) as answer:
                    return int(json.load(answer)["task_id"]), tries
            except HTTPError as error:
                error.close()
                if error.code != 503 or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def _logged(tables: Tables, task_ids: list[int], since: float = 0.0) -> list[float]:
    """Return how many seconds after that moment each of these tasks was decided; those before it are left out."""
    return [moment - since for (moment,) in tables.rows(LOGGED, task_ids=task_ids, since=since)]


def _check(tables: Tables, accepted: int) -> None:
    """Raise BrokenInvariant unless each task was decided once and none failed for another reason than a lost worker."""
    (found,) = tables.rows(RECORD)
    if found != (accepted, accepted, 0, 0):
        raise BrokenInvariant(
            f"of {accepted} tasks there are {found[0]}, {found[1]} decided once, {found[2]} more than once; "
            f"{found[3]} logs tell of other failures than a lost worker"
        )


def section(kept: dict[str, Any]) -> list[str]:
    """Return the lines of the report's section from the kept result."""
    size, killed, cuts = kept["size"], kept["killed"], kept["cuts"]
    lease = "by default" if size["lease"] is None else f"with TASK_LEASE_SECONDS={size['lease']}"
    most_after_cut = max(found["seconds"]["most"] for found in cuts.values())
    return [
        "## Recovery",
        "",
        (
            f"{size['kills']} workers of {size['kills'] + 1} killed with SIGKILL in the middle of a drain, with "
            f"{_numbers(killed['tasks'])} claimed tasks that were not decided; {lease}. Then all connections to the "
            f"database cut {size['cuts']} times while nothing was to be done and as often among {size['entries']} "
            "entries that were stored just before, the next signal sent at once. Every task was decided exactly once."
        ),
        "",
        "| after | seconds until | least / median / most |",
        "| --- | --- | --- |",
        f"| a worker was killed | its tasks were decided by another | {spread(killed['seconds'], 1)} |",
        *(row for name, found in cuts.items() for row in _rows(name, found)),
        "",
        *DEMANDS,
        demand_row(
            f"a killed worker's tasks decided within {MOST_SECONDS_AFTER_KILL:.0f} s",
            f"{killed['seconds']['most']:.1f} s",
            met=killed["seconds"]["most"] <= MOST_SECONDS_AFTER_KILL,
        ),
        demand_row(
            f"connections cut: the next signal logged within {MOST_SECONDS_AFTER_CUT:.0f} s",
            f"{most_after_cut:.2f} s",
            met=most_after_cut <= MOST_SECONDS_AFTER_CUT,
        ),
    ]


def _rows(name: str, found: dict[str, Any]) -> list[str]:
    refused = f" ({found['refused']} answers of 503)" if found["refused"] else ""
    rows = [f"| connections cut: {name} | the next signal was logged{refused} | {spread(found['seconds'], 2)} |"]
    if found["in_hand"] is not None:
        what = f"what was in hand ({_numbers(found['tasks'])} tasks) was logged"
        rows.append(f"| connections cut: {name} | {what} | {spread(found['in_hand'], 2)} |")
    return rows


def _numbers(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


BENCHMARK = Benchmark(
    name="recovery",
    measure=lambda stage, small: measure(stage, SMALL if small else FULL),
    section=section,
)
