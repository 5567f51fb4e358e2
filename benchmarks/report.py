"""From results to ``RESULTS.md``: what was measured, where, when, of which commit, and whether it is enough."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.stage import Stage
from tests.processes import REPOSITORY

HEAD = """# Measured

Written by `python -m benchmarks`; do not edit. What is measured and how: [README.md](README.md). Throughput as least /
median / most of the rounds; latency in milliseconds, over all rounds together. Absolute figures belong to the machine,
ratios carry over.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """``measure(stage, small)`` returns a dataclass; ``section`` makes the report's lines of its JSON, heading first.

    ``small``: a few requests, to see that it runs. ``measure`` raises WrongAnswer or BrokenInvariant.
    """

    name: str
    measure: Callable[[Stage, bool], Any]
    section: Callable[[dict[str, Any]], list[str]]


def keep(benchmark: Benchmark, result: Any, about: Mapping[str, str], folder: Path, order: Sequence[str]) -> None:
    """Write a result as JSON into ``folder/results`` and as a section into ``folder/RESULTS.md``.

    Sections of other benchmarks stay as they are; ``order``: all names, as their sections follow each other.
    """
    results = folder / "results"
    results.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"about": dict(about), **asdict(result)}, indent=2)
    (results / f"{benchmark.name}.json").write_text(text + "\n", encoding="utf-8")
    facts = [f"- {fact}: {value}" for fact, value in about.items()]
    report = folder / "RESULTS.md"
    written = sections(report)
    lines = [f"<!-- {benchmark.name} -->", *benchmark.section(json.loads(text)), "", *facts, ""]
    written[benchmark.name] = "\n".join(lines)
    report.write_text("\n".join([HEAD, *(written[name] for name in order if name in written)]), encoding="utf-8")


def sections(report: Path) -> dict[str, str]:
    """Return a report's sections by the name of their benchmark; none where there is no report."""
    text = report.read_text(encoding="utf-8") if report.exists() else ""
    parts = re.split(r"^<!-- (\w+) -->\n", text, flags=re.MULTILINE)
    return {name: f"<!-- {name} -->\n{body.rstrip()}\n" for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def circumstances(command: str, server: Mapping[str, str]) -> dict[str, str]:
    """Return what a reader needs to judge or repeat the figures. Call it before measuring: it tells the load."""
    return {
        "command": command,
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": _commit(),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "load before": f"{os.getloadavg()[0]:.2f}",
        "software": f"Python {platform.python_version()}, PostgreSQL {server['server_version']}",
        "durability": ", ".join(
            f"{name}={server[name]}" for name in ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method")
        ),
        "one commit": f"{server['commit_ms']} ms (median of single-row inserts over one connection)",
    }


def _commit() -> str:
    def git(*arguments: str) -> str:
        ended = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False)
        return ended.stdout.strip() if ended.returncode == 0 else ""

    commit = git("rev-parse", "--short", "--verify", "HEAD") or "none yet"
    # The results themselves are no change of what was measured.
    changed = git("status", "--porcelain", "--", ".", ":!benchmarks/RESULTS.md")
    return f"{commit}, with uncommitted changes" if changed else commit


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
