"""Every connection to a database cut at once, by the server: how long until the processes that had them go on."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from benchmarks.figures import Spread
from benchmarks.mixed_tasks import wait_until_none_is_left
from benchmarks.stage import BrokenInvariant, Tables
from tests.processes import Web, wait_until

PATIENCE_SECONDS = 60.0
IN_HAND = "SELECT id FROM execution_tasks WHERE status = 'PROCESSING'"
CUT = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
# Seconds of the wall clock, in which this process reads its own, too: PostgreSQL runs on this machine.
LOGGED = """
    SELECT extract(epoch FROM created_at)::float FROM execution_logs
    WHERE task_id = ANY (%(task_ids)s) AND status = 'SUCCESS' AND created_at > to_timestamp(%(since)s)
    ORDER BY 1
"""
# How many tasks there are, were decided once, and more than once; and what failed, other than by a lost worker.
RECORD = """
    SELECT count(*), count(*) FILTER (WHERE t.status = 'SUCCESS' AND l.decided = 1),
           count(*) FILTER (WHERE l.decided > 1),
           (SELECT count(*) FROM execution_logs WHERE status <> 'SUCCESS'
                AND response_body ->> 'error' NOT LIKE '%%did not finish before its lease ended')
    FROM execution_tasks t
    LEFT JOIN (SELECT task_id, count(*) AS decided FROM execution_logs WHERE status = 'SUCCESS' GROUP BY task_id) l
      ON l.task_id = t.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """Seconds from a cut, at which the next signal is sent, to that signal's log; ``refused``: answers that said no.

    ``in_hand``: to the last log of what was in hand at the cut, ``tasks`` by cut; None where nothing ever was.
    """

    seconds: Spread
    refused: int
    in_hand: Spread | None
    tasks: list[int]


class Cutter:
    """Cuts all connections to a database again and again, and sends a signal at once each time.

    ``body`` gives an entry's body for a trade. ``sent`` counts the signals that were accepted.
    """

    def __init__(self, tables: Tables, web: Web, body: Callable[[str], bytes]) -> None:
        self._tables = tables
        self._web = web
        self._body = body
        self.sent = 0

    def cut(self, times: int, prefix: str, work: Callable[[], object] | None = None) -> Cuts:
        """Cut that often, while idle or after ``work`` has given something to do."""
        self.send(f"{prefix}_WARM")
        seconds: list[float] = []
        held_at: list[tuple[float, list[int]]] = []
        refused = 0
        for number in range(times):
            wait_until_none_is_left(self._tables, PATIENCE_SECONDS)
            # Whatever the processes do by the clock, they are somewhere else each time.
            time.sleep(random.uniform(0.2, 0.7))
            held: list[int] = []
            while work is not None and not held:
                work()
                held = self._in_hand()
            began = time.time()
            self._tables.rows(CUT)
            held_at.append((began, held))
            task_id, tries = self.send(f"{prefix}_{number}")
            refused += tries - 1
            seconds.append(self._decided(task_id, began))
            print(f"  {prefix.lower()}, cut {number + 1} of {times}: {seconds[-1]:.2f} s", flush=True)
        wait_until_none_is_left(self._tables, PATIENCE_SECONDS)
        # What was decided in the moment between the look and the cut has not waited for anything.
        later = [logs for moment, held in held_at if (logs := logged(self._tables, held, since=moment))]
        return Cuts(
            seconds=Spread.of(seconds),
            refused=refused,
            in_hand=Spread.of([logs[-1] for logs in later]) if later else None,
            tasks=[len(logs) for logs in later],
        )

    def send(self, trade_id: str) -> tuple[int, int]:
        """Send a signal as often as it is refused; return its task and how often it was sent."""
        request = Request(self._web.webhook, data=self._body(trade_id), headers={"Content-Type": "application/json"})
        deadline = time.monotonic() + PATIENCE_SECONDS
        tries = 0
        while True:
            tries += 1
            try:
                with urlopen(request, timeout=10) as answer:
                    self.sent += 1
                    return int(json.load(answer)["task_id"]), tries
            except HTTPError as error:
                error.close()
                if error.code != 503 or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _decided(self, task_id: int, since: float) -> float:
        wait_until(
            lambda: bool(logged(self._tables, [task_id], since=since)),
            what=f"the log of task {task_id}",
            seconds=PATIENCE_SECONDS,
        )
        return logged(self._tables, [task_id], since=since)[-1]

    def _in_hand(self) -> list[int]:
        """Return what is in hand at some moment of the work, nothing where it was done before."""
        time.sleep(random.uniform(0, 0.05))
        while self._tables.unfinished():
            found = [task for (task,) in self._tables.rows(IN_HAND)]
            if found:
                return found
        return []


def logged(tables: Tables, task_ids: list[int], since: float) -> list[float]:
    """Return how many seconds after that moment each of these tasks was decided; those before it are left out."""
    return [moment - since for (moment,) in tables.rows(LOGGED, task_ids=task_ids, since=since)]


def check_decided_once(tables: Tables, accepted: int) -> None:
    """Raise BrokenInvariant unless each task was decided once and none failed for another reason than a lost worker."""
    (found,) = tables.rows(RECORD)
    if found != (accepted, accepted, 0, 0):
        raise BrokenInvariant(
            f"of {accepted} tasks there are {found[0]}, {found[1]} decided once, {found[2]} more than once; "
            f"{found[3]} logs tell of other failures than a lost worker"
        )
