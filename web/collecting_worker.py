"""gunicorn's threaded worker, in which a slow sender holds a place in a list instead of a thread.

The worker it comes from gives a thread to each connection whose first byte has come, and the thread then waits for the
rest as long as the sender likes: as many slow senders as there are threads, and nobody else is served. Short requests
are answered at the desk, all others by a thread each.
"""

from __future__ import annotations

import json
import selectors
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from web.arriving import Arriving, Part
from web.desk import Desk
from web.line import Line

# From the first byte of a request, or from the beginning of a connection, until the request is there.
REQUEST_SECONDS = 10.0
# Unfinished requests when the process is told to stop.
STOPPING_SECONDS = 2.0
# All unfinished requests together.
BYTES_LIMIT = 64 * 1024 * 1024
READ_BYTES = 16 * 1024


@dataclass(slots=True)
class _Place:
    """Where an unfinished request waits: until when, by the monotonic clock, and whether its socket is watched."""

    until: float
    arriving: Arriving
    is_watched: bool = False


class CollectingWorker(ThreadWorker):
    """Hands a connection to a thread once its request is there. Deadlines are for the whole, so that trickling ends."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._arriving: dict[Any, _Place] = {}
        self._bytes = 0
        self._desk: Desk[Any] = Desk(self._answer_short, lambda all_: self.method_queue.defer(self._finish, all_))

    def init_process(self) -> None:
        """Start what the forked process does not have: threads."""
        self._desk.start()
        super().init_process()

    def enqueue_req(self, conn: Any) -> None:
        """Collect what a connection sends next; called for new ones, kept ones, and those with bytes read ahead."""
        if self.cfg.is_ssl or conn.is_http2:
            super().enqueue_req(conn)
            return
        place = _Place(time.monotonic() + REQUEST_SECONDS, Arriving())
        if not isinstance(conn.sock, Line):
            conn.sock = Line.of(conn.sock)
        conn.sock.setblocking(False)
        self._arriving[conn] = place
        if conn.parser is not None and (ahead := conn.parser.unreader.take_buffered()):
            self._take(conn, place.arriving, ahead)
        else:
            # With the request there already, as it mostly is, no other turn is needed.
            self._on_part(conn, conn.sock)
        if conn in self._arriving:
            place.is_watched = True
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_part, conn))

    def murder_pending(self) -> None:
        """Also end what has been arriving for too long; gunicorn calls this at least once a second."""
        super().murder_pending()
        now = time.monotonic() if self.alive else time.monotonic() + REQUEST_SECONDS - STOPPING_SECONDS
        while self._arriving:
            conn, place = next(iter(self._arriving.items()))
            if place.until > now:
                break
            begun = len(place.arriving.data) > 0
            answer = _answer(408, "Request Timeout", "The request did not arrive in time.") if begun else b""
            self._drop(conn, answer)

    def _on_part(self, conn: Any, client: Any) -> None:
        try:
            data = client.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if data:
            self._take(conn, self._arriving[conn].arriving, data)
        else:
            self._drop(conn)

    def _take(self, conn: Any, arriving: Arriving, data: bytes) -> None:
        self._bytes += len(data)
        part = arriving.take(data)
        if part is Part.WHOLE:
            self._forget(conn)
            conn.init()
            conn.parser.unreader.unread(bytes(arriving.data))
            conn.data_ready = True
            if arriving.is_short():
                self._desk.bring(conn)
            else:
                super().enqueue_req(conn)
        elif part is Part.HEAD_TOO_LARGE:
            self._drop(conn, _answer(431, "Request Header Fields Too Large", "The request's head is too large."))
        elif self._bytes > BYTES_LIMIT:
            self._drop(conn, _answer(503, "Service Unavailable", "Too many requests are arriving at once."))
        elif arriving.waits_to_go_on():
            with suppress(OSError):
                conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _answer_short(self, conn: Any) -> bool:
        conn.sock.hold()
        is_kept = self.handle(conn)
        # Who takes no answers has filled the system's buffers; nobody waits for him.
        return conn.sock.let_go() and bool(is_kept)

    def _finish(self, answered: Sequence[tuple[Any, bool]]) -> None:
        for conn, is_kept in answered:
            done: Future[bool] = Future()
            done.set_result(is_kept)
            self.finish_request(conn, done)

    def _drop(self, conn: Any, answer: bytes = b"") -> None:
        self._forget(conn)
        with suppress(OSError):
            conn.sock.send(answer)
        self.nr_conns -= 1
        conn.close()

    def _forget(self, conn: Any) -> None:
        place = self._arriving.pop(conn)
        self._bytes -= len(place.arriving.data)
        if place.is_watched:
            self.poller.unregister(conn.sock)


def _answer(status: int, reason: str, message: str) -> bytes:
    body = json.dumps({"status": "error", "code": reason.lower().replace(" ", "_"), "message": message}).encode()
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body
