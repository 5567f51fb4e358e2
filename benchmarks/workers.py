"""What more worker processes bring, and whether they ever get into each other's way."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.claim_record import WATCH, ClaimRecord, check_logs
from benchmarks.figures import Spread
from benchmarks.mixed_tasks import EXITS, OF_TRADE, UPDATES, MixedTasks, wait_until_none_is_left
from benchmarks.report import Benchmark
from benchmarks.stage import Stage, Tables
from benchmarks.tables import DEMANDS, demand_row, spread
from tests.processes import wait_until, worker_process

MIXED, ENTRIES = "mixed", "entries only"
LEAST_RATIO_OF_TWO = 1.3
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Numbers of processes, one first; rounds, trades and entries of a round, tasks of its warm-up.

    Trades of the proof: its tasks are stored ``chunk`` at a time while at most ``waiting`` wait, enough for every
    worker, few enough that exits meet their entries.
    """

    processes: tuple[int, ...]
    trades: int
    chunk: int
    waiting: int
    rounds: int
    round_trades: int
    round_entries: int
    warm_up: int


FULL = Size(
    processes=(1, 2, 4),
    trades=2000,
    chunk=1000,
    waiting=4000,
    rounds=2,
    round_trades=200,
    round_entries=3000,
    warm_up=800,
)
SMALL = Size(processes=(1, 2), trades=4, chunk=20, waiting=60, rounds=1, round_trades=2, round_entries=20, warm_up=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Tasks a second by number of processes; the others as parts of what one does: of the medians, and by round."""

    tasks: int
    rates: dict[str, Spread]
    of_medians: dict[str, float]
    by_round: dict[str, list[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkersResult:
    """``kinds``: of mixed tasks and of entries only. ``proof`` is of the long run."""

    size: Size
    kinds: dict[str, Rates]
    proof: ClaimRecord


def measure(stage: Stage, size: Size) -> WorkersResult:
    """Run the rounds, then the proof. Raises BrokenInvariant where a task was claimed twice, overtaken or left."""
    mixed, entries = _rounds(stage, size)
    return WorkersResult(
        size=size,
        kinds={
            MIXED: _figures(size.round_trades * OF_TRADE, mixed),
            ENTRIES: _figures(size.round_entries, entries),
        },
        proof=_proof(stage, size),
    )


def _figures(tasks: int, rates: dict[int, list[float]]) -> Rates:
    alone = rates[1]
    several = {str(count): found for count, found in rates.items() if count > 1}
    return Rates(
        tasks=tasks,
        rates={str(count): Spread.of(found) for count, found in rates.items()},
        of_medians={count: statistics.median(found) / statistics.median(alone) for count, found in several.items()},
        by_round={
            count: [rate / one for rate, one in zip(found, alone, strict=True)] for count, found in several.items()
        },
    )


def _rounds(stage: Stage, size: Size) -> tuple[dict[int, list[float]], dict[int, list[float]]]:
    tables = stage.database("workers_rates")
    tasks = MixedTasks(tables, size.round_trades)
    mixed: dict[int, list[float]] = {count: [] for count in size.processes}
    entries: dict[int, list[float]] = {count: [] for count in size.processes}
    stored = 0
    for number in range(size.rounds):
        # Forwards and backwards by turns, so that no number always follows the same one.
        for count in size.processes if number % 2 == 0 else reversed(size.processes):
            name = f"round_{number}_of_{count}"
            with _workers(stage, tables, count, name):
                stored += tasks.store(f"WARM_{name}", last=size.warm_up)
                wait_until_none_is_left(tables, PATIENCE_SECONDS)
                stored += tasks.store(f"MIXED_{name}")
                wait_until_none_is_left(tables, PATIENCE_SECONDS)
                stored += tasks.store_entries(f"ENTRY_{name}", size.round_entries)
                wait_until_none_is_left(tables, PATIENCE_SECONDS)
            mixed[count].append(_rate(tables, f"MIXED_{name}"))
            entries[count].append(_rate(tables, f"ENTRY_{name}"))
            print(
                f"  round {number + 1} of {size.rounds}  {mixed[count][-1]:7.0f} mixed tasks/s "
                f"{entries[count][-1]:7.0f} entries/s  {count} processes",
                flush=True,
            )
    tables.check(stored)
    return mixed, entries


def _rate(tables: Tables, prefix: str) -> float:
    """Return a round's tasks a second, from the first claim to the last log."""
    rate = tables.value(
        "SELECT count(*) / extract(epoch FROM max(finished_at) - min(last_attempt_at))"
        " FROM execution_tasks WHERE starts_with(trade_id, %(prefix)s)",
        prefix=f"{prefix}_",
    )
    return float(rate)


def _proof(stage: Stage, size: Size) -> ClaimRecord:
    tables = stage.database("workers_proof")
    tables.rows(WATCH)
    tasks = MixedTasks(tables, size.trades)
    with _workers(stage, tables, max(size.processes), "proof") as logs:
        for first in range(1, tasks.count + 1, size.chunk):
            wait_until(
                lambda: tables.unfinished() <= size.waiting, what="the workers to keep up", seconds=PATIENCE_SECONDS
            )
            tasks.store("PROOF", first, first + size.chunk - 1)
        wait_until_none_is_left(tables, PATIENCE_SECONDS)
    tables.check(tasks.count)
    check_logs(logs)
    return ClaimRecord.of(tables, tasks.count)


@contextmanager
def _workers(stage: Stage, tables: Tables, count: int, name: str) -> Iterator[list[Path]]:
    """Run that many worker processes and give the paths of their logs."""
    logs = [stage.log(f"{name}_{number}") for number in range(count)]
    with ExitStack() as processes:
        for log in logs:
            processes.enter_context(worker_process(tables.url, log, LOG_FORMAT="json"))
        yield logs


def section(kept: dict[str, Any]) -> list[str]:
    """Return the lines of the report's section from the kept result."""
    size, kinds, proof = kept["size"], kept["kinds"], kept["proof"]
    exits, updates = proof["exits"], proof["updates"]
    return [
        "## Workers",
        "",
        (
            f"{size['rounds']} interleaved rounds for each number of processes: {kinds[MIXED]['tasks']} mixed tasks "
            f"(of a trade 1 entry, {EXITS} exits, {UPDATES} updates), then {kinds[ENTRIES]['tasks']} entries, each "
            "stored at once; two accounts."
        ),
        "",
        "| tasks | processes | tasks/s | of one process | by round |",
        "| --- | --- | --- | --- | --- |",
        *(row for name, kind in kinds.items() for row in _rows(name, kind)),
        "",
        (
            f"The proof: {proof['tasks']} tasks of {size['trades']} trades, stored while {len(proof['shares'])} "
            f"processes drained them; the database kept every claim. {proof['claims']} claims of {proof['claimed']} "
            f"tasks, {' / '.join(map(str, proof['shares']))} by process; of {exits['count']} exits {exits['waited']} "
            f"were stored before their entry was finished, of {updates['count']} updates {updates['waited']}."
        ),
        "",
        *DEMANDS,
        *(row for name, kind in kinds.items() for row in _demands(name, kind)),
        demand_row(
            "no task claimed twice",
            f"{proof['claims'] - proof['claimed']} of {proof['tasks']}",
            met=proof["claims"] == proof["claimed"] == proof["tasks"],
        ),
        demand_row(
            "no exit claimed or logged before its entry was",
            f"{exits['overtook']} of {exits['count']}",
            met=exits["overtook"] == 0,
        ),
    ]


def _rows(name: str, kind: dict[str, Any]) -> list[str]:
    rows = []
    for count, found in kind["rates"].items():
        ratio = f"{kind['of_medians'][count]:.2f}" if count in kind["of_medians"] else ""
        by_round = ", ".join(f"{part:.2f}" for part in kind["by_round"].get(count, []))
        rows.append(f"| {name} | {count} | {spread(found)} | {ratio} | {by_round} |")
    return rows


def _demands(name: str, kind: dict[str, Any]) -> list[str]:
    two = kind["of_medians"]["2"]
    rows = [
        demand_row(
            f"{name}: two processes at least {LEAST_RATIO_OF_TWO} times one, medians",
            f"{two:.2f}",
            met=two >= LEAST_RATIO_OF_TWO,
        )
    ]
    if "4" in kind["by_round"]:
        least = min(kind["by_round"]["4"])
        rows.append(demand_row(f"{name}: four processes in no round slower than one", f"{least:.2f}", met=least >= 1))
    return rows


BENCHMARK = Benchmark(
    name="workers",
    measure=lambda stage, small: measure(stage, SMALL if small else FULL),
    section=section,
)
