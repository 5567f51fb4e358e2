"""``python -m benchmarks [NAME ...] [--small] [--into FOLDER]``: measure and write the report."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import traceback
from pathlib import Path

from benchmarks import (
    account_feed,
    drain,
    fanout,
    growth,
    latency,
    live_calls,
    memory,
    page,
    profile,
    queries,
    recovery,
    send,
    wakeup,
    webhook,
    workers,
)
from benchmarks.load import WrongAnswer
from benchmarks.report import Benchmark, circumstances, keep, sections
from benchmarks.stage import BrokenInvariant, Stage

# As they run and as their sections follow each other. Each group in a process of its own, with a server of its own:
# nothing follows on the long record, which queries and growth share since it takes longer to make than to look at, nor
# on what 200,000 tasks leave behind.
GROUPS = (
    (
        profile.BENCHMARK,
        fanout.BENCHMARK,
        latency.BENCHMARK,
        account_feed.BENCHMARK,
        page.BENCHMARK,
        send.BENCHMARK,
    ),
    (drain.BENCHMARK, workers.BENCHMARK, recovery.BENCHMARK),
    (queries.BENCHMARK, growth.BENCHMARK),
    (memory.BENCHMARK,),
    (wakeup.BENCHMARK, live_calls.BENCHMARK, webhook.BENCHMARK),
)
BENCHMARKS = {benchmark.name: benchmark for group in GROUPS for benchmark in group}
# Keeps its databases for the one after it.
FILLS = queries.BENCHMARK.name
HERE = Path(__file__).parent


def main() -> int:
    """Run the benchmarks; return 1 when the service did not do what was measured. Figures are not judged."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these of {', '.join(BENCHMARKS)}")
    parser.add_argument(
        "--small", action="store_true", help="a few requests, to see that it runs; figures mean nothing"
    )
    parser.add_argument(
        "--into", type=Path, help="folder of RESULTS.md; benchmarks/, or its results/small/ with --small"
    )
    given = parser.parse_args()
    folder = given.into or (HERE / "results" / "small" if given.small else HERE)
    if unknown := [name for name in given.names if name not in BENCHMARKS]:
        parser.error(f"there is no benchmark {unknown[0]}; there are {', '.join(BENCHMARKS)}")
    if not given.names:
        return _run_all(["--small"] if given.small else [], folder)
    stage = Stage.build()
    status = 0
    for name in given.names:
        try:
            _run(BENCHMARKS[name], stage, folder, small=given.small)
        except (WrongAnswer, BrokenInvariant) as error:
            print(f"{name} failed: {error}", file=sys.stderr)
            status = 1
        except Exception:  # noqa: BLE001 - those after it are measured all the same
            traceback.print_exc()
            status = 1
        if name not in (FILLS, given.names[-1]):
            stage.clear()
    return status


def _run_all(arguments: list[str], folder: Path) -> int:
    status = 0
    for group in GROUPS:
        names = [benchmark.name for benchmark in group]
        command = [sys.executable, "-m", "benchmarks", *names, *arguments, "--into", str(folder)]
        status = max(status, subprocess.run(command, check=False).returncode)
    return status


def _run(benchmark: Benchmark, stage: Stage, folder: Path, *, small: bool) -> None:
    print(f"{benchmark.name}: starting", flush=True)
    began = time.monotonic()
    command = f"python -m benchmarks {benchmark.name}{' --small' if small else ''}"
    about = circumstances(command, stage.facts())
    result = benchmark.measure(stage, small)
    about["took"] = f"{time.monotonic() - began:.0f} s"
    keep(benchmark, result, about, folder, tuple(BENCHMARKS))
    print(sections(folder / "RESULTS.md")[benchmark.name])


if __name__ == "__main__":
    sys.exit(main())
