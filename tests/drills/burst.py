"""Signals that keep coming while something breaks, and what has to be true of them afterwards."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.drills.server import Record
from tests.processes import entry, wait_until

# TradingView gives up after 3 s.
SENDER_SECONDS = 3.0
PATH = "/api/automated-signals/webhook"


@dataclass(frozen=True)
class Answer:
    """What one post came to; ``status`` is None where there was no answer at all."""

    trade_id: str
    status: int | None
    sent_at: float
    seconds: float


class Burst:
    """Posts signals from ``senders`` threads, one every ``gap`` seconds each; ``url`` says where, anew for each.

    ``keeps``: each sender uses one connection as long as the server does not say that it closes it.
    """

    def __init__(
        self,
        url: Callable[[], str],
        *,
        senders: int = 4,
        gap: float = 0.04,
        name: str = "B",
        body: Callable[[str], dict[str, Any]] = entry,
        keeps: bool = False,
    ) -> None:
        self._url = url
        self._gap = gap
        self._name = name
        self._body = body
        self._keeps = keeps
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self.answers: list[Answer] = []
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(senders)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def accepted(self) -> list[str]:
        """Return the trades whose signal was answered with 200."""
        with self._lock:
            return [answer.trade_id for answer in self.answers if answer.status == 200]

    def statuses(self) -> set[int | None]:
        with self._lock:
            return {answer.status for answer in self.answers}

    def refused_after(self, moment: float) -> int:
        """Return how many of the signals that were sent after ``moment`` were not accepted."""
        with self._lock:
            return sum(answer.status != 200 for answer in self.answers if answer.sent_at > moment)

    def slowest(self) -> float:
        with self._lock:
            return max(answer.seconds for answer in self.answers)

    def until_accepted_after(self, moment: float, *, seconds: float = 30.0) -> float:
        """Wait until a signal sent after ``moment`` is accepted; return the seconds from then to its answer."""

        def ends() -> list[float]:
            with self._lock:
                return [a.sent_at + a.seconds for a in self.answers if a.status == 200 and a.sent_at > moment]

        wait_until(lambda: bool(ends()), what="an accepted signal", seconds=seconds)
        return min(ends()) - moment

    def _send(self, sender: int) -> None:
        number, connection = 0, None
        while not self._stopping.wait(self._gap):
            trade_id = f"{self._name}{sender}_{number}"
            number += 1
            began = time.monotonic()
            if connection is None:
                address = urllib.parse.urlsplit(self._url())
                connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=15)
            status, stays = post_once(connection, self._body(trade_id))
            if not (stays and self._keeps):
                connection.close()
                connection = None
            with self._lock:
                self.answers.append(Answer(trade_id, status, began, time.monotonic() - began))
        if connection is not None:
            connection.close()


def post_once(connection: http.client.HTTPConnection, body: dict[str, Any]) -> tuple[int | None, bool]:
    """Post a body as TradingView does, once; return the answer's status, None for no answer, and whether to go on."""
    try:
        connection.request("POST", PATH, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return None, False
    return answer.status, not answer.will_close


@contextmanager
def bursting(burst: Burst) -> Iterator[Burst]:
    burst.start()
    try:
        yield burst
    finally:
        burst.stop()


def until_decided(record: Record, trades: list[str], *, seconds: float = 30.0) -> float:
    """Wait until each of these trades has its log; return how long that took."""
    logged = "SELECT count(DISTINCT trade_id) FROM execution_logs WHERE status = 'SUCCESS' AND trade_id IN ({})"
    names = ", ".join(f"'{trade}'" for trade in trades) or "''"
    return wait_until(
        lambda: record.value(logged.format(names)) == len(trades), what="every accepted signal's log", seconds=seconds
    )


def nothing_lost_or_doubled(record: Record, trades: list[str]) -> None:
    """Hold the record against the answers: each accepted signal is stored once, has one task and was decided once."""
    stored = dict(record.rows("SELECT trade_id, count(*) FROM automated_signals GROUP BY trade_id"))
    tasks = dict(record.rows("SELECT trade_id, count(*) FROM execution_tasks GROUP BY trade_id"))
    logs = dict(record.rows("SELECT trade_id, count(*) FROM execution_logs WHERE status = 'SUCCESS' GROUP BY trade_id"))
    assert {trade for trade in trades if trade not in stored} == set(), "accepted and not stored"
    assert stored == tasks, "a signal without its task, or a task without its signal"
    assert set(stored.values()) <= {1}
    assert {trade: logs.get(trade) for trade in trades} == dict.fromkeys(trades, 1)
    assert set(logs.values()) <= {1}, "decided twice"
    assert record.rows("SELECT trade_id, last_error FROM execution_tasks WHERE status = 'FAILED'") == []
