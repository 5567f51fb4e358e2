"""The bar on top of every page: dry-run or live, halted or not, the queue, the processes that run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from config.arming import is_armed
from config.settings import Settings
from database.connection import Row
from database.page import PageRecord
from domain.halt import HaltLevel, Scope

# A process writes every 5 s. One that has missed two of them is in trouble, one that was silent for long is gone.
LATE_SECONDS = Decimal(15)
# Longer than a burst takes to be decided.
SLOW_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltShown:
    """A halt in force."""

    id: int
    scope: str
    level: HaltLevel
    reason: str
    set_by: str
    set_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessShown:
    """A process that runs or ran; ``late``: it has not been heard of for too long."""

    name: str
    kind: str
    routes: bool
    dry_run: bool
    armed: tuple[str, ...]
    started_at: datetime
    beat_at: datetime
    late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The whole of it as of ``at``. ``armed``: the accounts that trade live by this process's settings."""

    at: datetime
    dry_run: bool
    armed: tuple[str, ...]
    accounts: int
    pending: int
    oldest_pending_at: datetime | None
    processing: int
    finished_last_minute: int
    halts: tuple[HaltShown, ...]
    processes: tuple[ProcessShown, ...]

    @property
    def routing(self) -> tuple[ProcessShown, ...]:
        """Return the processes that decide and are alive."""
        return tuple(process for process in self.processes if process.routes and not process.late)

    @property
    def late(self) -> tuple[ProcessShown, ...]:
        """Return the processes that have fallen silent."""
        return tuple(process for process in self.processes if process.late)

    @property
    def disagree(self) -> bool:
        """Return whether two living processes trade differently: one is dry, or arms other accounts."""
        return len({(process.dry_run, process.armed) for process in self.processes if not process.late}) > 1

    @property
    def live_anywhere(self) -> tuple[str, ...]:
        """Return the accounts that trade live by the settings of any process: each of them may decide what comes."""
        others = (name for process in self.processes for name in process.armed)
        return tuple(dict.fromkeys([*self.armed, *others]))

    @property
    def slow(self) -> bool:
        """Return whether a task has been waiting for longer than it should."""
        oldest = self.oldest_pending_at
        return oldest is not None and (self.at - oldest).total_seconds() > SLOW_SECONDS


class StatusReader:
    """Reads the status. What is armed follows from the settings and is worked out once."""

    def __init__(self, settings: Settings, record: PageRecord) -> None:
        self._settings = settings
        self._record = record
        self._armed = tuple(str(account) for account in settings.accounts if is_armed(account, settings))

    def read(self) -> Status:
        """Return the status as of now. Raises DatabaseUnavailable."""
        row = self._record.status()
        return Status(
            at=row["at"],
            dry_run=self._settings.dry_run,
            armed=self._armed,
            accounts=len(self._settings.accounts),
            pending=row["pending"],
            oldest_pending_at=row["oldest_pending_at"],
            processing=row["processing"],
            finished_last_minute=row["finished_last_minute"],
            halts=tuple(_halt(halt) for halt in row["halts"]),
            processes=tuple(_process(process) for process in row["processes"]),
        )


def _halt(row: Row) -> HaltShown:
    return HaltShown(
        id=row["id"],
        scope=str(Scope(firm_code=row["firm_code"], program_id=row["program_id"])),
        level=HaltLevel(row["level"]),
        reason=row["reason"],
        set_by=row["set_by"],
        set_at=datetime.fromisoformat(row["set_at"]),
    )


def _process(row: dict[str, Any]) -> ProcessShown:
    return ProcessShown(
        name=row["process"],
        kind=row["kind"],
        routes=row["routes"],
        dry_run=row["dry_run"],
        armed=tuple(row["armed"]),
        started_at=datetime.fromisoformat(row["started_at"]),
        beat_at=datetime.fromisoformat(row["beat_at"]),
        late=row["age"] > LATE_SECONDS,
    )
