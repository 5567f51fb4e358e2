"""The page under load: many pages listen while signals come in fast. And its first load beside a long record."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.figures import Latency, Spread
from benchmarks.first_load import FirstLoad, first_load
from benchmarks.load import WrongAnswer
from benchmarks.open_load import Sent
from benchmarks.page_client import Held
from benchmarks.report import Benchmark
from benchmarks.stage import WEBHOOK, BrokenInvariant, Stage, Tables
from benchmarks.tables import DEMANDS, demand_row, latencies, ms, spread
from tests.processes import REPOSITORY, Web, web_process

PASSWORD = "benchmark of the page"
MOST_P99_MS = 250.0
MOST_KB = 300.0
MOST_PAINT_MS = 1000.0
CONNECTIONS = 20
PATIENCE_SECONDS = 120.0
# A row of the newest signals as the overview shows it: whose it is, and how many accounts approved it of how many.
ROW = re.compile(r"<a [^>]*>([^<]*)</a>.*?(\d+) of (\d+) approved", re.DOTALL)
WAITING = re.compile(r'<p class="big">([\d,]+) waiting</p>')
NEWEST = """
    SELECT s.id, s.trade_id, count(*) FILTER (WHERE r ->> 'approved' = 'true'), count(*)
    FROM (SELECT * FROM automated_signals ORDER BY received_at DESC, id DESC LIMIT %(many)s) s
    JOIN execution_logs l ON l.task_id = s.task_id AND l.status = 'SUCCESS'
    CROSS JOIN LATERAL jsonb_array_elements(l.response_body -> 'connector_results') r
    GROUP BY s.id, s.trade_id, s.received_at
    ORDER BY s.received_at DESC, s.id DESC
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Pages in how many processes; signals a second for how long; accounts, logs and loads of the first load."""

    pages: int
    processes: int
    a_second: int
    seconds: int
    accounts: int
    logs: int
    loads: int


FULL = Size(pages=50, processes=5, a_second=100, seconds=12, accounts=50, logs=100_000, loads=5)
SMALL = Size(pages=5, processes=1, a_second=20, seconds=2, accounts=5, logs=500, loads=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageResult:
    """``alone`` and ``watched``: due to answered of the same flow, before pages listen and while they do.

    ``same``: the pages that ended with what the record says. ``gaps``: how often a page missed a change, and then
    fetched. ``bundles`` and ``fetches``: how often each page was told, and asked.
    """

    size: Size
    alone: Latency
    watched: Latency
    same: int
    gaps: int
    changes: int
    bundles: Spread
    fetches: Spread
    first_load: FirstLoad | None


def measure(stage: Stage, size: Size) -> PageResult:
    """Run the flows and the loads. Raises WrongAnswer, and BrokenInvariant where a page ends with something else."""
    tables = stage.database("page")
    with web_process(tables.url, stage.log("page"), ADMIN_PASSWORD=PASSWORD) as web:
        alone = _flow(web, size, "ALONE")
        with _pages(web, size) as pages:
            watched = _flow(web, size, "WATCHED")
            tables.wait_until_drained(PATIENCE_SECONDS)
            held = [each for process in pages for each in _end(process)]
        tables.check(2 * size.a_second * size.seconds)
        for each in held:
            _compare(each, tables)
    return PageResult(
        size=size,
        alone=alone,
        watched=watched,
        same=len(held),
        gaps=sum(each.gaps for each in held),
        changes=max(each.heard for each in held),
        bundles=Spread.of([each.bundles for each in held]),
        fetches=Spread.of([each.fetches for each in held]),
        first_load=first_load(stage, accounts=size.accounts, logs=size.logs, loads=size.loads),
    )


def _compare(held: Held, tables: Tables) -> None:
    if held.number < held.heard:
        raise BrokenInvariant(f"a page was told of change {held.heard} and ended with {held.number}")
    rows = held.body.split('data-key="signal-')[1:]
    shown = [_shown(row) for row in rows]
    recorded = tables.rows(NEWEST, many=len(rows))
    if not shown or shown != recorded:
        raise BrokenInvariant(f"a page shows {shown}, on record is {recorded}")
    waiting = WAITING.search(held.body)
    if waiting is None or waiting[1] != "0":
        raise BrokenInvariant("nothing waits, and a page shows that something does")


def _shown(row: str) -> tuple[object, ...]:
    """Return a row's signal, trade and verdict; its beginning where it shows no verdict."""
    found = ROW.search(row)
    if found is None:
        return (row[:40], "has no verdict")
    return (int(row.partition('"')[0]), found[1], int(found[2]), int(found[3]))


