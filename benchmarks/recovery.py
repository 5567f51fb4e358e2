"""How long until everything goes on after a worker was killed, or after every connection to the database was cut."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from benchmarks.cut_connections import PATIENCE_SECONDS, Cuts, Cutter, check_decided_once, logged
from benchmarks.figures import Spread
from benchmarks.load import alert
from benchmarks.mixed_tasks import MixedTasks, wait_until_none_is_left
from benchmarks.report import Benchmark
from benchmarks.stage import BrokenInvariant, Stage, Tables
from benchmarks.tables import DEMANDS, demand_row, spread
from tests.live import live_entry, live_environment, tradovate
from tests.processes import wait_until, web_process, worker_process

ONE_PROCESS = "router in the web process"
TWO_PROCESSES = "web process and a worker process"
LIVE = "router in the web process, live account"
MOST_SECONDS_AFTER_KILL = 15.0
MOST_SECONDS_AFTER_CUT = 3.0
# Long enough for the server to end what it was doing for a process that stands still.
SETTLE_SECONDS = 0.05
HELD = "SELECT id FROM execution_tasks WHERE status = 'PROCESSING' AND worker LIKE '%%:' || %(pid)s || ':%%'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Workers that are killed, cuts of each kind, entries that are stored at once to keep everybody busy.

    ``live_entries``: the same where they go to a venue. ``lease``: TASK_LEASE_SECONDS, None for the default.
    """

    kills: int
    cuts: int
    entries: int
    live_entries: int
    lease: str | None


