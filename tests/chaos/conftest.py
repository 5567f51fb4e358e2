"""A launcher for each test process, a rig for each test, and what ``make chaos`` prints at its end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.brokers.tradovate import TradovateServer
from tests.chaos.rig import Launcher, Rig, rig_of
from tests.chaos.storm import Kill, table
from tests.conftest import Sql
from tests.live import tradovate

MakeRig = Callable[..., Rig]


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    running = Launcher()
    yield running
    running.close()


@pytest.fixture
def broker() -> Iterator[TradovateServer]:
    with tradovate("ACC1", "ACC2", "ACC3") as running:
        yield running


@pytest.fixture
def rig(launcher: Launcher, database_url: str, sql: Sql, broker: TradovateServer, tmp_path: Path) -> Iterator[Rig]:
    with ExitStack() as stack:
        yield stack.enter_context(rig_of(Rig(launcher, database_url, sql, broker, tmp_path)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the kills of every storm, by the point at which they happened."""
    kills: list[Kill] = []
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        kills += [Kill(**kill) for name, text in report.user_properties if name == "kills" for kill in json.loads(text)]
    if kills:
        terminalreporter.write_sep("=", f"{len(kills)} kills")
        terminalreporter.write_line(table(kills))
