"""One signal to many accounts: what each of them costs, and how long until all of them are on record."""

from __future__ import annotations

import logging
import statistics
import time
from dataclasses import dataclass
from typing import Any

from benchmarks.figures import Latency
from benchmarks.report import Benchmark
from benchmarks.stage import BrokenInvariant, Stage
from benchmarks.tables import DEMANDS, demand_row, latencies, ms
from config.settings import Settings
from database.connection import Database
from database.queue import TaskQueue
from database.tracked_accounts import tracked_accounts
from routing.interpreter import settle_heap
from routing.parts import router_parts
from routing.retry import RetryPolicy
from routing.task_server import TaskServer

FIRMS = ("FTMO", "APEX", "TOPSTEP", "BULENOX", "LEELOO")
ACCOUNTS = (1, 10, 100)
MOST_OWN_MICROSECONDS = 120.0
MOST_LOGGED_MS = 25.0
WAITING = """
    INSERT INTO execution_tasks (trade_id, event_type, payload)
    VALUES (%(trade)s, 'ENTRY', '{"direction": "LONG", "entry_price": 16500, "stop_loss": 16475, "symbol": "NQ"}')
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Signals that are measured for each number of accounts, one at a time, ``turn`` by turn, after some to warm up."""

    signals: int
    warm_up: int
    turn: int


