"""A real PostgreSQL for every test that touches data: one server a run, one fresh database a test."""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extras
import pytest
from hypothesis import settings as hypothesis_settings

from database.connection import Database
from database.embedded import EmbeddedServer, start_embedded
from database.migrations import migrate
from tests.folders import data_folder

OURS = ("FTMO_", "APEX_", "TOPSTEP_", "BULENOX_", "LEELOO_", "ROUTE_TO_FIRMS", "EXECUTION_", "DATABASE_", "WEBHOOK_")
PAGE = ("ADMIN_", "VIEWER_", "SECRET_KEY", "API_", "SESSION_", "TRUSTED_", "ALERT_")

# A slow machine is no defect. In CI the examples are the same each time; at home new ones are tried.
hypothesis_settings.register_profile("home", deadline=None)
hypothesis_settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis_settings.load_profile("ci" if os.environ.get("CI") else "home")

Sql = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> Iterator[None]:
    """No test depends on what the person who runs it has configured."""
    kept = dict(os.environ)
    for name in kept:
        if name.startswith(OURS + PAGE) or name.endswith("_POINT_VALUE") or name in {"PORT", "DEFAULT_SYMBOL"}:
            del os.environ[name]
    yield
    os.environ.update(kept)


@pytest.fixture(scope="session")
def postgres() -> EmbeddedServer:
    folder = data_folder("tests")
    # Registered before the server's own, so that it runs after it: the server stops first.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    server = start_embedded(folder / "data")
    with administrator(server.url) as cursor:
        # Durability is PostgreSQL's to prove, not ours; tests that kill it turn this on again.
        for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
            cursor.execute(f"ALTER SYSTEM SET {setting}")
        cursor.execute("SELECT pg_reload_conf()")
        cursor.execute("CREATE DATABASE template_router")
    database = Database(url_of(server, "template_router"))
    migrate(database)
    database.close()
    return server


@pytest.fixture
def empty_database_url(postgres: EmbeddedServer) -> Iterator[str]:
    yield from fresh_database(postgres, "template1")


@pytest.fixture
def database_url(postgres: EmbeddedServer) -> Iterator[str]:
    yield from fresh_database(postgres)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, size=10)
    yield database
    database.close()


@pytest.fixture
def sql(database_url: str) -> Iterator[Sql]:
    connection = psycopg2.connect(database_url)
    connection.autocommit = True

    def run(text: str, *values: Any) -> list[dict[str, Any]]:
        with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            cursor.execute(text, values or None)
            return [dict(row) for row in cursor.fetchall()] if cursor.description else []

    yield run
    connection.close()


_numbers = itertools.count(1)


def url_of(server: EmbeddedServer, name: str) -> str:
    return server.url.replace("/postgres?", f"/{name}?")


@contextmanager
def administrator(url: str) -> Iterator[Any]:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        yield cursor
    connection.close()


def fresh_database(server: EmbeddedServer, template: str = "template_router") -> Iterator[str]:
    """Give a database of its own, with the schema unless another template is named."""
    name = f"test_{next(_numbers)}"
    with administrator(server.url) as cursor:
        # Without fsync the files are copied in a fraction of the time that writing them to the log takes.
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    yield url_of(server, name)
    with administrator(server.url) as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def repository() -> Path:
    return Path(__file__).parents[1]
