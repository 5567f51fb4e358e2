"""Live events to browsers: what any process committed reaches every page through NOTIFY and Socket.IO."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from typing import Any

from flask_socketio import SocketIO

from config.settings import Settings
from domain.checks import verdict_of
from web.access import is_trusted

ReadResult = Callable[[int], dict[str, Any] | None]


class LiveFeed:
    """Hands events on as ``signal_stored``, ``task_finished`` and one ``verdict`` per account."""

    def __init__(self, socketio: SocketIO, settings: Settings, read_result: ReadResult) -> None:
        self._socketio = socketio
        self._read_result = read_result
        self._logger = logging.getLogger("web.live")
        self._lock = threading.Lock()
        self._listeners = 0

        @socketio.on("connect")
        def may_listen(auth: dict[str, Any] | None = None) -> bool:
            token = auth.get("token") if isinstance(auth, dict) else None
            allowed = is_trusted(settings, token if isinstance(token, str) else None)
            self._count(1 if allowed else 0)
            return allowed

        @socketio.on("disconnect")
        def gone(*_: Any) -> None:
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._lock:
            self._listeners += change

    def deliver(self, text: str) -> None:
        """Send one committed event, as its NOTIFY spells it, to every listener; costs nothing where nobody listens."""
        if self._listeners <= 0:
            return
        event = json.loads(text)
        name = event.get("event")
        if name == "signal_stored":
            self._socketio.emit("signal_stored", event)
        elif name == "task_finished":
            verdicts = self._verdicts(event)
            self._socketio.emit("task_finished", {**event, "verdicts": verdicts})
            ids = {key: event.get(key) for key in ("task_id", "trade_id", "event_type")}
            for verdict in verdicts:
                self._socketio.emit("verdict", {**ids, **verdict})
        else:
            self._logger.warning("Unknown event %r", name, extra={"event": "unknown_event"})

    def _verdicts(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the event's verdicts; those of many accounts do not fit a NOTIFY and are read from the record."""
        verdicts = event.get("verdicts", [])
        if verdicts is None:
            found = self._read_result(int(event["task_id"]))
            body = {} if found is None else found["response_body"] or {}
            return [verdict_of(row) for row in body.get("connector_results", [])]
        return list(verdicts)
