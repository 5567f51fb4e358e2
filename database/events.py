"""Events between processes: LISTEN on a connection of its own, in a thread of its own."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable

from database.connection import DatabaseUnavailable, Subscription

CHANNEL = "router_events"
LONGEST_PAUSE_SECONDS = 5.0
# Events this close together are a burst; each would wake the thread for itself, so they are left to gather.
BURST_GAP_SECONDS = 0.003
GATHER_SECONDS = 0.01

Handler = Callable[[str], None]


class EventListener:
    """Calls ``on_event`` with the text of every event of the channel, from any process, after its commit.

    ``on_connect`` is called whenever listening begins, because events may have been missed before. A lost connection
    is noticed and opened again; the pause between tries grows to 5 s.
    """

    def __init__(self, url: str, *, on_event: Handler, on_connect: Callable[[], None], logger: logging.Logger) -> None:
        self._url = url
        self._on_event = on_event
        self._on_connect = on_connect
        self._logger = logger
        self._stopping = threading.Event()
        self._subscription: Subscription | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start listening; a second call does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="event-listener", daemon=True)
            self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Stop listening and wait for the thread, at most ``timeout`` seconds."""
        if self._thread is None or self._stopping.is_set():
            return
        self._stopping.set()
        if self._subscription is not None:
            self._subscription.interrupt()
        self._thread.join(timeout)

    def _run(self) -> None:
        tries = 0
        while not self._stopping.is_set():
            try:
                with Subscription(self._url, CHANNEL) as self._subscription:
                    tries = 0
                    self._on_connect()
                    self._listen(self._subscription)
            except DatabaseUnavailable as error:
                tries += 1
                self._logger.warning("Listener has no connection: %s", error, extra={"event": "listen_failed"})
                pause = min(LONGEST_PAUSE_SECONDS, 0.1 * 2 ** min(tries, 10))
                self._stopping.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret

    def _listen(self, subscription: Subscription) -> None:
        last = float("-inf")
        while not self._stopping.is_set():
            for payload in subscription.wait():
                self._deliver(payload)
            now = time.monotonic()
            if now - last < BURST_GAP_SECONDS:
                self._stopping.wait(GATHER_SECONDS)
            last = now

    def _deliver(self, payload: str) -> None:
        try:
            self._on_event(payload)
        except Exception:
            self._logger.exception("An event could not be delivered", extra={"event": "event_failed"})
