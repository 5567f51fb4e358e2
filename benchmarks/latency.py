"""From a signal to its verdict on record: on an idle system, and while signals keep coming."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.commits import Commits
from benchmarks.figures import Latency
from benchmarks.load import Connection, WrongAnswer, alert, checked, post_bytes
from benchmarks.open_load import Sent
from benchmarks.report import Benchmark
from benchmarks.stage import WEBHOOK, BrokenInvariant, Stage, Tables
from benchmarks.tables import DEMANDS, demand_row, latencies, ms
from tests.processes import REPOSITORY, web_process, worker_process

ONE_PROCESS = "one process (default)"
TWO_PROCESSES = "web process and a worker process"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
IDLE_MOMENTS = {
    "answered": "POST to its answer",
    "logged": "POST to `execution_logs.created_at`",
    "committed": "POST to the log row committed",
    "after_answer": "answer to the log row committed",
}
LOADED_MOMENTS = {"answered": "due to its answer", "committed": "due to the log row committed"}
MOST_IDLE_P50_MS = 8.0
MOST_IDLE_P99_MS = 25.0
MOST_LOADED_P99_MS = 100.0
# As many as come in in 50 ms at the full rate; a router that cannot follow has thousands more after 40 s.
MOST_MORE_WAITING = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Single signals, those before them, and the seconds between two; the flow: signals a second, its seconds."""

    signals: int
    warm_up: int
    a_second: int
    seconds: int
    apart: tuple[float, float] = (0.01, 0.03)
    connections: int = 20

    @property
    def shorter(self) -> int:
        """Seconds of the flow where it is measured a second time."""
        return max(self.seconds // 6, 3)


FULL = Size(signals=250, warm_up=20, a_second=200, seconds=60)
SMALL = Size(signals=10, warm_up=3, a_second=30, seconds=3, connections=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One deployment: the moments of IDLE_MOMENTS and LOADED_MOMENTS, and tasks unfinished at each second of the flow.

    ``waiting``: their means over the first and the last third of the flow.
    """

    idle: dict[str, Latency]
    loaded: dict[str, Latency]
    unfinished: list[int]
    waiting: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyResult:
    """The benchmark's outcome, by deployment."""

    size: Size
    deployments: dict[str, Figures]


def measure(stage: Stage, size: Size) -> LatencyResult:
    """Measure both deployments, one after the other. Raises WrongAnswer or BrokenInvariant."""
    return LatencyResult(
        size=size,
        deployments={
            ONE_PROCESS: _measure(stage, size, "one_process", worker=False),
            TWO_PROCESSES: _measure(stage, replace(size, seconds=size.shorter), "two_processes", worker=True),
        },
    )


def _measure(stage: Stage, size: Size, name: str, *, worker: bool) -> Figures:
    tables = stage.database(name)
    with ExitStack() as processes:
        router = "false" if worker else "true"
        web = processes.enter_context(web_process(tables.url, stage.log(name), ROUTER_ENABLED=router))
        if worker:
            processes.enter_context(worker_process(tables.url, stage.log(f"{name}_worker")))
        commits = processes.enter_context(Commits(tables.url))
        connection = Connection(web.port)
        taken = [_signal(connection, tables, commits, f"IDLE_{n}", size) for n in range(size.warm_up + size.signals)]
        sent, unfinished = _flow(web.port, tables, size)
        committed = [commits.of(task_id) for task_id in sent.task_ids]
    tables.check(len(taken) + len(committed))
    third = len(unfinished) // 3
    return Figures(
        idle={moment: Latency.of([signal[moment] for signal in taken[size.warm_up :]]) for moment in IDLE_MOMENTS},
        loaded={"answered": _since(sent.due, sent.answered), "committed": _since(sent.due, committed)},
        unfinished=unfinished,
        waiting=(statistics.fmean(unfinished[:third]), statistics.fmean(unfinished[-third:])),
    )


def _signal(connection: Connection, tables: Tables, commits: Commits, trade_id: str, size: Size) -> dict[str, float]:
    """Send one signal and wait for its verdict; return the milliseconds of IDLE_MOMENTS."""
    # Not in step with anything that runs by the clock.
    time.sleep(random.uniform(*size.apart))
    request = post_bytes(WEBHOOK, alert(trade_id))
    # The wall clock, in which created_at is written too: PostgreSQL runs on this machine.
    began = time.time_ns()
    answer = connection.ask(request)
    answered = time.time_ns()
    task_id = checked(answer, "accepted")["task_id"]
    committed = commits.of(task_id)
    logged_at = tables.value(
        "SELECT created_at FROM execution_logs WHERE task_id = %(task_id)s AND status = 'SUCCESS'", task_id=task_id
    )
    if logged_at is None:
        raise BrokenInvariant(f"task {task_id} was told of as finished, but has no log row")
    return {
        "answered": (answered - began) / 1e6,
        "logged": (_nanoseconds(logged_at) - began) / 1e6,
        "committed": (committed - began) / 1e6,
        "after_answer": (committed - answered) / 1e6,
    }


def _flow(port: int, tables: Tables, size: Size) -> tuple[Sent, list[int]]:
    """Send the flow from a process of its own; return it, and how many tasks were unfinished at each second."""
    command = [sys.executable, "-m", "benchmarks.open_load", "--port", str(port), "--path", WEBHOOK, "--prefix", "FLOW"]
    command += ["--connections", str(size.connections), "--a-second", str(size.a_second)]
    command += ["--requests", str(size.a_second * size.seconds)]
    unfinished: list[int] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY
    ) as sending:
        for _ in range(size.seconds):
            time.sleep(1.0)
            unfinished.append(tables.unfinished())
        out, errors = sending.communicate(timeout=60)
    if sending.returncode:
        raise WrongAnswer(f"the flow: {errors.strip()}")
    return Sent(**json.loads(out)), unfinished


def _since(due: Sequence[int], moments: Sequence[int]) -> Latency:
    return Latency.of([(moment - begin) / 1e6 for begin, moment in zip(due, moments, strict=True)])


def _nanoseconds(moment: datetime) -> int:
    # By whole microseconds: as a float, seconds since 1970 lose what is measured here.
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000


def section(kept: dict[str, Any]) -> list[str]:
    """Return the lines of the report's section from the kept result."""
    size, deployments = kept["size"], kept["deployments"]
    apart = " to ".join(f"{seconds * 1000:.0f}" for seconds in size["apart"])
    return [
        "## Signal to log",
        "",
        (
            f"Idle: {size['signals']} signals, the next {apart} ms after the log of the last. Loaded: "
            f"{size['a_second']} signals a second for {size['seconds']} s, each due at its own time. Milliseconds."
        ),
        "",
        "| deployment | | from, to | p50 | p95 | p99 | most |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(row for name, figures in deployments.items() for row in _rows(name, figures)),
        "",
        *DEMANDS,
        *(row for name, figures in deployments.items() for row in _demands(name, figures)),
    ]


def _rows(name: str, figures: Mapping[str, Any]) -> list[str]:
    moments = [("idle", key, said) for key, said in IDLE_MOMENTS.items()]
    moments += [("loaded", key, said) for key, said in LOADED_MOMENTS.items()]
    return [f"| {name} | {state} | {said} | {latencies(figures[state][key])} |" for state, key, said in moments]


def _demands(name: str, figures: Mapping[str, Any]) -> list[str]:
    idle, loaded = figures["idle"]["after_answer"], figures["loaded"]["committed"]
    before, after = figures["waiting"]
    return [
        demand_row(
            f"{name}, idle: p50 from accepted, as the sender knows it, to the commit under {MOST_IDLE_P50_MS:.0f} ms",
            ms(idle["p50_ms"]),
            met=idle["p50_ms"] < MOST_IDLE_P50_MS,
        ),
        demand_row(
            f"{name}, idle: p99 from accepted, as the sender knows it, to the commit under {MOST_IDLE_P99_MS:.0f} ms",
            ms(idle["p99_ms"]),
            met=idle["p99_ms"] < MOST_IDLE_P99_MS,
        ),
        demand_row(
            f"{name}, loaded: p99 from due to the commit under {MOST_LOADED_P99_MS:.0f} ms",
            ms(loaded["p99_ms"]),
            met=loaded["p99_ms"] < MOST_LOADED_P99_MS,
        ),
        demand_row(
            f"{name}, loaded: the backlog does not grow (last third at most {MOST_MORE_WAITING:.0f} above the first)",
            f"{before:.1f}, then {after:.1f} tasks",
            met=after <= before + MOST_MORE_WAITING,
        ),
    ]


BENCHMARK = Benchmark(
    name="latency",
    measure=lambda stage, small: measure(stage, SMALL if small else FULL),
    section=section,
)
