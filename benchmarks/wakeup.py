"""What it costs concurrent writers that other processes hear of each row: the announcer, and NOTIFY in each commit."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.figures import Spread
from benchmarks.report import Benchmark
from benchmarks.stage import BrokenInvariant, Stage, Tables
from benchmarks.tables import DEMANDS, demand_row, percent, spread
from benchmarks.writer import ANNOUNCED, IN_COMMIT, SILENT
from database.events import EventListener
from tests.processes import REPOSITORY, wait_until

WAYS = (SILENT, ANNOUNCED, IN_COMMIT)
FAST, SLOW = "this disk", "2 ms flush"
MOST_COST = {FAST: 0.25, SLOW: 0.10}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Writers, each a process with a connection of its own; rounds of each way on each disk, and their seconds."""

    writers: int
    rounds: int
    seconds: float


FULL = Size(writers=8, rounds=4, seconds=1.0)
SMALL = Size(writers=2, rounds=1, seconds=0.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One way on one disk: commits a second of all writers together, and that as a part of the silent ones' rate."""

    commits: Spread
    ratio_of_medians: float
    ratios: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeUpResult:
    """The outcome by disk and way. ``heard``: events that a listener in another process was told, all of them."""

    size: Size
    disks: dict[str, dict[str, Figures]]
    heard: int


class Ear:
    """A listener as the service has it; it counts what it hears of."""

    def __init__(self, url: str) -> None:
        self.heard: set[int] = set()
        self._connected = threading.Event()
        self._listener = EventListener(
            url, on_event=self._hear, on_connect=self._connected.set, logger=logging.getLogger("ear")
        )

    def _hear(self, text: str) -> None:
        self.heard.add(json.loads(text)["task_id"])

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen for as long as the ``with`` lasts."""
        self._listener.start()
        wait_until(self._connected.is_set, what="the listener to listen")
        try:
            yield
        finally:
            self._listener.stop()


class Writers:
    """The writer processes; they begin and end a round together."""

    def __init__(self, url: str, number: int) -> None:
        command = [sys.executable, "-m", "benchmarks.writer", "--url", url]
        self._processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
            for _ in range(number)
        ]
        for process in self._processes:
            _line(process)

    def run(self, way: str, name: str, seconds: float) -> int:
        """Run one round and return how many rows were committed."""
        begin = time.time() + 0.1
        for number, process in enumerate(self._processes):
            assert process.stdin is not None
            process.stdin.write(f"{way}|{name}_{number}|{begin}|{begin + seconds}\n")
            process.stdin.flush()
        return sum(int(_line(process)) for process in self._processes)

    def end(self) -> None:
        """Let them tell what is left and end."""
        for process in self._processes:
            process.communicate(timeout=20)


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise BrokenInvariant(f"a writer ended with status {process.wait()}")
    return line.strip()


def measure(stage: Stage, size: Size) -> WakeUpResult:
    """Run all rounds. Raises BrokenInvariant when a row is missing, or an event was not heard."""
    tables = stage.database("wakeup")
    ear = Ear(tables.url)
    written: Counter[str] = Counter()
    with ExitStack() as cleaning:
        cleaning.enter_context(ear.listening())
        writers = Writers(tables.url, size.writers)
        cleaning.callback(writers.end)
        disks = {FAST: _rounds(writers, size, "fast", written)}
        with stage.slow_flush():
            disks[SLOW] = _rounds(writers, size, "slow", written)
        _check(tables, ear, written)
    return WakeUpResult(size=size, disks=disks, heard=len(ear.heard))


def _rounds(writers: Writers, size: Size, name: str, written: Counter[str]) -> dict[str, Figures]:
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    for way in WAYS:
        written[way] += writers.run(way, f"{name}_warm", size.seconds / 4)
    for number in range(size.rounds):
        # Forwards and backwards by turns, so that no way always follows the same one.
        for way in WAYS if number % 2 == 0 else reversed(WAYS):
            rows = writers.run(way, f"{name}_{number}", size.seconds)
            written[way] += rows
            rates[way].append(rows / size.seconds)
            print(f"  {name} round {number + 1} of {size.rounds}  {rates[way][-1]:7.0f} commits/s  {way}", flush=True)
    return {way: _figures(rates[way], rates[SILENT]) for way in WAYS}


def _figures(rates: Sequence[float], silent: Sequence[float]) -> Figures:
    spread_of, silent_of = Spread.of(rates), Spread.of(silent)
    return Figures(
        commits=spread_of,
        ratio_of_medians=spread_of.median / silent_of.median,
        ratios=[rate / beside for rate, beside in zip(rates, silent, strict=True)],
    )


def _check(tables: Tables, ear: Ear, written: Counter[str]) -> None:
    rows = tables.value("SELECT count(*) FROM execution_tasks")
    if rows != written.total():
        raise BrokenInvariant(f"{written.total()} rows were committed, but there are {rows}")
    told = written[ANNOUNCED] + written[IN_COMMIT]
    try:
        wait_until(lambda: len(ear.heard) >= told, what="the last events", seconds=5)
    except AssertionError as error:
        raise BrokenInvariant(f"of {told} events {len(ear.heard)} were heard") from error


def section(kept: dict[str, Any]) -> list[str]:
    """Return the lines of the report's section from the kept result."""
    size, disks = kept["size"], kept["disks"]
    return [
        "## Wake-up",
        "",
        (
            f"{size['writers']} processes commit task rows one by one, each on its connection; {size['rounds']} rounds "
            f"of {size['seconds']:.0f} s of each way, in turn. {kept['heard']} events were told, and each was heard."
        ),
        "",
        "| disk | told | commits/s | of silent | of silent, by round |",
        "| --- | --- | --- | --- | --- |",
        *(_row(disk, way, figures) for disk, ways in disks.items() for way, figures in ways.items()),
        "",
        *DEMANDS,
        *(_cost_row(disk, ways[ANNOUNCED]) for disk, ways in disks.items()),
    ]


def _row(disk: str, way: str, figures: dict[str, Any]) -> str:
    of_silent = percent(figures["ratio_of_medians"])
    by_round = ", ".join(percent(ratio) for ratio in figures["ratios"])
    if way == SILENT:
        of_silent = by_round = ""
    return f"| {disk} | {way} | {spread(figures['commits'])} | {of_silent} | {by_round} |"


def _cost_row(disk: str, figures: dict[str, Any]) -> str:
    cost, most = 1 - figures["ratio_of_medians"], MOST_COST[disk]
    demand = f"{disk}: announcing costs at most {percent(most)} of the silent commit rate, medians"
    return demand_row(demand, percent(cost), met=cost <= most)


BENCHMARK = Benchmark(
    name="wakeup",
    measure=lambda stage, small: measure(stage, SMALL if small else FULL),
    section=section,
)
