"""How long each question of ``database/queries`` takes, and each of the documents' views, over a year's record."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.filled import History, filled
from benchmarks.report import Benchmark
from benchmarks.stage import Stage, Tables
from benchmarks.tables import DEMANDS, demand_row, ms
from tests.processes import REPOSITORY

MOST_MS = 100.0
FILES = REPOSITORY / "database" / "queries"
VIEWS = (
    "execution_risk_checks",
    "execution_program_sizing",
    "execution_account_breaches",
    "execution_enforcement_checks",
    "execution_connector_results",
)
# What people ask a view: of one trade, and of the last day. The other two are read as a whole.
OF_TRADE = "SELECT * FROM {view} WHERE trade_id = :'trade_id'"
OF_DAY = "SELECT * FROM {view} WHERE created_at > now() - INTERVAL '24 hours' ORDER BY created_at DESC, log_id DESC"
# A trade that was traded live and is closed: most is on record of it.
A_TRADE = "SELECT trade_id FROM execution_orders WHERE purpose = 'EXIT' ORDER BY id DESC OFFSET 10 LIMIT 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Finished tasks in the record, and how often each question is asked after once that does not count."""

    tasks: int
    rounds: int


FULL = Size(tasks=2_000_000, rounds=5)
SMALL = Size(tasks=3000, rounds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question: rows of its answer, and milliseconds from asking to having all rows."""

    rows: int
    first_ms: float
    median_ms: float
    most_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QueriesResult:
    """The outcome; ``filling``: the seconds that making the record took."""

    size: Size
    days: int
    filling: float
    megabytes: int
    files: dict[str, Asked]
    views: dict[str, Asked]


def measure(stage: Stage, size: Size) -> QueriesResult:
    """Fill a database and ask everything in turn, round by round."""
    history = History(tasks=size.tasks)
    tables, filling = filled(stage, history)
    print(f"  {size.tasks} tasks of {history.days} days are there after {filling:.0f} s", flush=True)
    files = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FILES.glob("*.sql"))}
    views = {f"{view} of a trade": OF_TRADE.format(view=view) for view in VIEWS}
    views |= {f"{view} of a day": OF_DAY.format(view=view) for view in VIEWS}
    views |= {view: f"SELECT * FROM {view}" for view in ("dead_letter_tasks", "signal_conflicts")}
    asked = _ask(tables, {**files, **views}, size.rounds)
    return QueriesResult(
        size=size,
        days=history.days,
        filling=filling,
        megabytes=int(tables.value("SELECT pg_database_size(current_database()) / 1000000")),
        files={name: asked[name] for name in files},
        views={name: asked[name] for name in views},
    )


def _ask(tables: Tables, questions: Mapping[str, str], rounds: int) -> dict[str, Asked]:
    trade = str(tables.value(A_TRADE)).replace("'", "''")
    texts = {
        name: text.strip().removesuffix(";").replace("%", "%%").replace(":'trade_id'", f"'{trade}'")
        for name, text in questions.items()
    }
    taken: dict[str, list[float]] = {name: [] for name in texts}
    rows: dict[str, int] = {}
    for _ in range(1 + rounds):
        for name, text in texts.items():
            began = time.perf_counter_ns()
            rows[name] = len(tables.rows(text))
            taken[name].append((time.perf_counter_ns() - began) / 1e6)
    return {
        name: Asked(rows=rows[name], first_ms=times[0], median_ms=statistics.median(times[1:]), most_ms=max(times[1:]))
        for name, times in taken.items()
    }


def section(kept: dict[str, Any]) -> list[str]:
    """Return the lines of the report's section from the kept result."""
    size, files, views = kept["size"], kept["files"], kept["views"]
    slow = [f"{name} {ms(asked['median_ms'])}" for name, asked in files.items() if asked["median_ms"] >= MOST_MS]
    slowest = max(files, key=lambda name: float(files[name]["median_ms"]))
    return [
        "## Queries",
        "",
        (
            f"{size['tasks']} finished tasks with all that is kept of them, spread over {kept['days']} days until now, "
            f"{kept['megabytes']} MB, made in {kept['filling']:.0f} s. Each question asked {size['rounds']} times in "
            "turn after a first time that does not count; milliseconds until all rows are there."
        ),
        "",
        "| question | rows | first | median | most |",
        "| --- | --- | --- | --- | --- |",
        *(_row(f"{name}.sql", asked) for name, asked in files.items()),
        *(_row(f"view {name}", asked) for name, asked in views.items()),
        "",
        *DEMANDS,
        demand_row(
            f"each of the {len(files)} files answers under {MOST_MS:.0f} ms, medians",
            ", ".join(slow) or f"the slowest, {slowest}, in {ms(files[slowest]['median_ms'])}",
            met=not slow,
        ),
    ]


def _row(name: str, asked: dict[str, Any]) -> str:
    return f"| {name} | {asked['rows']} | {asked['first_ms']:.1f} | {asked['median_ms']:.1f} | {asked['most_ms']:.1f} |"


BENCHMARK = Benchmark(
    name="queries",
    measure=lambda stage, small: measure(stage, SMALL if small else FULL),
    section=section,
)
