"""The thread by which a process says that it runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime

from config.arming import is_armed
from config.settings import Settings
from database.connection import Database, DatabaseUnavailable
from database.heartbeats import Heartbeats, own_name
from domain.stage_times import StageCounts
from routing.leader_loop import LeaderLoop

BEAT_SECONDS = 5.0


class Heartbeat:
    """Writes this process's row every 5 s, off the hot path.

    ``routes`` says whether it serves the queue just now, ``stages`` how long the stages of its work took.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        kind: str,
        routes: Callable[[], bool],
        stages: Callable[[], Mapping[str, StageCounts]],
        logger: logging.Logger,
    ) -> None:
        self._settings = settings
        self._routes = routes
        self._stages = stages
        self._armed = [str(account) for account in settings.accounts if is_armed(account, settings)]
        self._row = Heartbeats(database, process=own_name(), kind=kind, started_at=datetime.now(UTC))
        self._loop = LeaderLoop("heartbeat", self._beat, _Everybody(), interval=BEAT_SECONDS, logger=logger)

    def start(self) -> None:
        """Begin; a second call does nothing."""
        self._loop.start()

    def stop(self) -> None:
        """End, and take the row away: a process that was stopped is not missing."""
        if self._loop.is_alive():
            self._loop.stop(2.0)
            with suppress(DatabaseUnavailable):
                self._row.stop()

    def _beat(self) -> None:
        self._row.beat(routes=self._routes(), dry_run=self._settings.dry_run, armed=self._armed, stages=self._stages())


class _Everybody:
    """Each process speaks for itself."""

    def is_leader(self) -> bool:
        return True
