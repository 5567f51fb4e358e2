"""The benchmarks run and write their report. Their figures are not judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import repository


@pytest.mark.parametrize(
    ("name", "section", "measured"),
    [
        ("webhook", "## Webhook", "endpoints"),
        ("latency", "## Signal to log", "deployments"),
        ("accounts", "## Account updates", "answers"),
        ("send", "## Sends", "rounds"),
    ],
)
def test_a_small_run_writes_its_report(name: str, section: str, measured: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks", name, "--small", "--into", str(tmp_path)],
        cwd=repository(),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    report = (tmp_path / "RESULTS.md").read_text()
    assert section in report
    assert f"python -m benchmarks {name} --small" in report
    kept = json.loads((tmp_path / "results" / f"{name}.json").read_text())
    assert len(kept[measured]) >= 2
    assert {"machine", "date", "commit", "command"} <= set(kept["about"])
