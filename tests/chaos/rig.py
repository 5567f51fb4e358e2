"""Workers that may die at any moment, a broker that outlives them, and signals for them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from database.connection import Database
from database.signals import SignalStore
from signals.payload import parse_signal
from tests.brokers.tradovate import TradovateServer
from tests.conftest import Sql
from tests.live import live_environment
from tests.processes import REPOSITORY, wait_until

QUICK = {
    "TASK_LEASE_SECONDS": "1",
    "TASK_MAX_ATTEMPTS": "1000",
    "TASK_RETRY_BASE_SECONDS": "0.1",
    "SEND_MAX_ATTEMPTS": "1000",
    "RECONCILE_SECONDS": "2",
    "ROUTER_POLL_INTERVAL": "0.2",
    "ES_CONTRACT": "ESZ6",
}
UNFINISHED = ("PLANNED", "SENDING", "UNRESOLVED", "ACCEPTED", "PARTIALLY_FILLED")


class Launcher:
    """``tests/chaos/killer.py`` as a process; workers are its children."""

    def __init__(self) -> None:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.killer"],
            cwd=REPOSITORY,
            env={**inherited, "PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._started: deque[int] = deque()
        self._ended: dict[int, int] = {}
        self._told = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def start(self, **order: Any) -> int:
        """Fork a worker; return its process id."""
        self._order(order)
        with self._told:
            if not self._told.wait_for(lambda: bool(self._started), 30):
                raise AssertionError("the launcher does not answer")
            return self._started.popleft()

    def signal(self, pid: int, number: signal.Signals) -> None:
        self._order({"kill": pid, "signal": int(number)})

    def status(self, pid: int) -> int | None:
        """Return the status with which a worker ended (below 0: the signal), None while it lives."""
        with self._told:
            return self._ended.get(pid)

    def wait(self, pid: int, seconds: float = 15.0) -> int:
        with self._told:
            if not self._told.wait_for(lambda: pid in self._ended, seconds):
                raise AssertionError(f"worker {pid} does not end")
            return self._ended[pid]

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(15)
        self._reader.join(15)
        self._process.stdout.close()

    def _order(self, order: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            with self._told:
                if "pid" in said:
                    self._started.append(said["pid"])
                else:
                    self._ended[said["ended"]] = said["status"]
                self._told.notify_all()


@dataclass
class Rig:
    """A database, a broker and workers on them. ``environment``: more of the workers' variables.

    ``single_session``: only the leading worker sends, otherwise all of them do.
    """

    launcher: Launcher
    database_url: str
    sql: Sql
    broker: TradovateServer
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    single_session: bool = False
    workers: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.database = Database(self.database_url, size=4)
        self.signals = SignalStore(self.database)
        self.report = self.folder / "points"
        self.report.touch()

    def environ(self, **changes: str) -> dict[str, str]:
        """What a worker's environment holds."""
        live = live_environment(self.broker, accounts=len(self.broker.book.accounts))
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {**inherited, **live, **QUICK, "DATABASE_URL": self.database_url, **self.environment, **changes}

    def start(
        self, plan: dict[str, Any] | None = None, *, mutation: str | None = None, environ: dict[str, str] | None = None
    ) -> int:
        """Start a worker that dies as ``plan`` says (see ``kill_points.Points``)."""
        pid = self.launcher.start(
            environ=environ or self.environ(),
            folder=str(self.folder),
            log=str(self.folder / "workers.log"),
            plan=None if plan is None else {**plan, "report": str(self.report)},
            mutation=mutation,
            single_session=self.single_session,
        )
        self.workers.append(pid)
        return pid

    def kill(self, pid: int, number: signal.Signals = signal.SIGKILL) -> None:
        """End a worker and wait until it is gone."""
        self.launcher.signal(pid, number)
        self.launcher.wait(pid)

    def living(self) -> list[int]:
        return [pid for pid in self.workers if self.launcher.status(pid) is None]

    def reached(self) -> list[tuple[int, str]]:
        """Return the points that workers have reported, each with the worker."""
        lines = self.report.read_text().splitlines()
        return [(int(pid), name) for pid, _, name in (line.partition(" ") for line in lines)]

    def store(self, body: Mapping[str, Any]) -> int | None:
        """Store a signal as the webhook does."""
        return self.signals.store(parse_signal(dict(body)), source="chaos", raw_body="{}").task_id

    def until_figures_are_known(self, accounts: int | None = None) -> None:
        wanted = len(self.broker.book.accounts) if accounts is None else accounts
        known = "SELECT 1 FROM account_states WHERE equity IS NOT NULL"
        wait_until(lambda: len(self.sql(known)) == wanted, what="the accounts' figures", seconds=30)

    def unfinished(self) -> list[dict[str, Any]]:
        """Return the tasks and legs that have not come to an end."""
        return self.sql(
            "SELECT 'task ' || id AS what, trade_id, event_type AS purpose, status AS state, last_error AS cause"
            " FROM execution_tasks WHERE status NOT IN ('SUCCESS', 'FAILED')"
            " UNION ALL SELECT 'order ' || id, trade_id, purpose || ' of ' || program_id, state, cause"
            f" FROM execution_orders WHERE state IN {UNFINISHED}"
        )

    def until_settled(self, *, seconds: float = 40.0) -> None:
        """Wait until every task and every leg has come to an end."""
        try:
            wait_until(lambda: not self.unfinished(), what="the end", seconds=seconds)
        except AssertionError as error:
            raise AssertionError(f"after {seconds} s not at an end: {self.unfinished()}") from error

    def until_nothing_differs(self, *, seconds: float = 15.0) -> None:
        """Wait until the reconciler has seen what is settled; what it still lists then stays listed."""
        differing = "SELECT 1 FROM order_differences WHERE settled_at IS NULL"
        with suppress(AssertionError):
            wait_until(lambda: not self.sql(differing), what="no difference", seconds=seconds)

    def close(self) -> None:
        for pid in self.living():
            self.launcher.signal(pid, signal.SIGKILL)
        for pid in self.workers:
            self.launcher.wait(pid)
        self.database.close()


@contextmanager
def rig_of(rig: Rig) -> Iterator[Rig]:
    try:
        yield rig
    finally:
        rig.close()
