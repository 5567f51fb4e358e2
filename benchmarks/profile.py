"""Where a task's time goes: each step of a batch on its own, in microseconds a task."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ParamSpec, TypeVar

from benchmarks.report import Benchmark
from benchmarks.stage import Stage, Tables
from config.settings import Settings
from database.connection import Database
from database.queue import Result, Task, TaskQueue
from database.tracked_accounts import tracked_accounts
from risk_engine import pipeline, state_checks
from risk_engine.fact_record import FactRecorder
from routing import processor as processing
from routing.parts import router_parts
from routing.processor import TaskProcessor
from routing.task_server import finished_event
from tests.processes import ROUTED

P = ParamSpec("P")
R = TypeVar("R")
# Steps of the decision, as the pipeline calls them; what is left of it is listed as its own work.
CHECKS: tuple[tuple[str, object, str], ...] = (
    ("state: breach", state_checks, "evaluate_account_breach"),
    ("state: known and fresh", state_checks, "evaluate_account_state"),
    ("risk", pipeline, "evaluate_risk"),
    ("what is traded", pipeline, "as_traded"),
    ("sizing", pipeline, "calculate_program_sizing"),
    ("enforcement", pipeline, "check_order_enforcement"),
    ("halts, age, what is open", pipeline, "_live_findings"),
    ("standing and rooms", pipeline, "entry_fits"),
    ("decision, all of it", processing, "decide_entry"),
)
BATCHES = (20, 100)
# Only the parts of the decision lie within another step.
WITHIN = frozenset(name for name, _, _ in CHECKS if name != "decision, all of it")
WAITING = """
    INSERT INTO execution_tasks (trade_id, event_type, payload)
    SELECT %(prefix)s || n, 'ENTRY', %(payload)s::jsonb FROM generate_series(1, %(many)s) n
"""
PAYLOAD = (
    '{"direction": "LONG", "entry_price": 16500, "stop_loss": 16475, "symbol": "NQ", "session": "NY AM", "bias": null}'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Batches of each size that are measured, after as many to warm up."""

    batches: int


FULL = Size(batches=40)
SMALL = Size(batches=2)


@dataclass(slots=True)
class Clock:
    """Nanoseconds by step: of the wall, and of this process's own work."""

    wall: dict[str, int] = field(default_factory=dict)
    own: dict[str, int] = field(default_factory=dict)

    def timed(self, step: str, call: Callable[P, R]) -> Callable[P, R]:
        def measured(*arguments: P.args, **named: P.kwargs) -> R:
            wall, own = time.perf_counter_ns(), time.thread_time_ns()
            try:
                return call(*arguments, **named)
            finally:
                self.own[step] = self.own.get(step, 0) + time.thread_time_ns() - own
                self.wall[step] = self.wall.get(step, 0) + time.perf_counter_ns() - wall

        return measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Microseconds a task, medians over the batches: wall time, and own processor time within it."""

    wall: float
    own: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileResult:
    """Steps by name in their order, for each size of a batch."""

    size: Size
    accounts: int
    batches: dict[str, dict[str, Step]]


class Bench:
    """A router's parts in this process, on a database of their own."""

    def __init__(self, stage: Stage) -> None:
        self.tables: Tables = stage.database("profile")
        self.settings = Settings.from_env({**ROUTED, "DATABASE_URL": self.tables.url})
        self.database = Database(self.tables.url, name="benchmark")
        logger = logging.getLogger("benchmark")
        states = tracked_accounts(self.settings, self.database)
        parts = router_parts(self.settings, states, self.database, dry_run=True, worker="profile", logger=logger)
        self.processor: TaskProcessor = parts.processor(self.settings, logger, before_entries=lambda: None)
        self.queue = TaskQueue(self.database, worker="profile", lease=60.0)
        self.recorder = FactRecorder()

    def batch(self, limit: int, clock: Clock) -> None:
        """Serve one batch step by step, as the router does."""
        tasks = clock.timed("claim", self.queue.claim)(limit)
        seen = clock.timed("gather", self.processor.prepare)()
        results = [self._result(task, seen, clock) for task in tasks]
        with self.database.transaction() as transaction:
            clock.timed("record", self.queue.record)(results, transaction)
            began, own = time.perf_counter_ns(), time.thread_time_ns()
        clock.wall["commit"] = time.perf_counter_ns() - began
        clock.own["commit"] = time.thread_time_ns() - own
        for result in results:
            self.recorder.kept(result.named)

    def _result(self, task: Task, seen: Any, clock: Clock) -> Result:
        done = clock.timed("process", self.processor.process)(
            task.event_type, task.trade_id, task.payload, age=Decimal(1), seen=seen
        )
        assert done.facts is not None
        body = clock.timed("serialise", done.body_json)()
        facts = clock.timed("facts", self.recorder.record)(done.facts)
        return Result(task=task, body=body, event=finished_event(task, done), facts=facts.text, named=facts.named)