def _flow(web: Web, size: Size, prefix: str) -> Latency:
    """Send the flow from a process of its own; return the milliseconds from due to answered."""
    command = [sys.executable, "-m", "benchmarks.open_load", "--port", str(web.port), "--path", WEBHOOK]
    command += ["--prefix", prefix, "--connections", str(CONNECTIONS), "--a-second", str(size.a_second)]
    command += ["--requests", str(size.a_second * size.seconds)]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise WrongAnswer(f"the flow: {ended.stderr.strip()}")
    sent = Sent(**json.loads(ended.stdout))
    return Latency.of([(answered - due) / 1e6 for due, answered in zip(sent.due, sent.answered, strict=True)])


@contextmanager
def _pages(web: Web, size: Size) -> Iterator[Sequence[subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "benchmarks.page_client", "--url", web.url, "--password", PASSWORD]
    command += ["--pages", str(size.pages // size.processes)]
    with ExitStack() as opened:
        started = []
        for _ in range(size.processes):
            pipe = subprocess.PIPE
            process = subprocess.Popen(command, cwd=REPOSITORY, stdin=pipe, stdout=pipe, text=True)
            opened.callback(process.wait)
            opened.callback(process.kill)
            started.append(process)
        for process in started:
            assert process.stdout is not None
            if process.stdout.readline() != "open\n":
                raise WrongAnswer("a page could not be opened")
        yield started


def _end(process: subprocess.Popen[str]) -> list[Held]:
    out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    return [Held(**each) for each in json.loads(out)]


def section(kept: dict[str, Any]) -> list[str]:
    """Return the lines of the report's section from the kept result."""
    size, watched, load = kept["size"], kept["watched"], kept["first_load"]
    return [
        "## The page",
        "",
        (
            f"{size['a_second']} signals a second for {size['seconds']} s, each due at its own time: first alone, then "
            f"while {size['pages']} pages listen, each logged in, told of numbered changes and fetching as its script "
            f"does. Of {kept['changes']} changes a page was told in {spread(kept['bundles'])} bundles, missed "
            f"{kept['gaps']}, and fetched {spread(kept['fetches'])} times (least / median / most of the pages)."
        ),
        "",
        "| due to answered, ms | p50 | p95 | p99 | most |",
        "| --- | --- | --- | --- | --- |",
        f"| nobody looks | {latencies(kept['alone'])} |",
        f"| {size['pages']} pages listen | {latencies(watched)} |",
        "",
        *_loaded(load),
        *DEMANDS,
        demand_row("p99 of the webhook under 250 ms", ms(watched["p99_ms"]), met=watched["p99_ms"] < MOST_P99_MS),
        demand_row(
            "every page ends with what is on record",
            f"{kept['same']} of {size['pages']}",
            met=kept["same"] == size["pages"],
        ),
        *_load_demands(load),
    ]


def _loaded(load: dict[str, Any] | None) -> list[str]:
    if load is None:
        return ["No browser was there to measure the first load.", ""]
    painted = f"first paint after {load['first_paint_ms']:.0f} ms, largest part after {load['largest_paint_ms']:.0f} ms"
    return [
        (
            f"First load in chromium with an empty cache, {load['accounts']} accounts and {load['logs']} logs, medians "
            f"of {load['loads']}: {load['transferred_kb']:.0f} kB, {painted}, live after {load['live_ms']:.0f} ms."
        ),
        "",
    ]


def _load_demands(load: dict[str, Any] | None) -> list[str]:
    if load is None:
        return []
    kilobytes, painted = load["transferred_kb"], load["largest_paint_ms"]
    return [
        demand_row("first load under 300 kB", f"{kilobytes:.0f} kB", met=kilobytes < MOST_KB),
        demand_row("useful paint under 1 s", ms(painted), met=painted < MOST_PAINT_MS),
    ]


BENCHMARK = Benchmark(
    name="page",
    measure=lambda stage, small: measure(stage, SMALL if small else FULL),
    section=section,
)