FULL = Size(signals=300, warm_up=30, turn=10)
SMALL = Size(signals=5, warm_up=1, turn=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """``own``: median microseconds of own processor time an account; ``logged``: claim to committed log row."""

    own: float
    logged: Latency


@dataclass(frozen=True, slots=True, kw_only=True)
class FanoutResult:
    """The figures by number of accounts."""

    size: Size
    accounts: dict[str, Figures]


def measure(stage: Stage, size: Size) -> FanoutResult:
    """Serve single signals for each number of accounts. Raises BrokenInvariant.

    By turns: what one more account costs is a difference, and a machine is not as fast in one second as in the next.
    """
    routers = [_Router(stage, accounts) for accounts in ACCOUNTS]
    settle_heap()
    for router in routers:
        router.serve(size.warm_up)
        router.forget()
    for served in range(0, size.signals, size.turn):
        for router in routers:
            router.serve(min(size.turn, size.signals - served))
    return FanoutResult(size=size, accounts={str(router.accounts): router.figures() for router in routers})


def environment(accounts: int) -> dict[str, str]:
    """Return settings of that many accounts, spread over the firms, each with all four checks at work."""
    programs: dict[str, list[int]] = {}
    for number in range(accounts):
        programs.setdefault(FIRMS[number % len(FIRMS)], []).append(number // len(FIRMS) + 1)
    environ = {"ROUTE_TO_FIRMS": ",".join(programs)}
    for firm, ids in programs.items():
        environ |= {f"{firm}_PROGRAM_IDS": ",".join(map(str, ids)), f"{firm}_MAX_POSITION_SIZE": "10"}
        for program in ids:
            environ |= {
                f"{firm}_{program}_ACCOUNT_SIZE": "100000",
                f"{firm}_{program}_RISK_PER_TRADE": "0.01",
                f"{firm}_{program}_MAX_CONTRACTS": "5",
                f"{firm}_{program}_MAX_DAILY_LOSS": "1000",
                f"{firm}_{program}_MAX_DRAWDOWN": "2500",
                f"{firm}_{program}_EQUITY": "100400",
                f"{firm}_{program}_BALANCE": "100000",
                f"{firm}_{program}_PEAK_EQUITY": "101000",
                f"{firm}_{program}_DAY_PL": "400",
            }
    return environ


class _Router:
    """A router's parts for a number of accounts, on a database of their own, and what was measured of them."""

    def __init__(self, stage: Stage, accounts: int) -> None:
        self.accounts = accounts
        self._tables = stage.database(f"fanout_{accounts}")
        settings = Settings.from_env({**environment(accounts), "DATABASE_URL": self._tables.url})
        self._database = Database(self._tables.url, name="benchmark")
        logger = logging.getLogger("benchmark")
        states = tracked_accounts(settings, self._database)
        parts = router_parts(settings, states, self._database, dry_run=True, worker="fanout", logger=logger)
        self._queue = TaskQueue(self._database, worker="fanout", lease=60.0)
        self._server = TaskServer(
            self._queue,
            parts.processor(settings, logger, before_entries=lambda: None),
            retry=RetryPolicy(max_attempts=1, base=1.0),
            logger=logger,
            stopping=lambda: False,
        )
        self._served = 0
        self._own: list[float] = []
        self._logged: list[float] = []

    def serve(self, signals: int) -> None:
        """Store and serve signals one at a time."""
        for _ in range(signals):
            self._tables.rows(WAITING, trade=f"T{self._served}")
            began, began_own = time.perf_counter(), time.thread_time()
            self._server.serve(self._queue.claim(20))
            self._logged.append((time.perf_counter() - began) * 1000)
            self._own.append((time.thread_time() - began_own) * 1e6 / self.accounts)
            self._served += 1

    def forget(self) -> None:
        """Drop what was measured so far."""
        self._own.clear()
        self._logged.clear()

    def figures(self) -> Figures:
        """Return what was measured. Raises BrokenInvariant where not every signal was decided for every account."""
        self._database.close()
        self._tables.check(self._served)
        rows = self._tables.value("SELECT count(*) FROM execution_connector_results")
        if rows != self.accounts * self._served:
            raise BrokenInvariant(f"{rows} verdicts for {self._served} signals to {self.accounts} accounts")
        return Figures(own=statistics.median(self._own), logged=Latency.of(self._logged))


def section(kept: dict[str, Any]) -> list[str]:
    """Return the lines of the report's section from the kept result."""
    most = kept["accounts"][str(max(ACCOUNTS))]
    further = {
        many: _each_further(int(many), figures["own"], kept["accounts"]["1"]["own"])
        for many, figures in kept["accounts"].items()
        if many != "1"
    }
    return [
        "## Fan-out",
        "",
        (
            f"{kept['size']['signals']} signals for each number of accounts, by turns of {kept['size']['turn']}, one "
            "at a time, each to all accounts; from its claim to its committed log row."
        ),
        "",
        "| accounts | own µs a signal | an account | each after the first | p50 ms | p95 ms | p99 ms | most ms |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *(
            f"| {many} | {figures['own'] * int(many):.0f} | {figures['own']:.0f} "
            f"| {further.get(many, figures['own']):.0f} | {latencies(figures['logged'])} |"
            for many, figures in kept["accounts"].items()
        ),
        "",
        *DEMANDS,
        # What the claim, the record and the driver cost a signal with a single account, too, is no account's own.
        *(
            demand_row(
                f"{many} accounts: each after the first at most {MOST_OWN_MICROSECONDS:.0f} µs of own processor time",
                f"{each:.0f} µs",
                met=each <= MOST_OWN_MICROSECONDS,
            )
            for many, each in further.items()
        ),
        demand_row(
            f"{max(ACCOUNTS)} accounts: at most {MOST_OWN_MICROSECONDS:.0f} µs an account, the signal's share included",
            f"{most['own']:.0f} µs",
            met=most["own"] <= MOST_OWN_MICROSECONDS,
        ),
        demand_row(
            f"{max(ACCOUNTS)} accounts decided and logged in under {MOST_LOGGED_MS:.0f} ms, median",
            ms(most["logged"]["p50_ms"]),
            met=most["logged"]["p50_ms"] < MOST_LOGGED_MS,
        ),
    ]


def _each_further(accounts: int, own: float, first: float) -> float:
    return (own * accounts - first) / (accounts - 1)


BENCHMARK = Benchmark(
    name="fanout",
    measure=lambda stage, small: measure(stage, SMALL if small else FULL),
    section=section,
)