def measure(stage: Stage, size: Size) -> ProfileResult:
    """Measure batches of each size, after as many to warm up. Raises BrokenInvariant."""
    bench = Bench(stage)
    measured: dict[str, dict[str, Step]] = {}
    accepted = 0
    for limit in BATCHES:
        many = 2 * size.batches * limit
        bench.tables.rows(WAITING, prefix=f"B{limit}_", payload=PAYLOAD, many=many)
        bench.tables.rows("ANALYZE execution_tasks")
        accepted += many
        clocks = [_clock(bench, limit) for _ in range(2 * size.batches)][size.batches :]
        measured[str(limit)] = _steps(clocks, limit)
    bench.tables.check(accepted)
    bench.database.close()
    return ProfileResult(size=size, accounts=len(bench.settings.accounts), batches=measured)


def _clock(bench: Bench, limit: int) -> Clock:
    clock = Clock()
    with _watched(clock):
        bench.batch(limit, clock)
    return clock


@contextmanager
def _watched(clock: Clock) -> Iterator[None]:
    """Time the checks where the pipeline calls them."""
    before = [(module, name, getattr(module, name)) for _, module, name in CHECKS]
    for (step, _, _), (module, name, real) in zip(CHECKS, before, strict=True):
        setattr(module, name, clock.timed(step, real))
    try:
        yield
    finally:
        for module, name, real in before:
            setattr(module, name, real)


def _steps(clocks: list[Clock], tasks: int) -> dict[str, Step]:
    def step(name: str) -> Step:
        return Step(
            wall=statistics.median(clock.wall.get(name, 0) for clock in clocks) / tasks / 1000,
            own=statistics.median(clock.own.get(name, 0) for clock in clocks) / tasks / 1000,
        )

    names = ("claim", "gather", *(name for name, _, _ in CHECKS), "process", "serialise", "facts", "record", "commit")
    return {name: step(name) for name in names}


def section(kept: dict[str, Any]) -> list[str]:
    """Return the lines of the report's section from the kept result."""
    lines = [
        "## Profile",
        "",
        (
            f"An entry's steps in microseconds a task, {kept['accounts']} accounts each, medians of "
            f"{kept['size']['batches']} batches: wall time, and in brackets own processor time. Checks are listed with "
            "the cost of timing them, about a microsecond a call. `process` holds the decision, that its checks."
        ),
        "",
        f"| step | {' | '.join(f'batch of {limit}' for limit in kept['batches'])} |",
        "| --- | " + " | ".join("---" for _ in kept["batches"]) + " |",
    ]
    first = next(iter(kept["batches"].values()))
    for name in first:
        cells = [f"{steps[name]['wall']:.1f} ({steps[name]['own']:.1f})" for steps in kept["batches"].values()]
        shown = f"· · {name}" if name in WITHIN else f"· {name}" if name.startswith("decision") else name
        lines.append(f"| {shown} | {' | '.join(cells)} |")
    totals = [
        sum(step["wall"] for name, step in steps.items() if name not in WITHIN and not name.startswith("decision"))
        for steps in kept["batches"].values()
    ]
    return [*lines, f"| **all, one after another** | {' | '.join(f'{total:.0f}' for total in totals)} |"]


BENCHMARK = Benchmark(
    name="profile",
    measure=lambda stage, small: measure(stage, SMALL if small else FULL),
    section=section,
)
