"""Signal-to-log latency on an idle system: from just before the POST to the decision on record."""

from __future__ import annotations

import random
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.figures import Latency
from benchmarks.load import Connection, alert, checked, post_bytes
from benchmarks.report import Benchmark
from benchmarks.stage import WEBHOOK, Stage, Tables
from benchmarks.tables import DEMANDS, demand_row, latencies
from tests.processes import web_process, worker_process

ONE_PROCESS = "one process (default)"
TWO_PROCESSES = "web process and a worker process"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LOOK_SECONDS = 0.0005
PATIENCE_SECONDS = 10.0
MOMENTS = {"answered": "answer to the POST", "logged": "`execution_logs.created_at`", "visible": "log row seen"}
MOST_LOGGED_P95_MS = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many signals are measured and sent before, and how many seconds lie at least and at most between two."""

    signals: int
    warm_up: int
    apart: tuple[float, float] = (0.02, 0.04)


FULL = Size(signals=200, warm_up=20)
SMALL = Size(signals=10, warm_up=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signalled:
    """One signal, in milliseconds since just before its POST: answered, logged (``created_at``), log row visible."""

    answered: float
    logged: float
    visible: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The three moments over all signals of one deployment."""

    answered: Latency
    logged: Latency
    visible: Latency


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
            TWO_PROCESSES: _measure(stage, size, "two_processes", worker=True),
        },
    )


def _measure(stage: Stage, size: Size, name: str, *, worker: bool) -> Figures:
    tables = stage.database(name)
    with ExitStack() as processes:
        router = "false" if worker else "true"
        web = processes.enter_context(web_process(tables.url, stage.log(name), ROUTER_ENABLED=router))
        if worker:
            processes.enter_context(worker_process(tables.url, stage.log(f"{name}_worker")))
        connection = Connection(web.port)
        for number in range(size.warm_up):
            _signal(connection, tables, f"WARM_{number}", size)
        taken = [_signal(connection, tables, f"SIGNAL_{number}", size) for number in range(size.signals)]
    tables.check(size.warm_up + size.signals)
    return Figures(
        answered=Latency.of([signal.answered for signal in taken]),
        logged=Latency.of([signal.logged for signal in taken]),
        visible=Latency.of([signal.visible for signal in taken]),
    )


def _signal(connection: Connection, tables: Tables, trade_id: str, size: Size) -> Signalled:
    # Not in step with anything that runs by the clock.
    time.sleep(random.uniform(*size.apart))
    request = post_bytes(WEBHOOK, alert(trade_id))
    # The wall clock, in which created_at is written too: PostgreSQL runs on this machine.
    began = time.time_ns()
    answer = connection.ask(request)
    answered = time.time_ns()
    task_id = checked(answer, "accepted")["task_id"]
    logged, visible = _log_of(tables, task_id)
    return Signalled(answered=(answered - began) / 1e6, logged=(logged - began) / 1e6, visible=(visible - began) / 1e6)


def _log_of(tables: Tables, task_id: int) -> tuple[int, int]:
    """Return when the task's log row was written and when it was seen, in nanoseconds of the wall clock.

    Looks every half millisecond, so a row is seen up to that much late.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        created_at = tables.value(
            "SELECT created_at FROM execution_logs WHERE task_id = %(task_id)s AND status = 'SUCCESS'", task_id=task_id
        )
        if created_at is not None:
            return _nanoseconds(created_at), time.time_ns()
        time.sleep(LOOK_SECONDS)
    raise TimeoutError(f"task {task_id} was not decided within {PATIENCE_SECONDS} s")


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
            f"{size['signals']} signals, the next {apart} ms after the log of the last; milliseconds since just before "
            "the POST."
        ),
        "",
        "| deployment | until | p50 | p95 | p99 | most |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {name} | {moment} | {latencies(figures[key])} |"
            for name, figures in deployments.items()
            for key, moment in MOMENTS.items()
        ),
        "",
        *DEMANDS,
        *(_logged_row(name, figures) for name, figures in deployments.items()),
    ]


def _logged_row(name: str, figures: dict[str, Any]) -> str:
    p95 = figures["logged"]["p95_ms"]
    demand = f"{name}: p95 until the log under {MOST_LOGGED_P95_MS:.0f} ms"
    return demand_row(demand, f"{p95:.1f} ms", met=p95 < MOST_LOGGED_P95_MS)


BENCHMARK = Benchmark(
    name="latency",
    measure=lambda stage, small: measure(stage, SMALL if small else FULL),
    section=section,
)
