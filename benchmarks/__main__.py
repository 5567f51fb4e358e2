"""``python -m benchmarks [webhook|latency|accounts|send] [--small] [--into FOLDER]``: measure and write the report."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from benchmarks import account_feed, latency, send, webhook
from benchmarks.load import WrongAnswer
from benchmarks.report import circumstances, keep
from benchmarks.stage import BrokenInvariant, Stage

# The light one first: its server stays, idle, until the command ends.
NAMES = ("latency", "accounts", "send", "webhook")
HERE = Path(__file__).parent


def main() -> int:
    """Run the benchmarks; return 1 when the service did not do what was measured. Figures are not judged."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=NAMES, help="only this one; all without it")
    parser.add_argument(
        "--small", action="store_true", help="a few requests, to see that it runs; figures mean nothing"
    )
    parser.add_argument(
        "--into", type=Path, help="folder of RESULTS.md; benchmarks/, or its results/small/ with --small"
    )
    given = parser.parse_args()
    folder = given.into or (HERE / "results" / "small" if given.small else HERE)
    for name in NAMES if given.name is None else (given.name,):
        try:
            _run(name, folder, small=given.small)
        except (WrongAnswer, BrokenInvariant) as error:
            print(f"{name} failed: {error}", file=sys.stderr)
            return 1
    print((folder / "RESULTS.md").read_text(encoding="utf-8"))
    return 0


def _run(name: str, folder: Path, *, small: bool) -> None:
    print(f"{name}: starting PostgreSQL and the service", flush=True)
    stage = Stage.build()
    about = circumstances(shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]]), stage.facts())
    if name == "webhook":
        keep(name, webhook.measure(stage, webhook.SMALL if small else webhook.FULL), about, folder)
    elif name == "accounts":
        keep(name, account_feed.measure(stage, account_feed.SMALL if small else account_feed.FULL), about, folder)
    elif name == "send":
        keep(name, send.measure(stage, send.SMALL if small else send.FULL), about, folder)
    else:
        keep(name, latency.measure(stage, latency.SMALL if small else latency.FULL), about, folder)


if __name__ == "__main__":
    sys.exit(main())
