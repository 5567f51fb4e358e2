"""What a long record costs the queue: drains and claims beside a year's tasks against those of an empty database."""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg2

from benchmarks.figures import Latency, Spread
from benchmarks.filled import History, filled
from benchmarks.report import Benchmark
from benchmarks.stage import BrokenInvariant, Stage, Tables
from benchmarks.stored_tasks import MODEL_TRADE, STORE, TELL, copy_of, drain_seconds, model_database, wait_until_drained
from benchmarks.tables import DEMANDS, demand_row, percent, spread
from database.connection import Database
from database.queue import TaskQueue
from tests.processes import worker_process

MODEL = "model"
EMPTY, HALF, FULL_ONE = "empty", "500,000 finished", "2 million finished"
OLD_SNAPSHOT = "2 million finished, a transaction left open"
CLAIM = 20
LEAST_DRAIN = 0.9
MOST_CLAIM_P99 = 1.1
LEAST_WITH_OLD_SNAPSHOT = 0.6
MOST_CLAIM_P50 = 1.2
# Of the tasks that were stored last, none of which has a number below the first.
ONCE = """
    SELECT count(*), count(*) FILTER (WHERE t.status = 'SUCCESS' AND l.logs = 1)
    FROM execution_tasks t
    CROSS JOIN LATERAL (
        SELECT count(*) AS logs FROM execution_logs l WHERE l.task_id = t.id AND l.status = 'SUCCESS') l
    WHERE t.id > %(after)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Finished tasks of the long record and of the one a quarter as long; what is drained and claimed beside them.

    ``claims``: in a round, of each database but the shorter one, of which only the median is asked: it gets a fifth.
    """

    tasks: int
    fewer: int
    rounds: int
    drained: int
    warm_up: int
    claims: int


FULL = Size(tasks=2_000_000, fewer=500_000, rounds=2, drained=6000, warm_up=200, claims=750)
SMALL = Size(tasks=3000, fewer=1500, rounds=1, drained=200, warm_up=20, claims=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainFigures:
    """Tasks a second, and as a part of the empty database's: of the medians, and by round."""

    rate: Spread
    ratio: float
    ratios: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimFigures:
    """The claims of all rounds together, and how many times the empty database's p50 and p99 theirs are."""

    claims: Latency
    p50_ratio: float
    p99_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthResult:
    """The outcome by database; ``filling``: seconds that making the long record took."""

    size: Size
    filling: float
    drains: dict[str, DrainFigures]
    claims: dict[str, ClaimFigures]


@dataclass(slots=True, kw_only=True)
class Measured:
    """Rates and claims (milliseconds) so far, by database."""

    rates: dict[str, list[float]] = field(
        default_factory=lambda: {name: [] for name in (EMPTY, FULL_ONE, OLD_SNAPSHOT)}
    )
    claims: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in (EMPTY, HALF, FULL_ONE)})


def measure(stage: Stage, size: Size) -> GrowthResult:
    """Fill two databases and measure them and an empty one by turns. Raises WrongAnswer or BrokenInvariant."""
    model_database(stage, MODEL)
    long, filling = filled(stage, History(tasks=size.tasks))
    shorter, _ = filled(stage, History(tasks=size.fewer, queue_alone=True))
    print(f"  {size.tasks} tasks are there after {filling:.0f} s", flush=True)
    measured = Measured()
    for number in range(size.rounds):
        _drain_round(stage, long, size, number, measured.rates)
        with copy_of(stage, MODEL, "claimed") as empty:
            _claim_round({EMPTY: empty, HALF: shorter, FULL_ONE: long}, size, measured.claims)
    return GrowthResult(
        size=size,
        filling=filling,
        drains={name: _drain_figures(rates, measured.rates[EMPTY]) for name, rates in measured.rates.items()},
        claims={name: _claim_figures(taken, measured.claims[EMPTY]) for name, taken in measured.claims.items()},
    )


def _drain_round(stage: Stage, long: Tables, size: Size, number: int, rates: dict[str, list[float]]) -> None:
    # Forwards and backwards by turns, so that none always follows the same one.
    for name in list(rates) if number % 2 == 0 else reversed(list(rates)):
        # So that none pays in the middle for what another has written.
        long.rows("CHECKPOINT")
        if name == EMPTY:
            with copy_of(stage, MODEL, "drained") as tables:
                rates[name].append(size.drained / _drain(stage, tables, size, f"{number}"))
        elif name == FULL_ONE:
            rates[name].append(size.drained / _drain(stage, long, size, f"{number}A"))
        else:
            with _old_snapshot(long.url):
                rates[name].append(size.drained / _drain(stage, long, size, f"{number}B"))
            long.rows("VACUUM execution_tasks")
        print(f"  round {number + 1} of {size.rounds}  {rates[name][-1]:7.0f}/s  {name}", flush=True)


def _drain(stage: Stage, tables: Tables, size: Size, prefix: str) -> float:
    _store(tables, size.warm_up, f"W{prefix}_")
    with worker_process(tables.url, stage.log(f"worker_{prefix}")):
        wait_until_drained(tables)
        after = tables.value("SELECT max(id) FROM execution_tasks")
        _store(tables, size.drained, f"T{prefix}_")
        wait_until_drained(tables)
    (there, once), *_ = tables.rows(ONCE, after=after)
    if (there, once) != (size.drained, size.drained):
        raise BrokenInvariant(f"of {size.drained} stored tasks {there} are there and {once} were decided exactly once")
    return drain_seconds(tables, f"T{prefix}_")


