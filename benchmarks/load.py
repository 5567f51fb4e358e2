"""The load generator: one process, one thread, many keep-alive connections. ``python -m benchmarks.load`` is a round.

Each connection sends its next request as soon as it has the answer to the last one. Requests are built before the clock
starts and answers are checked after it has stopped, so that the generator takes little of the machine it measures.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

HOST = "127.0.0.1"
PATIENCE_SECONDS = 30.0


class WrongAnswer(Exception):
    """An endpoint did not answer as it has to; what was measured means nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round: its length in seconds, and each request's latency in nanoseconds, in the order of the answers."""

    seconds: float
    latencies_ns: list[int]


def alert(trade_id: str) -> bytes:
    """Return an entry as a sender's alert spells it, about 330 bytes."""
    body = {
        "event_type": "SIGNAL_CREATED",
        "trade_id": trade_id,
        "symbol": "NQ",
        "direction": "Bullish",
        "entry_price": 16500.25,
        "stop_loss": 16475.5,
        "contracts": 1,
        "session": "NY AM",
        "bias": "Bullish",
        "timestamp": "2025-11-22T14:30:00Z",
        "strategy": "opening range, both sides, one trade a session",
        "comment": "sent by the alert of the five minute chart",
    }
    return json.dumps(body).encode()


def message(prefix: str, number: int, trades: int, of_trade: int) -> bytes:
    """Return the message of that number, where of each trade an entry comes first, then updates, then an exit.

    All entries come before the first update; ``of_trade`` messages of a trade, one of which is its entry.
    """
    trade_id, step = f"{prefix}_{number % trades}", number // trades
    if step == 0:
        return alert(trade_id)
    body: dict[str, Any] = {"trade_id": trade_id, "timestamp": "2025-11-22T14:31:00Z", "be_mfe": step * 0.25}
    if step == of_trade - 1:
        body |= {"event_type": "EXIT_SL", "exit_price": 16475.5}
    else:
        body |= {"event_type": "MFE_UPDATE", "no_be_mfe": step * 0.5, "current_price": 16510.25}
    return json.dumps(body).encode()


def post_bytes(path: str, body: bytes) -> bytes:
    """Return one HTTP/1.1 request, ready to send."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection:
    """One keep-alive connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port), timeout=PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.began_ns = 0
        self._received = b""

    def send(self, request: bytes) -> None:
        """Send a request; ``began_ns`` is the moment just before."""
        self._received = b""
        self.began_ns = time.perf_counter_ns()
        self.socket.sendall(request)

    def receive(self) -> bytes | None:
        """Take what has come in and return the answer once it is whole. Blocks while nothing has."""
        chunk = self.socket.recv(65536)
        if not chunk:
            raise WrongAnswer(f"the connection was closed after {self._received!r}")
        self._received += chunk
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or len(body) < _content_length(head):
            return None
        return self._received

    def ask(self, request: bytes) -> bytes:
        """Send a request and return its whole answer."""
        self.send(request)
        while (answer := self.receive()) is None:
            pass
        return answer


def checked(answer: bytes, status: str) -> dict[str, Any]:
    """Return the JSON of a 200 whose ``status`` is this one. Raises WrongAnswer for any other answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    try:
        said = json.loads(body)
    except ValueError as error:
        raise WrongAnswer(f"no JSON: {answer!r}") from error
    if head.split(b" ", 2)[1] != b"200" or said.get("status") != status:
        raise WrongAnswer(f"not the 200 with {status}: {answer!r}")
    return dict(said)


def drive(port: int, requests: Sequence[bytes], connections: int) -> tuple[Round, list[bytes]]:
    """Send every request over this many connections; return the round and the answers, unchecked."""
    latencies: list[int] = []
    answers: list[bytes] = []
    waiting = iter(requests)
    with selectors.DefaultSelector() as selector:
        opened = [Connection(port) for _ in range(min(connections, len(requests)))]
        for connection in opened:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        began = time.perf_counter_ns()
        for connection in opened:
            connection.send(next(waiting))
        while len(answers) < len(requests):
            ready = selector.select(PATIENCE_SECONDS)
            if not ready:
                raise WrongAnswer(f"no answer for {PATIENCE_SECONDS} s, {len(answers)} of {len(requests)} came")
            for key, _ in ready:
                connection = key.data
                answer = connection.receive()
                if answer is None:
                    continue
                latencies.append(time.perf_counter_ns() - connection.began_ns)
                answers.append(answer)
                request = next(waiting, None)
                if request is not None:
                    connection.send(request)
        seconds = (time.perf_counter_ns() - began) / 1e9
        for connection in opened:
            connection.socket.close()
    return Round(seconds=seconds, latencies_ns=latencies), answers


def main() -> int:
    """Drive one round and print it as JSON; return 1 with the reason on stderr when an answer was wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--requests", type=int, required=True)
    parser.add_argument("--prefix", required=True, help="the trade ids begin with it; never use one twice")
    parser.add_argument("--of-trade", type=int, default=1, help="messages of each trade; 1: every one is an entry")
    parser.add_argument("--status", default="accepted", help="what every answer's JSON has to say")
    given = parser.parse_args()
    trades = given.requests // given.of_trade
    bodies = [message(given.prefix, number, trades, given.of_trade) for number in range(trades * given.of_trade)]
    requests = [post_bytes(given.path, body) for body in bodies]
    try:
        measured, answers = drive(given.port, requests, given.connections)
        for answer in answers:
            checked(answer, given.status)
    except (WrongAnswer, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    json.dump({"seconds": measured.seconds, "latencies_ns": measured.latencies_ns}, sys.stdout)
    return 0


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise WrongAnswer(f"an answer without Content-Length: {head!r}")


if __name__ == "__main__":
    sys.exit(main())
