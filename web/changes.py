"""Numbered changes: every page of this process hears that something changed, and fetches again what it shows.

The numbers are this process's own and begin anew with it: ``boot`` tells one run from another. A page that misses a
number, or meets another run, fetches everything. What changed travels in the page that is fetched, not in the event.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from typing import Any

import orjson
from flask import request
from flask_socketio import SocketIO

from account_engine.account_change import ACCOUNT_CHANGED

NAMESPACE = "/page"
# Whatever comes within it travels together: in a burst a page hears ten times a second and not a hundred times.
BUNDLE_SECONDS = 0.1
ALL = "all"
TOPICS = {
    "signal_stored": "signals",
    "task_finished": "signals",
    "order": "orders",
    "halt": "halts",
    "operator_act": "acts",
    ACCOUNT_CHANGED: "accounts",
}


class ChangeFeed:
    """Counts changes and tells the pages that listen, in bundles. ``may_listen`` judges the connecting request."""

    def __init__(self, socketio: SocketIO, *, may_listen: Callable[[], bool], logger: logging.Logger) -> None:
        self.boot = uuid.uuid4().hex[:12]
        self._socketio = socketio
        self._logger = logger
        self._lock = threading.Lock()
        self._number = 0
        self._told = 0
        self._topics: set[str] = set()
        self._listeners: set[str] = set()
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

        @socketio.on("connect", namespace=NAMESPACE)
        def connected(_: Any = None) -> bool:
            if not may_listen():
                return False
            session = _session()
            with self._lock:
                self._listeners.add(session)
            socketio.emit("hello", self.position(), namespace=NAMESPACE, to=session)
            return True

        @socketio.on("disconnect", namespace=NAMESPACE)
        def gone(*_: Any) -> None:
            with self._lock:
                self._listeners.discard(_session())

    @property
    def number(self) -> int:
        """Return the number of the newest change. What is read from the record after this has it in it."""
        return self._number

    def position(self) -> dict[str, Any]:
        """Return where a page that is made now stands."""
        return {"boot": self.boot, "number": self._number}

    def heard(self, text: str) -> None:
        """Count a committed event, as its NOTIFY spells it."""
        if not self._listeners:
            # Only its being counted matters: what was made before it is no longer the newest.
            self.changed()
            return
        self.changed(TOPICS.get(orjson.loads(text).get("event"), ALL))

    def changed(self, topic: str = ALL) -> None:
        """Count a change of this topic; ALL: of anything, as after events may have been missed."""
        with self._lock:
            self._number += 1
            self._topics.add(topic)
        self._woken.set()

    def start(self) -> None:
        """Begin to tell; a second call does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="page-changes", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Tell no more."""
        self._stopping.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(2.0)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.wait()
            self._woken.clear()
            try:
                self._tell()
            except Exception:
                self._logger.exception("Changes could not be told", extra={"event": "changes_failed"})
            self._stopping.wait(BUNDLE_SECONDS)

    def _tell(self) -> None:
        with self._lock:
            after, number, topics = self._told, self._number, sorted(self._topics)
            self._told = number
            self._topics.clear()
        if number > after and self._listeners:
            bundle = {"boot": self.boot, "after": after, "number": number, "topics": topics}
            self._socketio.emit("changes", bundle, namespace=NAMESPACE)


def _session() -> str:
    return str(request.sid)  # type: ignore[attr-defined]  # set by Flask-SocketIO
