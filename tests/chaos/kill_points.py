"""Points in a worker's life at which it kills or stops itself, wrapped around the product from outside.

A point is a moment and what is done then: ``before commit`` or ``after commit`` of a transaction, named by what it
wrote; ``before send`` (connected, not a byte written), ``inside send`` (headers without their body), ``written send``
(the venue has it all) and ``answered send`` of a request, named by who makes it and its path.
"""

from __future__ import annotations

import http.client
import os
import random
import re
import signal
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from connectors.deadline import _deadline
from connectors.http_pool import HttpPool
from database.connection import Transaction
from database.driver import ServerConnection
from routing.follower import Follower
from routing.halt_runner import HaltRunner
from routing.venue_lookup import VenueLookup

Said = list[tuple[str, dict[str, Any], list[dict[str, Any]]]]

# What comes again and again, and what comes before any order, must not hide the few moments in which one is about.
LIKELY = (
    (re.compile(r"send POST"), 1.0),
    (re.compile(r"entry claimed|exit claimed|ENTRY|EXIT"), 0.6),
    (re.compile(r" send | follow | watch |taken over"), 0.05),
    (re.compile(r"commit"), 0.1),
    (re.compile(r""), 0.005),
)

_doing: ContextVar[str] = ContextVar("doing", default="other")
# The moments of the request under way that are still to come.
_moments: ContextVar[list[str] | None] = ContextVar("moments", default=None)


class Points:
    """Acts at the first point of ``wanted`` that is passed and not let off by chance; reports it to ``path`` before.

    ``act``: KILL, STOP (until somebody continues it), or NOTE, which only reports every point that is passed.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        self._wanted = None if plan.get("wanted") is None else set(plan["wanted"])
        self._act = plan.get("act", "KILL")
        self._chance = float(plan.get("chance", 1.0))
        self._random = random.Random(plan.get("seed"))
        self._report = os.open(plan["report"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._lock = threading.Lock()
        self._armed = True

    def reach(self, name: str) -> None:
        if not self._armed or (self._wanted is not None and name not in self._wanted):
            return
        chance = self._chance
        if self._wanted is None and self._act == "KILL":
            chance *= next(likely for pattern, likely in LIKELY if pattern.search(name))
        with self._lock:
            if not self._armed or self._random.random() >= chance:
                return
            os.write(self._report, f"{os.getpid()} {name}\n".encode())
            if self._act == "KILL":
                os.kill(os.getpid(), signal.SIGKILL)
            if self._act == "STOP":
                self._armed = False
                # To this thread: any other would let this one run on for a moment.
                signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def install(plan: dict[str, Any]) -> None:
    """Wrap what commits and what sends in this process."""
    points = Points(plan)
    _wrap_database(points)
    _wrap_http(points)
    _name_doers()


def _wrap_database(points: Points) -> None:
    run, commit, rollback = Transaction.rows, ServerConnection.commit, ServerConnection.rollback

    def rows(self: Transaction, name: str, /, **values: Any) -> list[dict[str, Any]]:
        found = run(self, name, **values)
        connection: Any = self._connection
        if not connection.in_transaction:
            label = label_of([(name, values, found)])
            if label is not None:
                points.reach(f"after commit {label}")
        else:
            connection.__dict__.setdefault("said", []).append((name, values, found))
        return found

    def committed(self: Any) -> None:
        label = label_of(self.__dict__.pop("said", []))
        if label is not None:
            points.reach(f"before commit {label}")
        commit(self)
        if label is not None:
            points.reach(f"after commit {label}")

    def rolled_back(self: Any) -> None:
        self.__dict__.pop("said", None)
        rollback(self)

    Transaction.rows = rows  # type: ignore[method-assign]
    ServerConnection.commit = committed  # type: ignore[method-assign]
    ServerConnection.rollback = rolled_back  # type: ignore[method-assign]


def label_of(said: Said) -> str | None:
    """Return what a transaction did for orders, None where that is nothing."""
    rows = {name: found for name, _, found in said}
    if rows.get("write_orders"):
        return _written(rows)
    for name, words in WORDS:
        if rows.get(name):
            return words
    if rows.get("claim_exit"):
        sending = [row for row in rows["claim_exit"] if row["state"] == "SENDING"]
        return "exit claimed" if sending else "exit found nothing"
    states = {row["state"] for name in ("claim_entries", "give_up_entries") for row in rows.get(name, ())}
    if "SENDING" in states:
        return "entry claimed"
    return "entry given up" if states else None


# What a transaction is called by the first of its statements that found or changed something.
WORDS = (
    ("plan_orders", "decision with legs"),
    ("record_results", "decision"),
    ("claim_tasks", "task claimed"),
    ("give_up_exits", "exit given up"),
    ("take_over_lost", "lost leg taken over"),
    ("set_halt", "halt"),
    ("claim_halt_actions", "halt action claimed"),
    ("halt_action_ended", "halt action ended"),
    ("close_entries", "settled outside"),
)


def _written(rows: dict[str, list[dict[str, Any]]]) -> str:
    row = rows["write_orders"][0]
    replaced = " and replaced" if "next_leg" in rows else ""
    claimed = " and next claimed" if any(row["state"] == "SENDING" for row in rows.get("claim_entries", ())) else ""
    return f"{row['purpose']} {row['state']}{replaced}{claimed}"


def _wrap_http(points: Points) -> None:
    exchange, send = HttpPool.exchange, http.client.HTTPConnection.send

    def exchanged(self: Any, method: str, target: str, headers: Any, body: bytes | None) -> Any:
        name = _name(method, target)
        # Head and body leave one after the other.
        moments = ["before", "inside", "written"] if body else ["before", "written"]
        token = _moments.set([f"{moment} {name}" for moment in moments])
        try:
            answer = exchange(self, method, target, headers, body)
        finally:
            _moments.reset(token)
        points.reach(f"answered {name}")
        return answer

    def sent(self: Any, data: Any) -> None:
        moments = _moments.get() or []
        if moments and moments[0].startswith("before"):
            points.reach(moments.pop(0))
        send(self, data)
        if moments:
            points.reach(moments.pop(0))

    HttpPool.exchange = exchanged  # type: ignore[method-assign]
    http.client.HTTPConnection.send = sent  # type: ignore[method-assign]


def _name(method: str, target: str) -> str:
    doer = "send" if _deadline.get() is not None else _doing.get()
    return f"{doer} {method} {target.partition('?')[0].removeprefix('/v1')}"


def _name_doers() -> None:
    _named(Follower, "_follow", "follow")
    _named(VenueLookup, "settle_stops", "watch")
    _named(HaltRunner, "_carry_out", "halt")


def _named(owner: type, method: str, doer: str) -> None:
    original: Callable[..., Any] = getattr(owner, method)

    def named(*arguments: Any, **options: Any) -> Any:
        token = _doing.set(doer)
        try:
            return original(*arguments, **options)
        finally:
            _doing.reset(token)

    setattr(owner, method, named)
