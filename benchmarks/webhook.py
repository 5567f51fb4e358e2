"""Webhook throughput and latency against the bare endpoint, round by round in one run."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from benchmarks import bare_app
from benchmarks.figures import Latency, Spread
from benchmarks.load import Round, WrongAnswer
from benchmarks.report import Benchmark
from benchmarks.stage import WEBHOOK, Stage, Tables, bare_process
from benchmarks.tables import DEMANDS, demand_row, latencies, percent, spread
from tests.processes import REPOSITORY, web_process, worker_process

BARE = "bare endpoint"
DEFAULT = "service, router in the web process (default)"
WEB_ALONE = "service, web alone (ROUTER_ENABLED=false)"
LEAST_RATIO = 0.85
MOST_P99_RATIO = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured: rounds of each endpoint, requests of a round and of its warm-up, connections."""

    rounds: int
    requests: int
    warm_up: int
    connections: int


FULL = Size(rounds=4, requests=3000, warm_up=1000, connections=50)
SMALL = Size(rounds=2, requests=60, warm_up=20, connections=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One endpoint over all rounds: requests a second, latency, and its throughput as a part of the bare endpoint's."""

    throughput: Spread
    latency: Latency
    ratio_of_medians: float
    ratios: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """What the router had left at a round's last answer, how many seconds that took, and what it did a second."""

    backlog: Spread
    seconds: Spread
    signals_per_second: Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookResult:
    """The benchmark's outcome; ``endpoints`` by name, the bare one first."""

    size: Size
    endpoints: dict[str, Figures]
    drain: Drain


@dataclass(slots=True, kw_only=True)
class Endpoint:
    """One endpoint under test and what was measured of it so far."""

    name: str
    port: int
    path: str
    rounds: list[Round] = field(default_factory=list)
    after_round: Callable[[Round], None] = lambda _: None

    def load(self, prefix: str, requests: int, connections: int) -> Round:
        """Drive one round from a process of its own. Raises WrongAnswer."""
        command = [sys.executable, "-m", "benchmarks.load", "--port", str(self.port), "--path", self.path]
        command += ["--connections", str(connections), "--requests", str(requests), "--prefix", prefix]
        ended = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)
        if ended.returncode:
            raise WrongAnswer(f"{self.name}: {ended.stderr.strip()}")
        return Round(**json.loads(ended.stdout))


