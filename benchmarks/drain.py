"""How fast stored entries are decided, beside a loop that decides nothing and beside queues whose jobs do nothing."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.drain_systems import (
    ASYNCPG,
    BARE,
    MODEL,
    OURS,
    PROCRASTINATE,
    PROGRAMS,
    PSYCOPG,
    REFERENCES_PYTHON,
    System,
    bare,
    queue,
    service,
)
from benchmarks.figures import Spread
from benchmarks.report import Benchmark
from benchmarks.stage import Stage, Tables
from benchmarks.stored_tasks import model_database
from benchmarks.tables import DEMANDS, demand_row, spread

AS_IT_IS = "as it is"
SLOW = "2 ms flush"
LEAST_RATIOS = (
    (AS_IT_IS, BARE, 0.5, "half the rate of the bare loop"),
    (SLOW, BARE, 0.5, "half the rate of the bare loop"),
    (AS_IT_IS, PROCRASTINATE, 8.0, "8 times procrastinate's rate"),
    (SLOW, PROCRASTINATE, 8.0, "8 times procrastinate's rate"),
    (AS_IT_IS, PSYCOPG, 1.0, "pgqueuer's rate on psycopg"),
    (AS_IT_IS, ASYNCPG, 1.0, "pgqueuer's rate on asyncpg (a stretch)"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Rounds on the disk as it is and with the slow flush; tasks or jobs of a round, and the tasks that warm up.

    The queues get fewer jobs, so that a round of theirs takes seconds, too, and warm up with a tenth as many.
    """

    rounds: int
    slow_rounds: int
    tasks: int
    procrastinate_jobs: int
    pgqueuer_jobs: int
    warm_up: int


FULL = Size(rounds=3, slow_rounds=1, tasks=20_000, procrastinate_jobs=1000, pgqueuer_jobs=6000, warm_up=400)
SMALL = Size(rounds=1, slow_rounds=1, tasks=300, procrastinate_jobs=40, pgqueuer_jobs=100, warm_up=40)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One system's tasks or jobs a second, and how many times as fast the service was: medians, and by round."""

    tasks: int
    rate: Spread
    service_ratio: float
    service_ratios: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainResult:
    """``disks``: each system's figures by its name. ``left_out``: queues that are not installed."""

    size: Size
    disks: dict[str, dict[str, Figures]]
    left_out: list[str]


def measure(stage: Stage, size: Size) -> DrainResult:
    """Measure all systems by turns, each round in a database of its own. Raises WrongAnswer or BrokenInvariant."""
    left_out = [] if REFERENCES_PYTHON.exists() else list(PROGRAMS)
    if left_out:
        print(f"  not installed and left out (`make references` installs them): {'; '.join(left_out)}", flush=True)
    model_database(stage, MODEL)
    jobs = {PROCRASTINATE: size.procrastinate_jobs, PSYCOPG: size.pgqueuer_jobs, ASYNCPG: size.pgqueuer_jobs}

    def systems(names: Sequence[str]) -> list[System]:
        ours = [service(stage, size.tasks, size.warm_up), bare(stage, size.tasks, size.warm_up)]
        return ours + [queue(stage, name, jobs[name], jobs[name] // 10) for name in names if name not in left_out]

    every, slower = systems(list(PROGRAMS)), systems([PROCRASTINATE])
    _run(stage, every, size.rounds, AS_IT_IS)
    with stage.slow_flush():
        _run(stage, slower, size.slow_rounds, SLOW)
    return DrainResult(size=size, disks={AS_IT_IS: _figures(every), SLOW: _figures(slower)}, left_out=left_out)


def _run(stage: Stage, systems: Sequence[System], rounds: int, disk: str) -> None:
    server = Tables(stage.url)
    for number in range(rounds):
        # Forwards and backwards by turns, so that no system always follows the same one.
        for system in systems if number % 2 == 0 else reversed(systems):
            # So that none pays in the middle for what another has written.
            server.rows("CHECKPOINT")
            system.rates.append(system.tasks / system.drain("drained"))
            told = f"  {disk}, round {number + 1} of {rounds}  {system.rates[-1]:7.0f}/s  {system.name}"
            print(told, flush=True)
    server.close()


def _figures(systems: Sequence[System]) -> dict[str, Figures]:
    ours = systems[0].rates
    return {
        system.name: Figures(
            tasks=system.tasks,
            rate=Spread.of(system.rates),
            service_ratio=statistics.median(ours) / statistics.median(system.rates),
            service_ratios=[our / theirs for our, theirs in zip(ours, system.rates, strict=True)],
        )
        for system in systems
    }


def section(kept: dict[str, Any]) -> list[str]:
    """Return the lines of the report's section from the kept result."""
    size, disks = kept["size"], kept["disks"]
    lines = [
        "## Drain",
        "",
        (
            f"{size['tasks']} stored entries of two accounts, decided by one worker process with its default settings. "
            f"{size['rounds']} rounds by turns, {size['slow_rounds']} with a flush of 2 ms; tasks or jobs a second "
            "from the first claim to the last finish, by the database's clock."
        ),
        "",
        "| disk | system | tasks | a second | the service, times that | by round |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_row(disk, name, figures) for disk, systems in disks.items() for name, figures in systems.items()),
        "",
    ]
    if kept["left_out"]:
        lines += [f"Not installed and left out (`make references` installs them): {'; '.join(kept['left_out'])}.", ""]
    return [*lines, *DEMANDS, *(_demand(disks, *least) for least in LEAST_RATIOS if least[1] in disks[least[0]])]


def _row(disk: str, name: str, figures: dict[str, Any]) -> str:
    ratio = "" if name == OURS else f"{figures['service_ratio']:.2f}"
    by_round = "" if name == OURS else ", ".join(f"{each:.2f}" for each in figures["service_ratios"])
    return f"| {disk} | {name} | {figures['tasks']} | {spread(figures['rate'])} | {ratio} | {by_round} |"


def _demand(disks: dict[str, Any], disk: str, name: str, least: float, demand: str) -> str:
    ratio = disks[disk][name]["service_ratio"]
    return demand_row(f"disk {disk}: at least {demand}, medians", f"{ratio:.2f}", met=ratio >= least)


BENCHMARK = Benchmark(
    name="drain",
    measure=lambda stage, small: measure(stage, SMALL if small else FULL),
    section=section,
)
