"""``python -m benchmarks [NAME] [--small] [--into FOLDER]``: measure and write the report."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks import (
    account_feed,
    drain,
    fanout,
    growth,
    latency,
    memory,
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
        send.BENCHMARK,
        drain.BENCHMARK,
        workers.BENCHMARK,
        recovery.BENCHMARK,
        growth.BENCHMARK,
        queries.BENCHMARK,
        memory.BENCHMARK,
        wakeup.BENCHMARK,
        webhook.BENCHMARK,
    )
}
HERE = Path(__file__).parent


def main() -> int:
    """Run the benchmarks; return 1 when the service did not do what was measured. Figures are not judged."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=BENCHMARKS, help="only this one; all without it")
    parser.add_argument(
        "--small", action="store_true", help="a few requests, to see that it runs; figures mean nothing"
    )
    parser.add_argument(
        "--into", type=Path, help="folder of RESULTS.md; benchmarks/, or its results/small/ with --small"
    )
    given = parser.parse_args()
    folder = given.into or (HERE / "results" / "small" if given.small else HERE)
    if given.name is None:
        # Each in a process of its own: its server is gone before the next one starts.
        arguments = [*(["--small"] if given.small else []), "--into", str(folder)]
        ended = [
            subprocess.run([sys.executable, "-m", "benchmarks", name, *arguments], check=False).returncode
            for name in BENCHMARKS
        ]
        return max(ended)
    try:
        _run(BENCHMARKS[given.name], folder, small=given.small)
    except (WrongAnswer, BrokenInvariant) as error:
        print(f"{given.name} failed: {error}", file=sys.stderr)
        return 1
    return 0


def _run(benchmark: Benchmark, folder: Path, *, small: bool) -> None:
    print(f"{benchmark.name}: starting", flush=True)
    stage = Stage.build()
    command = f"python -m benchmarks {benchmark.name}{' --small' if small else ''}"
    about = circumstances(command, stage.facts())
    keep(benchmark, benchmark.measure(stage, small), about, folder, tuple(BENCHMARKS))
    print(sections(folder / "RESULTS.md")[benchmark.name])


if __name__ == "__main__":
    sys.exit(main())
