"""Account updates as fast as platforms send them: answers, memory, the event in the browser, a long history."""

from __future__ import annotations

import json
import random
import selectors
import statistics
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import socketio

from benchmarks.figures import Latency, Spread
from benchmarks.load import HOST, PATIENCE_SECONDS, Connection, WrongAnswer, checked
from benchmarks.report import Benchmark
from benchmarks.resident import sampled
from benchmarks.stage import Stage, Tables
from benchmarks.tables import DEMANDS, demand_row, latencies, ms, spread
from tests.processes import Web, web_process

TOKEN = "benchmark"
START = 50_000
MOST_FEED_P95_MS = 30.0
MOST_EVENT_P95_MS = 50.0
# What a web process may grow over the second half of the feed and still count as flat.
MOST_GROWTH_MIB = 5.0
MOST_HISTORY_RATIO = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Accounts, updates of each a second, seconds; single updates for the event; snapshots of the long history."""

    accounts: int
    a_second: int
    seconds: int
    connections: int
    events: int
    snapshots: int
    reads: int


FULL = Size(accounts=100, a_second=5, seconds=20, connections=20, events=150, snapshots=1_000_000, reads=200)
SMALL = Size(accounts=5, a_second=5, seconds=2, connections=3, events=5, snapshots=2000, reads=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFeedResult:
    """The outcome. Milliseconds; memory of the web process in MiB at the middle and at the end of the feed.

    ``answers`` run from the moment an update was due, so that one that waits for its turn counts its wait. ``history``
    holds medians of reading one standing, by turns for the account with the long history and for one without.
    """

    size: Size
    accepted: int
    snapshots_kept: int
    answers: Latency
    memory_mib: Spread
    memory_growth_mib: float
    events: Latency
    history: dict[str, float]
    history_ratio: float


def measure(stage: Stage, size: Size) -> AccountFeedResult:
    """Run the feed, the single updates and the reads. Raises WrongAnswer when an update was not accepted."""
    tables = stage.database("accounts")
    programs = ",".join(str(number) for number in range(1, size.accounts + 1))
    environment = {"ROUTE_TO_FIRMS": "APEX", "APEX_PROGRAM_IDS": programs, "API_TOKEN": TOKEN, "FTMO_PROGRAM_IDS": ""}
    rules = {f"APEX_{number}_RULE_SET": "apex-eod-50k@2026-03-01" for number in range(1, size.accounts + 1)}
    with web_process(tables.url, stage.log("accounts"), configured=False, **environment, **rules) as web:
        events = _events(web, size)
        with sampled({"web": web.process.pid}, every=max(size.seconds / 60, 0.1)) as samples:
            answers = _feed(web, size)
        memory = [resident / 2**20 for resident in samples["web"]]
        accepted = len(answers)
        kept = int(tables.value("SELECT count(*) FROM account_snapshots"))
        history = _long_history(web, tables, size)
    half = len(memory) // 2
    return AccountFeedResult(
        size=size,
        accepted=accepted,
        snapshots_kept=kept,
        answers=Latency.of(answers),
        memory_mib=Spread.of(memory),
        memory_growth_mib=memory[-1] - memory[half],
        events=Latency.of(events),
        history=history,
        history_ratio=history["long"] / history["short"],
    )


def _update(program: int, equity: float) -> bytes:
    body = {"equity": round(equity, 2), "balance": START, "timestamp": datetime.now(UTC).isoformat()}
    data = json.dumps(body).encode()
    head = (
        f"POST /api/v1/accounts/APEX/{program}/state HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def _feed(web: Web, size: Size) -> list[float]:
    """Send every account's updates at their times and return the milliseconds from due to answered."""
    equity = [float(START)] * (size.accounts + 1)
    total = size.accounts * size.a_second * size.seconds
    apart = 1.0 / (size.accounts * size.a_second)
    free = [Connection(web.port) for _ in range(size.connections)]
    due_of: dict[int, float] = {}
    taken: list[float] = []
    sent = 0
    with selectors.DefaultSelector() as selector:
        for connection in free:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        began = time.perf_counter()
        while len(taken) < total:
            now = time.perf_counter()
            while sent < total and free and began + sent * apart <= now:
                program = sent % size.accounts + 1
                equity[program] += random.uniform(-20, 20)
                connection = free.pop()
                due_of[id(connection)] = began + sent * apart
                connection.send(_update(program, equity[program]))
                sent += 1
            wait = max(0.0, began + sent * apart - time.perf_counter()) if sent < total and free else PATIENCE_SECONDS
            for key, _ in selector.select(wait):
                connection = key.data
                answer = connection.receive()
                if answer is None:
                    continue
                taken.append((time.perf_counter() - due_of[id(connection)]) * 1000)
                checked(answer, "current")
                free.append(connection)
    return taken


