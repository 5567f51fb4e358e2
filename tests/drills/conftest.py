"""A server for each drill, and the seconds to recover that the drills print at the end."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from database.embedded import EmbeddedServer
from tests.drills.server import Server, copy_cluster

Recovered = Callable[[str, float], None]


@pytest.fixture
def server(postgres: EmbeddedServer) -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="router-drill-"))
    folder.chmod(0o755)
    copy_cluster(postgres, folder / "data")
    running = Server(postgres.psql.parent, folder / "data")
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture
def recovered(record_property: Callable[[str, object], None]) -> Recovered:
    """Takes what was waited for and the seconds it took."""

    def record(what: str, seconds: float) -> None:
        record_property("recovery", f"{what}: {seconds:.1f} s")

    return record


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how long each recovery took."""
    reports = (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed"))
    lines = [text for report in reports for name, text in report.user_properties if name == "recovery"]
    if lines:
        terminalreporter.write_sep("=", "seconds to recover")
        for line in sorted(set(map(str, lines))):
            terminalreporter.write_line(line)