class DrainRecord:
    """Watches the queue of the default deployment after each of its rounds."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._backlogs: list[float] = []
        self._seconds: list[float] = []
        self._rates: list[float] = []

    def take(self, measured: Round) -> None:
        """Record what is left, and wait until nothing is."""
        self._backlogs.append(self._tables.unfinished())
        self._seconds.append(self._tables.wait_until_drained())
        self._rates.append(len(measured.latencies_ns) / (measured.seconds + self._seconds[-1]))

    def figures(self) -> Drain:
        return Drain(
            backlog=Spread.of(self._backlogs),
            seconds=Spread.of(self._seconds),
            signals_per_second=Spread.of(self._rates),
        )


def measure(stage: Stage, size: Size) -> WebhookResult:
    """Run all rounds, then check that every accepted signal was decided exactly once.

    Raises WrongAnswer or BrokenInvariant.
    """
    bare, default, alone = (stage.database(name) for name in ("bare", "in_one", "web_alone"))
    bare.rows(bare_app.TABLE)
    drain = DrainRecord(default)
    accepted = size.warm_up + size.rounds * size.requests
    with ExitStack() as processes:
        bare_port = processes.enter_context(bare_process(bare.url, stage.log("bare")))
        in_one = processes.enter_context(web_process(default.url, stage.log("in_one")))
        web = processes.enter_context(web_process(alone.url, stage.log("web_alone"), ROUTER_ENABLED="false"))
        endpoints = [
            Endpoint(name=BARE, port=bare_port, path=bare_app.PATH),
            Endpoint(name=DEFAULT, port=in_one.port, path=WEBHOOK, after_round=drain.take),
            Endpoint(name=WEB_ALONE, port=web.port, path=WEBHOOK),
        ]
        _run(endpoints, size, settled=default.wait_until_drained)
    stored = bare.value("SELECT count(*) FROM bare_bodies")
    if stored != accepted:
        raise WrongAnswer(f"the bare endpoint accepted {accepted} bodies and stored {stored}")
    default.check(accepted)
    with worker_process(alone.url, stage.log("worker")):
        alone.wait_until_drained()
    alone.check(accepted)
    return WebhookResult(
        size=size,
        endpoints={endpoint.name: _figures(endpoint, endpoints[0]) for endpoint in endpoints},
        drain=drain.figures(),
    )


def _run(endpoints: Sequence[Endpoint], size: Size, *, settled: Callable[[], object]) -> None:
    for endpoint in endpoints:
        endpoint.load("WARM", size.warm_up, size.connections)
    settled()
    for number in range(size.rounds):
        # Forwards and backwards by turns, so that no endpoint always follows the same one.
        for endpoint in endpoints if number % 2 == 0 else reversed(endpoints):
            measured = endpoint.load(f"R{number}", size.requests, size.connections)
            endpoint.rounds.append(measured)
            endpoint.after_round(measured)
            print(
                f"  round {number + 1} of {size.rounds}  {_rate(measured):7.0f} requests/s  {endpoint.name}", flush=True
            )


def _figures(endpoint: Endpoint, bare: Endpoint) -> Figures:
    rates, bare_rates = ([_rate(measured) for measured in of.rounds] for of in (endpoint, bare))
    return Figures(
        throughput=Spread.of(rates),
        latency=Latency.of([ns / 1e6 for measured in endpoint.rounds for ns in measured.latencies_ns]),
        ratio_of_medians=statistics.median(rates) / statistics.median(bare_rates),
        ratios=[rate / bare_rate for rate, bare_rate in zip(rates, bare_rates, strict=True)],
    )


def _rate(measured: Round) -> float:
    return len(measured.latencies_ns) / measured.seconds


def section(kept: dict[str, Any]) -> list[str]:
    """Return the lines of the report's section from the kept result."""
    size, endpoints, drain = kept["size"], kept["endpoints"], kept["drain"]
    judged = (WEB_ALONE, DEFAULT)
    return [
        "## Webhook",
        "",
        (
            f"{size['rounds']} interleaved rounds of {size['requests']} requests for each endpoint, over "
            f"{size['connections']} keep-alive connections. The same gunicorn configuration for all; its worker "
            "answers signals at its desk, the bare endpoint, as each path that it does not know, by a thread a request."
        ),
        "",
        "| endpoint | requests/s | of bare | of bare, by round | p50 | p95 | p99 | most |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_endpoint_row(name, figures) for name, figures in endpoints.items()),
        "",
        (
            "The default deployment decides while it receives, in the same process. At a round's last answer "
            f"{spread(drain['backlog'])} tasks were left, decided within {spread(drain['seconds'], 2)} s; from the "
            f"first request to the last decision that is {spread(drain['signals_per_second'])} signals/s."
        ),
        "",
        *DEMANDS,
        *(_ratio_row(name, endpoints[name]) for name in judged),
        *(_p99_row(name, endpoints[name], endpoints[BARE]) for name in judged),
    ]


def _endpoint_row(name: str, figures: dict[str, Any]) -> str:
    throughput, taken = spread(figures["throughput"]), latencies(figures["latency"])
    of_bare = percent(figures["ratio_of_medians"])
    by_round = ", ".join(percent(ratio) for ratio in figures["ratios"])
    if name == BARE:
        of_bare = by_round = ""
    return f"| {name} | {throughput} | {of_bare} | {by_round} | {taken} |"


def _ratio_row(name: str, figures: dict[str, Any]) -> str:
    ratio = figures["ratio_of_medians"]
    demand = f"{name}: at least {percent(LEAST_RATIO)} of the bare endpoint's throughput, medians"
    return demand_row(demand, percent(ratio), met=ratio >= LEAST_RATIO)


def _p99_row(name: str, figures: dict[str, Any], bare: dict[str, Any]) -> str:
    p99, yardstick = figures["latency"]["p99_ms"], bare["latency"]["p99_ms"]
    demand = f"{name}: p99 at most {MOST_P99_RATIO} times the bare endpoint's"
    measured = f"{p99 / yardstick:.2f} ({p99:.1f} ms, {yardstick:.1f} ms)"
    return demand_row(demand, measured, met=p99 <= MOST_P99_RATIO * yardstick)


BENCHMARK = Benchmark(
    name="webhook",
    measure=lambda stage, small: measure(stage, SMALL if small else FULL),
    section=section,
)
