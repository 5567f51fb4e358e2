"""Which processes run, as each of them writes down every few seconds."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from datetime import datetime

from database.connection import Database
from domain.json_text import json_text
from domain.stage_times import StageCounts


def own_name() -> str:
    """Return this process's name among the heartbeats."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Heartbeats:
    """One process's own row. Both methods raise DatabaseUnavailable."""

    def __init__(self, database: Database, *, process: str, kind: str, started_at: datetime) -> None:
        self._database = database
        self._process = process
        self._kind = kind
        self._started_at = started_at

    def beat(self, *, routes: bool, dry_run: bool, armed: Sequence[str], stages: Mapping[str, StageCounts]) -> None:
        """Say that this process runs: whether it serves the queue, and which accounts trade live by its settings.

        ``stages``: how long the stages of its work took since it began.
        """
        self._database.run(
            "beat",
            again=True,
            process=self._process,
            kind=self._kind,
            started_at=self._started_at,
            routes=routes,
            dry_run=dry_run,
            armed=list(armed),
            stages=json_text({stage: counted._asdict() for stage, counted in stages.items()}),
        )

    def stop(self) -> None:
        """Say that this process has ended as it should."""
        self._database.run("stop_beating", again=True, process=self._process)
