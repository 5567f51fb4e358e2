"""``python -m benchmarks [NAME ...] [--small] [--into FOLDER]``: measure and write the report."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
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

# As they run and as their sections follow each other.
BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        profile.BENCHMARK,
        fanout.BENCHMARK,
        latency.BENCHMARK,
        account_feed.BENCHMARK,
        page.BENCHMARK,
        send.BENCHMARK,
        drain.BENCHMARK,
        workers.BENCHMARK,
        recovery.BENCHMARK,
        queries.BENCHMARK,
        growth.BENCHMARK,
        memory.BENCHMARK,
        wakeup.BENCHMARK,
        live_calls.BENCHMARK,
        webhook.BENCHMARK,
    )
}
# These share a long record, which takes longer to make than to look at.
TOGETHER = (queries.BENCHMARK.name, growth.BENCHMARK.name)
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
    for name in given.names:
        try:
            _run(BENCHMARKS[name], stage, folder, small=given.small)
        except (WrongAnswer, BrokenInvariant) as error:
            print(f"{name} failed: {error}", file=sys.stderr)
            return 1
    return 0


def _run_all(arguments: list[str], folder: Path) -> int:
    # Each in a process of its own: its server is gone before the next one starts.
    groups = dict.fromkeys(TOGETHER if name in TOGETHER else (name,) for name in BENCHMARKS)
    return max(
        subprocess.run(
            [sys.executable, "-m", "benchmarks", *names, *arguments, "--into", str(folder)], check=False
        ).returncode
        for names in groups
    )


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
