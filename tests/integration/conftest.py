"""A web process's application inside the test, on the test's own database."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from config.settings import Settings
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