def _store(tables: Tables, tasks: int, prefix: str) -> None:
    tables.rows(f"BEGIN; {STORE}; {TELL}; COMMIT", prefix=prefix, tasks=tasks, model=MODEL_TRADE)


@contextmanager
def _old_snapshot(url: str) -> Iterator[None]:
    """Leave a transaction open that has looked: nothing that dies from now on can be cleared away."""
    connection = psycopg2.connect(url)
    connection.set_session(isolation_level="REPEATABLE READ")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM execution_tasks WHERE id < 10")
    try:
        yield
    finally:
        connection.close()


def _claim_round(databases: dict[str, Tables], size: Size, taken: dict[str, list[float]]) -> None:
    """Claim with the service's own statement, one claim each; what was claimed is then taken away.

    In an order by chance, so that nothing which comes at every so many claims always meets the same database.
    """
    claims = {name: max(1, size.claims // 5) if name == HALF else size.claims for name in databases}
    firsts = {name: tables.value("SELECT max(id) FROM execution_tasks") for name, tables in databases.items()}
    with ExitStack() as opened:
        workers = {}
        for name, tables in databases.items():
            _store(tables, (claims[name] + 2) * CLAIM, "C_")
            tables.rows("CHECKPOINT")
            database = Database(tables.url, size=1)
            opened.callback(database.close)
            workers[name] = TaskQueue(database, worker="benchmark", lease=60.0)
            # A new connection's first ones do not count.
            workers[name].claim(CLAIM)
            workers[name].claim(CLAIM)
        with _no_collection():
            for number in range(size.claims):
                turn = [name for name in databases if number % (size.claims // claims[name]) == 0]
                for name in random.sample(turn, len(turn)):
                    taken[name].append(_claim_ms(workers[name]))
    for name, tables in databases.items():
        tables.rows("DELETE FROM automated_signals WHERE task_id > %(after)s", after=firsts[name])
        tables.rows("DELETE FROM execution_tasks WHERE id > %(after)s", after=firsts[name])
        tables.rows("VACUUM execution_tasks")


def _claim_ms(worker: TaskQueue) -> float:
    began = time.perf_counter_ns()
    claimed = len(worker.claim(CLAIM))
    taken = (time.perf_counter_ns() - began) / 1e6
    if claimed != CLAIM:
        raise BrokenInvariant(f"a claim of {CLAIM} tasks got {claimed}")
    return taken


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python from clearing its memory up within the block: that is this process's own, and no database's."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _drain_figures(rates: Sequence[float], empty: Sequence[float]) -> DrainFigures:
    return DrainFigures(
        rate=Spread.of(rates),
        ratio=statistics.median(rates) / statistics.median(empty),
        ratios=[rate / reference for rate, reference in zip(rates, empty, strict=True)],
    )


def _claim_figures(taken: Sequence[float], empty: Sequence[float]) -> ClaimFigures:
    claims, reference = Latency.of(taken), Latency.of(empty)
    return ClaimFigures(
        claims=claims, p50_ratio=claims.p50_ms / reference.p50_ms, p99_ratio=claims.p99_ms / reference.p99_ms
    )


def section(kept: dict[str, Any]) -> list[str]:
    """Return the lines of the report's section from the kept result."""
    size, drains, claims = kept["size"], kept["drains"], kept["claims"]
    full, old = drains[FULL_ONE]["ratio"], drains[OLD_SNAPSHOT]["ratio"]
    p99, p50 = claims[FULL_ONE]["p99_ratio"], claims[HALF]["p50_ratio"]
    return [
        "## Growth",
        "",
        (
            f"An empty database, one with {size['fewer']} and one with {size['tasks']} finished tasks and all that is "
            f"kept of them (made in {kept['filling']:.0f} s), by turns: {size['rounds']} rounds of {size['drained']} "
            f"entries drained by one worker process and of {size['claims']} claims of {CLAIM} tasks each, of the one "
            f"with {size['fewer']} a fifth as many."
        ),
        "",
        "| drain | a second | of the empty one's | by round |",
        "| --- | --- | --- | --- |",
        *(_drain_row(name, figures) for name, figures in drains.items()),
        "",
        "| claim | p50 ms | p99 ms | most ms | p50, times the empty one's | p99, times the empty one's |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_claim_row(name, figures) for name, figures in claims.items()),
        "",
        *DEMANDS,
        demand_row("drain with 2 million: at least 90 % of the empty one's", percent(full), met=full >= LEAST_DRAIN),
        demand_row("claim p99 with 2 million: at most 1.1 times", f"{p99:.2f}", met=p99 <= MOST_CLAIM_P99),
        demand_row(
            "drain with a transaction left open: at least 60 %", percent(old), met=old >= LEAST_WITH_OLD_SNAPSHOT
        ),
        demand_row("claim p50 with 500,000: at most 1.2 times", f"{p50:.2f}", met=p50 <= MOST_CLAIM_P50),
    ]


def _drain_row(name: str, figures: dict[str, Any]) -> str:
    by_round = ", ".join(percent(ratio) for ratio in figures["ratios"])
    return f"| {name} | {spread(figures['rate'])} | {percent(figures['ratio'])} | {by_round} |"


def _claim_row(name: str, figures: dict[str, Any]) -> str:
    claims = figures["claims"]
    times = " | ".join(f"{claims[part]:.2f}" for part in ("p50_ms", "p99_ms", "most_ms"))
    return f"| {name} | {times} | {figures['p50_ratio']:.2f} | {figures['p99_ratio']:.2f} |"


BENCHMARK = Benchmark(
    name="growth",
    measure=lambda stage, small: measure(stage, SMALL if small else FULL),
    section=section,
)