FULL = Size(kills=3, cuts=4, entries=300, live_entries=25, lease=None)
SMALL = Size(kills=1, cuts=1, entries=60, live_entries=10, lease="1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """From the moment a worker stood still to the last log of the tasks that it had claimed, in seconds."""

    seconds: Spread
    tasks: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryResult:
    """``cuts`` by deployment and what the processes were doing; ``live_orders``: how many the venue was sent."""

    size: Size
    killed: Killed
    cuts: dict[str, Cuts]
    live_orders: int


def measure(stage: Stage, size: Size) -> RecoveryResult:
    """Kill workers, then cut connections. Raises BrokenInvariant where a task or an order was doubled or lost."""
    killed = _kills(stage, size)
    live, live_orders = _live_cuts(stage, size)
    return RecoveryResult(
        size=size,
        killed=killed,
        cuts={**_cuts(stage, size, ONE_PROCESS), **_cuts(stage, size, TWO_PROCESSES), **live},
        live_orders=live_orders,
    )


def _kills(stage: Stage, size: Size) -> Killed:
    tables = stage.database("recovery_kills")
    tasks = MixedTasks(tables, 1)
    environment = {} if size.lease is None else {"TASK_LEASE_SECONDS": size.lease}
    victims: list[tuple[float, list[int]]] = []
    stored = 0
    with ExitStack() as processes:
        processes.enter_context(worker_process(tables.url, stage.log("survivor"), **environment))
        workers = [
            processes.enter_context(worker_process(tables.url, stage.log(f"victim_{number}"), **environment))
            for number in range(size.kills)
        ]
        for number, worker in enumerate(workers):
            # Not in step with the survivor's look at the leases.
            time.sleep(random.uniform(0, 1))
            held: list[int] = []
            while not held:
                if tables.unfinished() < size.entries:
                    stored += tasks.store_entries(f"KILL_{stored}", size.entries)
                stood_still = time.time()
                held = _stopped_with(tables, worker)
            worker.kill()
            victims.append((stood_still, held))
            print(f"  worker {number + 1} of {size.kills} killed with {len(held)} tasks in hand", flush=True)
        wait_until_none_is_left(tables, PATIENCE_SECONDS)
    check_decided_once(tables, stored)
    return Killed(
        seconds=Spread.of([logged(tables, held, since=moment)[-1] for moment, held in victims]),
        tasks=[len(held) for _, held in victims],
    )


def _stopped_with(tables: Tables, worker: subprocess.Popen[bytes]) -> list[int]:
    """Let a worker stand still and return what it holds; it goes on where that is nothing."""
    time.sleep(random.uniform(0, 0.03))
    worker.send_signal(signal.SIGSTOP)
    time.sleep(SETTLE_SECONDS)
    held = [task for (task,) in tables.rows(HELD, pid=str(worker.pid))]
    if not held:
        worker.send_signal(signal.SIGCONT)
    return held


def _cuts(stage: Stage, size: Size, deployment: str) -> dict[str, Cuts]:
    alone = deployment == ONE_PROCESS
    name = "recovery_one" if alone else "recovery_two"
    tables = stage.database(name)
    tasks = MixedTasks(tables, 1)
    stored = 0

    def work() -> None:
        nonlocal stored
        stored += tasks.store_entries(f"WORK_{stored}", size.entries)

    with ExitStack() as processes:
        router = "true" if alone else "false"
        web = processes.enter_context(web_process(tables.url, stage.log(name), ROUTER_ENABLED=router))
        if not alone:
            processes.enter_context(worker_process(tables.url, stage.log(f"{name}_worker")))
        cutter = Cutter(tables, web, alert)
        found = _idle_and_busy(deployment, cutter, size, work)
    check_decided_once(tables, stored + cutter.sent)
    return found


def _live_cuts(stage: Stage, size: Size) -> tuple[dict[str, Cuts], int]:
    """Cut where an account trades live: there a batch is one transaction, and orders go out behind it."""
    tables = stage.database("recovery_live")

    def work() -> None:
        for _ in range(size.live_entries):
            cutter.send(f"WORK_{cutter.sent}")

    with tradovate("ACC0") as broker:
        environ = live_environment(broker, ACCOUNT_POLL_SECONDS="15", APEX_1_MAX_CONTRACTS="100000")
        with web_process(tables.url, stage.log("recovery_live"), configured=False, **environ) as web:
            wait_until(
                lambda: bool(tables.value("SELECT count(*) FROM account_states WHERE equity IS NOT NULL")),
                what="the account's figures",
            )
            cutter = Cutter(tables, web, _live_alert)
            found = _idle_and_busy(LIVE, cutter, size, work)
            wait_until(
                lambda: tables.value("SELECT count(*) FROM execution_orders WHERE state <> 'FILLED'") == 0,
                what="every order to be filled",
                seconds=PATIENCE_SECONDS,
            )
        tags = [order.tag for account in broker.book.accounts for order in broker.book.entries(account)]
    check_decided_once(tables, cutter.sent)
    if not len(tags) == len(set(tags)) == cutter.sent:
        raise BrokenInvariant(f"{cutter.sent} signals made {len(tags)} orders of {len(set(tags))} names at the venue")
    return found, len(tags)


def _live_alert(trade_id: str) -> bytes:
    # A stop this near keeps the account's drawdown far away, however many trades are open.
    return json.dumps(live_entry(trade_id, contracts=1, stop_loss=16499.0)).encode()


def _idle_and_busy(deployment: str, cutter: Cutter, size: Size, work: Callable[[], None]) -> dict[str, Cuts]:
    return {
        f"{deployment}, idle": cutter.cut(size.cuts, "IDLE"),
        f"{deployment}, at work": cutter.cut(size.cuts, "BUSY", work),
    }


def section(kept: dict[str, Any]) -> list[str]:
    """Return the lines of the report's section from the kept result."""
    size, killed, cuts = kept["size"], kept["killed"], kept["cuts"]
    lease = "by default" if size["lease"] is None else f"with TASK_LEASE_SECONDS={size['lease']}"
    next_signal = max(found["seconds"]["most"] for found in cuts.values())
    in_hand = max((found["in_hand"]["most"] for found in cuts.values() if found["in_hand"] is not None), default=0.0)
    return [
        "## Recovery",
        "",
        (
            f"{size['kills']} workers of {size['kills'] + 1} killed with SIGKILL in the middle of a drain, with "
            f"{_numbers(killed['tasks'])} claimed tasks that were not decided; {lease}. Then all connections to the "
            f"database cut {size['cuts']} times while nothing was to be done and as often among {size['entries']} "
            f"entries ({size['live_entries']} live ones) that were stored just before, the next signal sent at once. "
            "Every task was decided exactly once; the live account's venue got "
            f"{kept['live_orders']} orders for as many signals."
        ),
        "",
        "| after | seconds until | least / median / most |",
        "| --- | --- | --- |",
        f"| a worker was killed | its tasks were decided by another | {spread(killed['seconds'], 1)} |",
        *(row for name, found in cuts.items() for row in _rows(name, found)),
        "",
        *DEMANDS,
        demand_row(
            f"a killed worker's tasks decided within {MOST_SECONDS_AFTER_KILL:.0f} s",
            f"{killed['seconds']['most']:.1f} s",
            met=killed["seconds"]["most"] <= MOST_SECONDS_AFTER_KILL,
        ),
        *(
            demand_row(
                f"connections cut: {what} logged within {MOST_SECONDS_AFTER_CUT:.0f} s",
                f"{seconds:.2f} s",
                met=seconds <= MOST_SECONDS_AFTER_CUT,
            )
            for what, seconds in (("the next signal", next_signal), ("what was in hand", in_hand))
        ),
    ]


def _rows(name: str, found: dict[str, Any]) -> list[str]:
    refused = f" ({found['refused']} answers of 503)" if found["refused"] else ""
    rows = [f"| connections cut: {name} | the next signal was logged{refused} | {spread(found['seconds'], 2)} |"]
    if found["in_hand"] is not None:
        what = f"what was in hand ({_numbers(found['tasks'])} tasks) was logged"
        rows.append(f"| connections cut: {name} | {what} | {spread(found['in_hand'], 2)} |")
    return rows


def _numbers(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


BENCHMARK = Benchmark(
    name="recovery",
    measure=lambda stage, small: measure(stage, SMALL if small else FULL),
    section=section,
)
