"""A real HTTP server that speaks a broker's protocol over an order book, and misbehaves when it is told to."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from domain.json_text import json_text
from tests.brokers.book import OrderBook


class Fault(Enum):
    """What goes wrong with one call. TAKEN: the broker acts and its answer does not arrive as it should."""

    RESET = "the connection is reset before anything was done"
    SERVER_ERROR = "500 before anything was done"
    HANG = "nothing is done, nothing is answered, for `seconds`"
    RATE_LIMIT = "429 with Retry-After"
    TAKEN_RESET = "done, then the connection is reset"
    TAKEN_CLOSE = "done, then closed without an answer"
    TAKEN_HANG = "done, then nothing is answered for `seconds`"
    TAKEN_SERVER_ERROR = "done, then 500"
    TAKEN_GARBAGE = "done, then an answer that is no JSON"
    TAKEN_HALF = "done, then half of the answer"
    DELAY = "done and answered, after `seconds`"
    TWICE = "done twice, as by a proxy that repeats a request; the second answer is sent"


@dataclass
class Planned:
    fault: Fault
    path: str
    times: int
    seconds: float


@dataclass
class Call:
    """One call as it came in. ``at`` in Unix seconds."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    at: float = field(default_factory=time.time)


Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]]


class BrokerServer:
    """Base of the HTTP simulators: subclasses implement ``answer``. Use as a ``with``."""

    def __init__(self, book: OrderBook) -> None:
        self.book = book
        self.calls: list[Call] = []
        self.connections = 0
        self._faults: deque[Planned] = deque()
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0

    # What a protocol fills in.

    def answer(self, call: Call) -> Answer:
        """Act on a call; return HTTP status, the body, which is sent as JSON, and headers if any."""
        # cTrader's broker speaks over a WebSocket and knows no call.
        return 404, {"error": f"nothing is at {call.path}"}

    def forget_sessions(self) -> None:
        """Forget every token that was given out, as a restart does."""

    # What tests use.

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def misbehave(self, fault: Fault, path: str = "", *, times: int = 1, seconds: float = 5.0) -> None:
        """Let the next ``times`` calls whose path contains ``path`` go wrong."""
        with self._lock:
            self._faults.append(Planned(fault, path, times, seconds))

    def behave(self) -> None:
        with self._lock:
            self._faults.clear()

    def calls_to(self, path: str) -> list[Call]:
        return [call for call in list(self.calls) if path in call.path]

    def stop(self) -> None:
        """Refuse connections from now on; the books stay."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def start(self) -> None:
        """Listen, on the port of before where there was one."""
        handler = type("Handler", (_Handler,), {"broker": self})
        self._server = _Server(("127.0.0.1", self._port), handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True).start()

    def restart(self) -> None:
        """Go away and come back on the same port with the same books; sessions are gone."""
        self.stop()
        self.forget_sessions()
        self.start()

    def __enter__(self) -> Any:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def take_fault(self, path: str) -> Planned | None:
        with self._lock:
            for planned in self._faults:
                if planned.path in path and planned.times > 0:
                    planned.times -= 1
                    return planned
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    broker: BrokerServer
    protocol_version = "HTTP/1.1"
    # Two small writes and a delayed acknowledgement would cost 40 ms a call.
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self.broker.connections += 1

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the base class's names

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        parts = urlsplit(self.path)
        call = Call(
            method=self.command,
            path=parts.path,
            query={name: values[0] for name, values in parse_qs(parts.query).items()},
            headers={name.lower(): value for name, value in self.headers.items()},
            body=json.loads(raw) if raw else None,
        )
        self.broker.calls.append(call)
        planned = self.broker.take_fault(parts.path)
        if planned is None:
            self._send(*self.broker.answer(call))
        else:
            self._go_wrong(planned, call)

    def _go_wrong(self, planned: Planned, call: Call) -> None:  # noqa: C901 - one case a fault
        match planned.fault:
            case Fault.RESET:
                self._reset()
            case Fault.SERVER_ERROR:
                self._send(500, {"error": "internal error"})
            case Fault.HANG:
                time.sleep(planned.seconds)
                self._reset()
            case Fault.RATE_LIMIT:
                self._send(429, {"error": "too many requests"}, {"Retry-After": str(planned.seconds)})
            case Fault.TAKEN_RESET:
                self.broker.answer(call)
                self._reset()
            case Fault.TAKEN_CLOSE:
                self.broker.answer(call)
                self.close_connection = True
            case Fault.TAKEN_HANG:
                self.broker.answer(call)
                time.sleep(planned.seconds)
                self._reset()
            case Fault.TAKEN_SERVER_ERROR:
                self.broker.answer(call)
                self._send(500, {"error": "internal error"})
            case Fault.TAKEN_GARBAGE:
                self.broker.answer(call)
                self._send_bytes(200, b"<html>upstream timed out</html>", {})
            case Fault.TAKEN_HALF:
                status, body, *_ = self.broker.answer(call)
                data = json_text(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[: len(data) // 2])
                self.wfile.flush()
                self._reset()
            case Fault.DELAY:
                answer = self.broker.answer(call)
                time.sleep(planned.seconds)
                self._send(*answer)
            case Fault.TWICE:
                self.broker.answer(call)
                self._send(*self.broker.answer(call))

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = b"" if body is None else json_text(body).encode()
        self._send_bytes(status, data, headers or {})

    def _send_bytes(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()
