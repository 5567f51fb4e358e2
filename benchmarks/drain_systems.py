"""What the drain measures: the service, a loop that decides nothing, and queues whose jobs do nothing."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.load import WrongAnswer
from benchmarks.stage import Stage, Tables
from benchmarks.stored_tasks import check_rows, copy_of, drain_seconds, store, wait_until_drained
from tests.processes import REPOSITORY, worker_process

OURS = "service, one worker"
BARE = "bare loop, batch 100, decides nothing"
PROCRASTINATE = "procrastinate, no-op, concurrency 2"
PSYCOPG = "pgqueuer on psycopg, no-op, batch 10"
ASYNCPG = "pgqueuer on asyncpg, no-op, batch 10"
MODEL = "model"
REFERENCES = Path(__file__).parent / "references"
REFERENCES_PYTHON = REPOSITORY / ".venv-references" / "bin" / "python"
PROGRAMS = {
    PROCRASTINATE: ["procrastinate_noop.py"],
    PSYCOPG: ["pgqueuer_noop.py", "psycopg"],
    ASYNCPG: ["pgqueuer_noop.py", "asyncpg"],
}
PAYLOAD = "x" * 330

Serving = Callable[[Tables], AbstractContextManager[Any]]


@dataclass(slots=True, kw_only=True)
class System:
    """One that is measured, and its rates of the rounds so far.

    ``drain``: make a database of this name, warm up, store the tasks, wait until they are done, return the seconds from
    the first claim to the last finish as the system's own tables tell them.
    """

    name: str
    tasks: int
    drain: Callable[[str], float]
    rates: list[float] = field(default_factory=list)


def service(stage: Stage, tasks: int, warm_up: int) -> System:
    """Return the service: the worker process with its default settings."""
    starts = itertools.count()

    def serving(tables: Tables) -> AbstractContextManager[Any]:
        # Its log says when it has started, so each start needs one of its own.
        return worker_process(tables.url, stage.log(f"worker_{next(starts)}"))

    return System(name=OURS, tasks=tasks, drain=lambda name: _drain(stage, name, serving, tasks, warm_up))


def bare(stage: Stage, tasks: int, warm_up: int) -> System:
    """Return the bare loop on the service's own tables."""

    @contextmanager
    def serving(tables: Tables) -> Iterator[None]:
        command = [sys.executable, str(REFERENCES / "bare_loop.py"), tables.url]
        with stage.log("bare_loop").open("ab") as output, subprocess.Popen(command, stderr=output) as process:
            try:
                yield
            finally:
                process.kill()

    return System(name=BARE, tasks=tasks, drain=lambda name: _drain(stage, name, serving, tasks, warm_up))


def queue(stage: Stage, name: str, jobs: int, warm_up: int) -> System:
    """Return one of PROGRAMS, run by the references' own Python."""

    def drain(database: str) -> float:
        with copy_of(stage, "template1", database) as tables:
            return _run(PROGRAMS[name], tables.url, jobs, warm_up)

    return System(name=name, tasks=jobs, drain=drain)


def _drain(stage: Stage, name: str, serving: Serving, tasks: int, warm_up: int) -> float:
    with copy_of(stage, MODEL, name) as tables:
        store(tables, warm_up, "W")
        with serving(tables):
            wait_until_drained(tables)
            store(tables, tasks, "T")
            wait_until_drained(tables)
        check_rows(tables, 1 + warm_up + tasks)
        return drain_seconds(tables, "T")


def _run(program: Sequence[str], url: str, jobs: int, warm_up: int) -> float:
    script, *options = program
    command = [str(REFERENCES_PYTHON), str(REFERENCES / script), *options, url, str(warm_up), str(jobs), PAYLOAD]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise WrongAnswer(f"{script} failed: {ended.stderr.strip()}")
    told = json.loads(ended.stdout)
    if told["finished"] != jobs:
        raise WrongAnswer(f"{script} finished {told['finished']} of {jobs} jobs")
    return float(told["seconds"])
