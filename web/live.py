"""Live events: what any process committed reaches this process's caches, and every page through Socket.IO."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Protocol

import orjson
from flask_socketio import SocketIO

from account_engine.account_change import ACCOUNT_CHANGED, is_of_account
from account_engine.account_view import AccountView
from config.settings import Settings
from domain.account import AccountKey
from domain.checks import verdicts_told
from web.access import is_trusted

ReadResult = Callable[[int], dict[str, Any] | None]


class AccountCache(Protocol):
    """What has to hear of changed accounts, and says where they stand."""

    def heard(self, key: AccountKey, version: int) -> None: ...
    def view(self, key: AccountKey) -> AccountView: ...


class LiveFeed:
    """Hands events on: ``signal_stored``, ``task_finished`` and one ``verdict`` per account; of accounts that changed
    ``account_update`` with the standing, and an ``alert`` or ``alert_cleared`` for each alert.

    ``accounts`` hears of every change of an account, also while nobody listens.
    """

    def __init__(
        self,
        socketio: SocketIO,
        settings: Settings,
        read_result: ReadResult,
        accounts: AccountCache | None = None,
    ) -> None:
        self._socketio = socketio
        self._read_result = read_result
        self._accounts = accounts
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
        """Send one committed event, as its NOTIFY spells it, to every listener.

        Where nobody listens a signal's event costs a search for a word, and no more.
        """
        if self._listeners <= 0 and not is_of_account(text):
            return
        event = orjson.loads(text)
        name = event.get("event")
        if name == ACCOUNT_CHANGED:
            self._account_changed(event)
        elif name == "signal_stored":
            self._socketio.emit("signal_stored", event)
        elif name == "task_finished":
            verdicts = verdicts_told(event, self._read_result)
            self._socketio.emit("task_finished", {**event, "verdicts": verdicts})
            ids = {key: event.get(key) for key in ("task_id", "trade_id", "event_type")}
            for verdict in verdicts:
                self._socketio.emit("verdict", {**ids, **verdict})
        elif name in {"order", "halt", "operator_act"}:
            self._socketio.emit(name, event)
        else:
            self._logger.warning("Unknown event %r", name, extra={"event": "unknown_event"})

    def _account_changed(self, event: dict[str, Any]) -> None:
        if self._accounts is None:
            return
        key = AccountKey(event["firm_code"], event["program_id"])
        self._accounts.heard(key, event["version"])
        if self._listeners <= 0:
            return
        # A person's order changes an account without saying where it then stands.
        standing = event.get("standing") or self._accounts.view(key).standing.as_row()
        self._socketio.emit("account_update", {**standing, "version": event["version"]})
        for alert in event.get("raised", []):
            self._socketio.emit("alert", alert)
        for alert in event.get("cleared", []):
            self._socketio.emit("alert_cleared", {**key._asdict(), **alert})
