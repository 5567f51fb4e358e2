"""A web process's application inside the test, on the test's own database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from config.settings import Settings
from control.__main__ import main
from database.embedded import EmbeddedServer
from tests.backups import Run
from tests.conftest import fresh_database
from tests.processes import ROUTED
from web_server import create_app, service_of

MakeApp = Callable[..., Flask]


@pytest.fixture
def make_app(database_url: str) -> Iterator[MakeApp]:
    """Make applications; environment variables as keywords, routing nobody else than ROUTED."""
    made: list[Flask] = []

    def make(**environment: str) -> Flask:
        app = create_app(Settings.from_env({**ROUTED, "DATABASE_URL": database_url, **environment}))
        made.append(app)
        return app

    yield make
    for app in made:
        service_of(app).stop()


@pytest.fixture
def other_url(postgres: EmbeddedServer) -> Iterator[str]:
    """An empty database to restore into."""
    yield from fresh_database(postgres, "template1")


@pytest.fixture
def on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command within the test on a database: exit status, output, errors."""
    monkeypatch.chdir(tmp_path)
    for name, value in ROUTED.items():
        monkeypatch.setenv(name, value)

    def command(url: str, *arguments: object) -> tuple[int, str, str]:
        monkeypatch.setenv("DATABASE_URL", url)
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return command