def _events(web: Web, size: Size) -> list[float]:
    """Return the milliseconds from just before a POST to its event at a Socket.IO client, one at a time."""
    heard: dict[Any, float] = {}
    arrived = threading.Condition()
    client = socketio.Client(reconnection=False)

    @client.on("account_update")  # type: ignore[untyped-decorator]
    def keep(standing: dict[str, Any]) -> None:
        with arrived:
            heard.setdefault(standing["equity"], time.perf_counter())
            arrived.notify_all()

    client.connect(web.url, transports=["websocket"], auth={"token": TOKEN}, wait_timeout=5)
    connection = Connection(web.port)
    taken: list[float] = []
    for number in range(size.events + 3):
        time.sleep(random.uniform(0.01, 0.03))
        equity = START + number + 0.25
        began = time.perf_counter()
        checked(connection.ask(_update(1, equity)), "current")
        with arrived:
            if not arrived.wait_for(lambda equity=equity: equity in heard, PATIENCE_SECONDS):  # type: ignore[misc]
                raise WrongAnswer(f"no event of the update to {equity} within {PATIENCE_SECONDS} s")
        taken.append((heard[equity] - began) * 1000)
    client.disconnect()
    return taken[3:]


def _long_history(web: Web, tables: Tables, size: Size) -> dict[str, float]:
    """Give account 1 a long history and return the median milliseconds of reading a standing, with it and without."""
    tables.rows(
        """
        INSERT INTO account_snapshots (
            firm_code, program_id, observed_at, received_at, kind, source, firm_day, equity, balance)
        SELECT 'APEX', 1, moment, moment, 'UPDATE', 'PLATFORM', moment::date, 50000 + n %% 1000, 50000
        FROM (SELECT n, now() - interval '1 day' - n * interval '1 second' AS moment
              FROM generate_series(1, %(snapshots)s) n) AS made
        """,
        snapshots=size.snapshots,
    )
    tables.rows("ANALYZE account_snapshots")
    connection = Connection(web.port)
    taken: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(size.reads):
        for program, times in taken.items():
            request = (
                f"GET /api/v1/accounts/APEX/{program}/standing HTTP/1.1\r\nHost: {HOST}\r\n"
                f"Authorization: Bearer {TOKEN}\r\n\r\n"
            )
            began = time.perf_counter()
            answer = connection.ask(request.encode())
            times.append((time.perf_counter() - began) * 1000)
            if b" 200 " not in answer[:20]:
                raise WrongAnswer(f"reading a standing was answered {answer[:200]!r}")
    return {"long": statistics.median(taken[1]), "short": statistics.median(taken[2])}


def section(kept: dict[str, Any]) -> list[str]:
    """Return the lines of the report's section from the kept result."""
    size, answers, events, memory = kept["size"], kept["answers"], kept["events"], kept["memory_mib"]
    sent = size["accounts"] * size["a_second"] * size["seconds"]
    return [
        "## Account updates",
        "",
        (
            f"{size['accounts']} accounts, {size['a_second']} updates a second each for {size['seconds']} s over "
            f"{size['connections']} connections, each due at its own time; {size['events']} single updates for the "
            f"event; a history of {size['snapshots']} snapshots. {kept['snapshots_kept']} were kept of the feed."
        ),
        "",
        "| | p50 | p95 | p99 | most |",
        "| --- | --- | --- | --- | --- |",
        f"| update due to its answer | {latencies(answers)} |",
        f"| POST to its event at a Socket.IO client, idle | {latencies(events)} |",
        "",
        *DEMANDS,
        demand_row("all updates accepted", f"{kept['accepted']} of {sent}", met=kept["accepted"] == sent),
        demand_row("p95 of the answer under 30 ms", ms(answers["p95_ms"]), met=answers["p95_ms"] < MOST_FEED_P95_MS),
        demand_row(
            "memory flat over the second half (at most 5 MiB more)",
            f"{kept['memory_growth_mib']:+.1f} MiB; {spread(memory, 1)} MiB",
            met=kept["memory_growth_mib"] <= MOST_GROWTH_MIB,
        ),
        demand_row("p95 to the event under 50 ms", ms(events["p95_ms"]), met=events["p95_ms"] < MOST_EVENT_P95_MS),
        demand_row(
            "reading a standing beside the long history takes at most 1.2 times as long",
            f"{kept['history_ratio']:.2f} ({kept['history']['long']:.2f} ms, {kept['history']['short']:.2f} ms)",
            met=kept["history_ratio"] <= MOST_HISTORY_RATIO,
        ),
    ]


BENCHMARK = Benchmark(
    name="accounts",
    measure=lambda stage, small: measure(stage, SMALL if small else FULL),
    section=section,
)
