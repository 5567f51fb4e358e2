"""One WebSocket to cTrader: a thread that reads and keeps it alive, and requests that wait for their answers."""

from __future__ import annotations

import itertools
import logging
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.protocol import State
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_websocket

from connectors.deadline import check_deadline
from connectors.platforms.ctrader_waiter import Waiter, Watched
from connectors.platforms.ctrader_wire import Fields, Frame, Message, Unreadable, frame_text, read_frame, whole, wholes
from connectors.venue import NotSent, Unclear

JSON_PORT = 5036
# The venue wants one at least every 10 s.
HEARTBEAT_SECONDS = 8.0
# The venue beats, too, when it has nothing to say for 30 s; three that are missing are no accident.
SILENCE_SECONDS = 90.0
# What was not acknowledged for so long is dropped with the connection instead of being delivered at some later time.
UNDELIVERED_SECONDS = 15
LONGEST_HANDSHAKE = 5.0
LARGEST_FRAME = 15_000_000


class Connection:
    """An open connection, usable by many threads. Made by ``connect``.

    ``authorised``: accounts that may be used on it. ``news`` is handed what is no answer to any request.
    """

    def __init__(self, websocket: ClientConnection, timeout: float, news: Callable[[Frame], None]) -> None:
        self._websocket = websocket
        self._timeout = timeout
        self._news = news
        self._ids = itertools.count(1)
        self._sending = threading.Lock()
        self._lock = threading.Lock()
        self._waiters: dict[str, Waiter] = {}
        self._lost = False
        self._retired = False
        self.heard_at = time.monotonic()
        self.authorised: set[int] = set()
        self._reader = threading.Thread(target=self._read, name="ctrader-reader", daemon=True)
        self._reader.start()

    @property
    def usable(self) -> bool:
        return not self._lost and not self._retired and self._websocket.state is State.OPEN

    def send(self, message: Message, fields: Fields, watched: Watched | None = None) -> Waiter:
        """Send a request. Raises NotSent where it was not handed to the socket, Unclear where that broke off."""
        waiter = Waiter(f"pr-{next(self._ids)}", watched)
        frame = frame_text(message, fields, waiter.id)
        if not self._sending.acquire(timeout=self._timeout):
            raise NotSent("another request holds the connection")
        try:
            with self._lock:
                if not self.usable:
                    raise NotSent("the connection was lost")
                check_deadline()
                self._waiters[waiter.id] = waiter
            try:
                self._websocket.send(frame)
            except (ConnectionClosed, OSError) as error:
                self.finish(waiter)
                raise Unclear(f"the connection was lost while sending: {type(error).__name__}") from error
        finally:
            self._sending.release()
        return waiter

    def finish(self, waiter: Waiter) -> None:
        """Wait for this one no more."""
        with self._lock:
            self._waiters.pop(waiter.id, None)
            over = self._retired and not self._waiters
        if over:
            self.abort()

    def retire(self) -> None:
        """Take no more requests; end when those under way have ended."""
        with self._lock:
            self._retired = True
            over = not self._waiters
        if over:
            self.abort()

    def abort(self) -> None:
        """End at once; nothing that is still on its way out may arrive later."""
        with suppress(OSError):
            self._websocket.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._websocket.close_socket()

    def close(self) -> None:
        """Say goodbye and wait for the threads to end."""
        self._websocket.close()
        if threading.current_thread() is not self._reader:
            self._reader.join()

    def _read(self) -> None:
        beat_at = time.monotonic() + HEARTBEAT_SECONDS
        try:
            while True:
                now = time.monotonic()
                if now - self.heard_at > SILENCE_SECONDS:
                    break
                if now >= beat_at:
                    self._beat()
                    beat_at = now + HEARTBEAT_SECONDS
                with suppress(TimeoutError):
                    self._route(read_frame(self._websocket.recv(timeout=max(beat_at - now, 0))))
        except (ConnectionClosed, OSError, Unreadable, Unclear):
            # Nobody can tell what a frame that cannot be read was about: all who wait are told that it is over.
            pass
        finally:
            self._end()

    def _beat(self) -> None:
        if self._sending.acquire(timeout=1.0):
            try:
                self._websocket.send(frame_text(Message.HEARTBEAT, {}, None))
            finally:
                self._sending.release()

    def _route(self, frame: Frame) -> None:
        self.heard_at = time.monotonic()
        match frame.type:
            case Message.CLIENT_DISCONNECT_EVENT:
                self.retire()
            case Message.ACCOUNT_DISCONNECT_EVENT:
                self.authorised.discard(whole(frame.payload, "ctidTraderAccountId"))
            case Message.ACCOUNTS_TOKEN_INVALIDATED_EVENT:
                self.authorised -= wholes(frame.payload, "ctidTraderAccountIds")
            case Message.SYMBOL_CHANGED_EVENT:
                self._news(frame)
            case _:
                with self._lock:
                    waiters = list(self._waiters.values())
                for waiter in waiters:
                    if waiter.takes(frame):
                        waiter.deliver(frame)

    def _end(self) -> None:
        with self._lock:
            self._lost = True
            waiters = list(self._waiters.values())
        for waiter in waiters:
            waiter.deliver(None)
        self.abort()


def connect(url: str, timeout: float, news: Callable[[Frame], None]) -> Connection:
    """Open a connection to ``wss://host:port``. Raises NotSent."""
    try:
        address = urlsplit(url)
        host, port = address.hostname, address.port or JSON_PORT
    except ValueError as error:
        raise NotSent(f"{url}: no address: {error}", final=True) from error
    if address.scheme not in {"ws", "wss"} or not host:
        raise NotSent(f"{url}: expected wss://host:port", final=True)
    try:
        # A socket of our own: no proxy from the environment and no redirect can lead an order elsewhere.
        wire = socket.create_connection((host, port), min(timeout, LONGEST_HANDSHAKE))
        wire.settimeout(None)
        if sys.platform == "linux":
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNDELIVERED_SECONDS * 1000)
        websocket = open_websocket(
            url,
            sock=wire,
            compression=None,
            open_timeout=min(timeout, LONGEST_HANDSHAKE),
            ping_interval=None,
            close_timeout=1.0,
            max_size=LARGEST_FRAME,
            logger=_silent_logger(),
            legacy=True,
        )
    except (OSError, WebSocketException, EOFError, ValueError) as error:
        # The library says by a ValueError that it would not follow a redirect.
        raise NotSent(f"{url}: {type(error).__name__}: {error}") from error
    return Connection(websocket, timeout, news)


def _silent_logger() -> logging.Logger:
    # The library writes frames, secrets among them, into its debug log.
    logger = logging.getLogger(f"{__name__}.frames")
    logger.setLevel(logging.CRITICAL)
    return logger
