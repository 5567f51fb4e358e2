"""Live connections end with the login that opened them."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from typing import Any

from flask_socketio import SocketIO

from database.connection import DatabaseUnavailable
from web.access import LET_IN
from web.doorkeeper import Doorkeeper, Pass

LOOK_SECONDS = 2.0


class LiveDoors:
    """Looks every two seconds which logins hold, and closes the connections of the others, whatever their namespace.

    While the record of logins cannot be reached nothing is closed: no news comes out of it either.
    """

    def __init__(self, socketio: SocketIO, keeper: Doorkeeper, logger: logging.Logger) -> None:
        # Its stubs do not know the server that it holds.
        self._socketio: Any = socketio
        self._keeper = keeper
        self._logger = logger
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live-doors", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                self.look()
            except DatabaseUnavailable:
                continue
            except Exception:  # one bad look must not leave the connections open for good
                self._logger.exception("The logins of live connections were not looked at", extra={"event": "no_look"})

    def look(self) -> None:
        """Close the connections whose login has ended. Raises DatabaseUnavailable."""
        opened = self._opened()
        if not opened:
            return
        for digest in opened.keys() - self._keeper.holding(set(opened)):
            for namespace, sid in opened[digest]:
                self._socketio.server.disconnect(sid, namespace=namespace)
            self._logger.info("A live connection ended with its login", extra={"event": "live_closed"})

    def _opened(self) -> dict[str, list[tuple[str, str]]]:
        """Return the connections by the digest of the login that opened them."""
        server = self._socketio.server
        found: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for namespace in list(server.manager.get_namespaces()):
            for sid, _ in server.manager.get_participants(namespace, None):
                environ = server.get_environ(sid, namespace)
                let_in = None if environ is None else environ.get(LET_IN)
                if isinstance(let_in, Pass) and let_in.digest is not None:
                    found[let_in.digest].append((namespace, sid))
        return found
