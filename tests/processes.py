"""Real processes for tests: the web process and workers, as they run in production."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]

ROUTED = {
    "ROUTE_TO_FIRMS": "FTMO,APEX",
    "FTMO_PROGRAM_IDS": "1",
    "FTMO_MAX_POSITION_SIZE": "10",
    "FTMO_1_ACCOUNT_SIZE": "100000.0",
    "FTMO_1_RISK_PER_TRADE": "0.01",
    "FTMO_1_MAX_CONTRACTS": "5",
    "FTMO_1_MAX_DAILY_LOSS": "1000.0",
    "APEX_PROGRAM_IDS": "1",
    "APEX_1_ACCOUNT_SIZE": "150000.0",
    "APEX_1_RISK_PER_TRADE": "0.01",
    "APEX_1_MAX_CONTRACTS": "10",
    "APEX_1_MAX_DAILY_LOSS": "1500.0",
}


def entry(trade_id: str, /, **changes: Any) -> dict[str, Any]:
    """A valid entry; ``changes`` replace or add fields."""
    return {
        "event_type": "SIGNAL_CREATED",
        "trade_id": trade_id,
        "direction": "Bullish",
        "entry_price": 16500.0,
        "stop_loss": 16475.0,
        "symbol": "NQ",
        **changes,
    }


def exit_of(trade_id: str, /, **changes: Any) -> dict[str, Any]:
    return {"event_type": "EXIT_SL", "trade_id": trade_id, "exit_price": 16475.0, **changes}


class Web:
    """A running web process."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, host: str = "127.0.0.1") -> None:
        self.process = process
        self.port = port
        self.url = f"http://{host}:{port}"
        self.webhook = f"{self.url}/api/automated-signals/webhook"

    def post(self, body: Any, *, path: str = "/api/automated-signals/webhook") -> tuple[int, dict[str, Any]]:
        return post(self.url + path, body)

    def health(self) -> tuple[int, dict[str, Any]]:
        return get(f"{self.url}/health")


def post(url: str, body: Any) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"}, method="POST")
    return _answer(request)


def get(url: str) -> tuple[int, dict[str, Any]]:
    return _answer(urllib.request.Request(url))


def _answer(request: urllib.request.Request) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@contextmanager
def web_process(
    database_url: str | None, log: Path, *, configured: bool = True, within: Sequence[str] = (), **environment: str
) -> Iterator[Web]:
    """Start ``python web_server.py``, with the accounts of ROUTED unless not ``configured``; wait until it answers.

    On any free port, unless ``environment`` has one; without ``database_url`` with a database of its own in DATA_DIR.
    ``within``: a command that runs it, such as one that enters a network namespace.
    """
    port = int(environment.get("PORT") or free_port())
    routed = ROUTED if configured else {}
    database = {} if database_url is None else {"DATABASE_URL": database_url}
    full = {**routed, **database, **environment, "PORT": str(port)}
    with _process(["web_server.py"], log, full, within) as process:
        web = Web(process, port, environment.get("HOST", "127.0.0.1"))
        wait_until(lambda: _answers(web), what=f"the web process to answer; its log: {log}")
        yield web


@contextmanager
def worker_process(
    database_url: str, log: Path, *, within: Sequence[str] = (), **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Start ``python execution_router.py`` and wait until its router runs."""
    full = {**ROUTED, "DATABASE_URL": database_url, **environment}
    with _process(["execution_router.py"], log, full, within) as process:
        wait_until(lambda: "worker started" in log.read_text(), what=f"the worker to start; its log: {log}")
        yield process


@contextmanager
def clock_process(database_url: str, log: Path, now: datetime, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start ``tests/clock_process.py`` with its time at ``now``; what it logs says what it did."""
    arguments = ["tests/clock_process.py", database_url, now.isoformat(), *options]
    with _process(arguments, log, {"PYTHONPATH": str(REPOSITORY)}) as process:
        yield process


@contextmanager
def sealer_process(database_url: str, log: Path, batch: int) -> Iterator[subprocess.Popen[bytes]]:
    """Start ``tests/sealer_process.py``, which seals up to ``batch`` events at a time."""
    arguments = ["tests/sealer_process.py", database_url, str(batch)]
    with _process(arguments, log, {"PYTHONPATH": str(REPOSITORY)}) as process:
        yield process


@contextmanager
def _process(
    arguments: list[str], log: Path, environment: Mapping[str, str], within: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    full = {**inherited, "HOST": "127.0.0.1", "PYTHONUNBUFFERED": "1", **environment}
    # From a folder without a .env, so that nobody's own settings get in.
    script = [*within, sys.executable, str(REPOSITORY / arguments[0]), *arguments[1:]]
    with log.open("ab") as output:
        process = subprocess.Popen(script, stdout=output, stderr=output, env=full, cwd=log.parent)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()


def wait_until(done: Callable[[], bool], *, what: str, seconds: float = 20.0) -> float:
    """Wait until ``done`` and return how many seconds that took; fails with ``what`` otherwise."""
    began = time.monotonic()
    while not done():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.02)
    return time.monotonic() - began


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(web: Web) -> bool:
    if web.process.poll() is not None:
        raise AssertionError(f"the web process ended with status {web.process.returncode}")
    try:
        web.health()
    except OSError:
        return False
    return True
