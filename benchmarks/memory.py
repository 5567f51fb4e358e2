"""Whether a web process and a worker grow over 200,000 tasks, half of which come in over HTTP."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import socketio

from benchmarks.load import WrongAnswer
from benchmarks.mixed_tasks import wait_until_none_is_left
from benchmarks.report import Benchmark
from benchmarks.resident import sampled
from benchmarks.stage import WEBHOOK, Stage, Tables
from benchmarks.stored_tasks import MODEL_TRADE, STORE, TELL
from benchmarks.tables import DEMANDS, demand_row
from tests.processes import REPOSITORY, Web, entry, web_process, worker_process

TOKEN = "benchmark"
MOST_GROWTH_MB = 5.0
MB = 10**6
PATIENCE_SECONDS = 300.0
# Of each trade an entry, updates, an exit.
OF_TRADE = 5
WEB, WORKER = "web process", "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Tasks of the warm-up and after it, ``part`` at a time, of which ``stored`` are entries stored by SQL.

    The others are signals, sent over that many connections. A page listens to the first ``watched`` of each part, and
    leaves. ``idle``: seconds that count, before and after.
    """

    warm_up: int
    tasks: int
    part: int
    stored: int
    watched: int
    connections: int
    idle: int


FULL = Size(warm_up=12_500, tasks=200_000, part=12_500, stored=6250, watched=500, connections=50, idle=5)
SMALL = Size(warm_up=100, tasks=400, part=100, stored=50, watched=20, connections=5, idle=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Resident MB of a process: idle after the warm-up, at each quarter of the tasks, the most, idle at the end."""

    before: float
    quarters: list[float]
    most: float
    after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryResult:
    """``processes`` by name; ``seconds``: from the first task after the warm-up to the last decision."""

    size: Size
    seconds: float
    events: int
    processes: dict[str, Memory]


def measure(stage: Stage, size: Size) -> MemoryResult:
    """Store, send and decide them. Raises WrongAnswer or BrokenInvariant."""
    tables = stage.database("memory")
    with ExitStack() as processes:
        web = processes.enter_context(
            web_process(tables.url, stage.log("memory_web"), ROUTER_ENABLED="false", API_TOKEN=TOKEN)
        )
        worker = processes.enter_context(worker_process(tables.url, stage.log("memory_worker")))
        feed = Feed(web, tables, size)
        feed.give(size.warm_up, "WARM")
        wait_until_none_is_left(tables, PATIENCE_SECONDS)
        with sampled({WEB: web.process.pid, WORKER: worker.pid}, every=1.0) as samples:
            found, seconds = _grown(tables, feed, samples)
    tables.check(1 + size.warm_up + size.tasks)
    return MemoryResult(size=size, seconds=seconds, events=feed.events, processes=found)


def _grown(tables: Tables, feed: Feed, samples: dict[str, list[int]]) -> tuple[dict[str, Memory], float]:
    """Give all tasks; return what became of each process meanwhile, and how many seconds it took to decide all."""
    size = feed.size
    time.sleep(size.idle)
    before = {name: statistics.median(taken) / MB for name, taken in samples.items()}
    quarters: dict[str, list[float]] = {name: [] for name in samples}
    began = time.perf_counter()
    for quarter in range(4):
        feed.give(size.tasks // 4, f"QUARTER_{quarter}")
        for name, taken in samples.items():
            quarters[name].append(taken[-1] / MB)
        now = ", ".join(f"{name} {taken[-1]:.1f} MB" for name, taken in quarters.items())
        print(f"  {(quarter + 1) * size.tasks // 4} tasks: {now}", flush=True)
    wait_until_none_is_left(tables, PATIENCE_SECONDS)
    seconds = time.perf_counter() - began
    decided = {name: len(taken) for name, taken in samples.items()}
    time.sleep(size.idle)
    return {
        name: Memory(
            before=before[name],
            quarters=quarters[name],
            most=max(taken) / MB,
            after=statistics.median(taken[decided[name] :]) / MB,
        )
        for name, taken in samples.items()
    }, seconds


class Feed:
    """Gives tasks part by part: signals to which a page listens, some that are stored at once, more signals."""

    def __init__(self, web: Web, tables: Tables, size: Size) -> None:
        self.size = size
        self._web = web
        self._tables = tables
        status, answer = web.post(entry(MODEL_TRADE))
        if status != 200:
            raise WrongAnswer(f"the model entry was answered with {status}: {answer}")
        # What pages have heard.
        self.events = 0

    def give(self, tasks: int, prefix: str) -> None:
        """Give that many, whole parts, and wait for the answers of those that are sent. Raises WrongAnswer."""
        for number in range(0, tasks, self.size.part):
            name = f"{prefix}_{number}"
            self._watched(f"{name}_WATCHED")
            self._tables.rows(
                f"BEGIN; {STORE}; {TELL}; COMMIT", prefix=f"{name}_STORED_", tasks=self.size.stored, model=MODEL_TRADE
            )
            self._load(name, self.size.part - self.size.stored - self.size.watched)

    def _watched(self, prefix: str) -> None:
        page = socketio.Client(reconnection=False)

        @page.on("*")  # type: ignore[untyped-decorator]
        def count(*_: Any) -> None:
            self.events += 1

        page.connect(self._web.url, transports=["websocket"], auth={"token": TOKEN}, wait_timeout=10)
        self._load(prefix, self.size.watched)
        page.disconnect()

    def _load(self, prefix: str, requests: int) -> None:
        command = [sys.executable, "-m", "benchmarks.load", "--port", str(self._web.port), "--path", WEBHOOK]
        command += ["--connections", str(self.size.connections), "--requests", str(requests), "--prefix", prefix]
        command += ["--of-trade", str(OF_TRADE)]
        ended = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=REPOSITORY, check=False)
        if ended.returncode:
            raise WrongAnswer(ended.stderr.decode().strip())


def section(kept: dict[str, Any]) -> list[str]:
    """Return the lines of the report's section from the kept result."""
    size, processes = kept["size"], kept["processes"]
    return [
        "## Memory",
        "",
        (
            f"{size['tasks']} tasks decided by a worker within {kept['seconds']:.0f} s, after a warm-up of "
            f"{size['warm_up']}; the web process is told of each. Of each {size['part']} {size['stored']} entries were "
            f"stored at once, the others were signals (of a trade an entry, {OF_TRADE - 2} updates, an exit) through "
            f"the webhook over {size['connections']} connections. A page listened to the first {size['watched']} of "
            f"these and heard {kept['events']} events. Resident MB, sampled once a second; before and after: medians "
            f"of {size['idle']} idle seconds."
        ),
        "",
        "| process | before | at each quarter | most | after | growth |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {name} | {found['before']:.1f} | {' / '.join(f'{mb:.1f}' for mb in found['quarters'])} | "
            f"{found['most']:.1f} | {found['after']:.1f} | {found['after'] - found['before']:+.1f} |"
            for name, found in processes.items()
        ),
        "",
        *DEMANDS,
        *(
            demand_row(
                f"{name} grows by less than {MOST_GROWTH_MB:.0f} MB",
                f"{found['after'] - found['before']:+.1f} MB",
                met=found["after"] - found["before"] < MOST_GROWTH_MB,
            )
            for name, found in processes.items()
        ),
    ]


BENCHMARK = Benchmark(
    name="memory",
    measure=lambda stage, small: measure(stage, SMALL if small else FULL),
    section=section,
)
