"""Senders who trickle: others are served meanwhile, and nobody trickles for ever. On the product's own gunicorn."""

from __future__ import annotations

import json
import select
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Sql
from tests.processes import Web, entry, wait_until, web_process

ATTACKERS = 200
POSTS = 100
PATH = "/api/automated-signals/webhook"
HEAD = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode()
# Each way sends its beginning, and then its drop again and again.
WAYS = (
    (HEAD, b"X-Slow: 1\r\n"),
    (HEAD + b"Content-Length: 5000\r\n\r\n{", b" "),
    (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    (b"G", b"E"),
)


@pytest.fixture
def web(database_url: str, tmp_path: Path) -> Iterator[Web]:
    with web_process(database_url, tmp_path / "web.log", ROUTER_ENABLED="false") as running:
        yield running


def connected(web: Web) -> socket.socket:
    return socket.create_connection(("127.0.0.1", web.port), timeout=15)


def said(connection: socket.socket) -> bytes:
    """Return everything that the server says until it closes."""
    answer = b""
    while True:
        try:
            data = connection.recv(65536)
        except ConnectionResetError:
            return answer
        if not data:
            return answer
        answer += data


class Attack:
    """Opens ATTACKERS connections and lets a drop fall into each of them every half second."""

    def __init__(self, web: Web) -> None:
        self._connections = []
        for number in range(ATTACKERS):
            connection = connected(web)
            beginning, drop = WAYS[number % len(WAYS)]
            connection.sendall(beginning)
            self._connections.append((connection, drop))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._trickle)
        self._thread.start()

    def answered(self) -> list[socket.socket]:
        """Return the connections on which the server has said something, or closed."""
        poll, by_number = select.poll(), {connection.fileno(): connection for connection, _ in self._connections}
        for number in by_number:
            poll.register(number, select.POLLIN)
        return [by_number[number] for number, _ in poll.poll(0)]

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()
        for connection, _ in self._connections:
            connection.close()

    def _trickle(self) -> None:
        while not self._stopping.wait(0.5):
            over = {connection.fileno() for connection in self.answered()}
            for connection, drop in self._connections:
                if connection.fileno() not in over:
                    connection.send(drop)


def test_two_hundred_slow_senders_delay_nobody_and_are_sent_away(web: Web, sql: Sql) -> None:
    attack = Attack(web)
    try:
        seconds = []
        for number in range(POSTS):
            began = time.monotonic()
            assert web.post(entry(f"T{number}"))[0] == 200
            seconds.append(time.monotonic() - began)
        assert statistics.quantiles(seconds, n=100)[-1] < 1
        assert attack.answered() == [], "the attack went on all the time"
        wait_until(lambda: len(attack.answered()) == ATTACKERS, what="the end of all slow requests", seconds=20)
        for connection in attack.answered():
            assert said(connection).startswith(b"HTTP/1.1 408 ")
    finally:
        attack.close()
    assert sql("SELECT count(*)::int AS n FROM automated_signals") == [{"n": POSTS}]


def test_a_request_in_parts_is_taken_as_it_is(web: Web, sql: Sql) -> None:
    """In many parts, in chunks, after a word to go on, one after the other on one connection, and two at once."""
    one, two, three, four = (json.dumps(entry(f"P{number}")).encode() for number in range(4))
    with connected(web) as connection:

        def answer() -> dict[str, str]:
            received = b""
            while b"\r\n\r\n" not in received or not received.endswith(b"}\n"):
                received += connection.recv(65536)
            assert received.startswith(b"HTTP/1.1 200 ")
            found: dict[str, str] = json.loads(received.partition(b"\r\n\r\n")[2])
            return found

        for byte in HEAD + f"Content-Length: {len(one)}\r\n\r\n".encode() + one:
            connection.send(bytes([byte]))
        assert answer()["trade_id"] == "P0"
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(two), 20):
            part = two[at : at + 20]
            connection.sendall(f"{len(part):x};ext=1\r\n".encode() + part + b"\r\n")
        connection.sendall(b"0\r\n")
        time.sleep(0.05)
        connection.sendall(b"X-Trailer: x\r\n\r\n")
        assert answer()["trade_id"] == "P1"
        connection.sendall(HEAD + f"Expect: 100-continue\r\nContent-Length: {len(three)}\r\n\r\n".encode())
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(three)
        wait_until(lambda: len(sql("SELECT 1 FROM automated_signals")) == 3, what="the third signal")
        four_whole = HEAD + f"Content-Length: {len(four)}\r\n\r\n".encode() + four
        connection.sendall(four_whole + four_whole.replace(b"P3", b"P4"))
        wait_until(lambda: len(sql("SELECT 1 FROM automated_signals")) == 5, what="two signals sent at once")


HEADS = {
    "a long line": (b"GET /" + b"x" * 5_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", {b"400", b"414"}),
    "a long field": (HEAD + b"X-Long: " + b"x" * 9_000 + b"\r\nContent-Length: 0\r\n\r\n", {b"400", b"431"}),
    "many fields": (HEAD + b"".join(b"X-%d: 1\r\n" % n for n in range(70)) + b"\r\n", {b"400", b"431"}),
    "no end": (HEAD + b"X-Much: 1\r\n" * 4_000, {b"431"}),
    "two lengths": (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}   ", {b"400"}),
    "a length below 0": (HEAD + b"Content-Length: -1\r\n\r\n", {b"400"}),
    "length and chunks": (HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {b"400"}),
    "a chunk without a size": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", {b"400"}),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", {b"400"}),
}


def test_a_head_beyond_the_limits_is_refused_at_once(web: Web, sql: Sql) -> None:
    found = {}
    for name, (request, _) in HEADS.items():
        with connected(web) as connection:
            connection.settimeout(3)
            connection.sendall(request)
            answer = said(connection)
        found[name] = answer[9:12] if answer.startswith(b"HTTP/1.1 ") else answer
    assert {name: status for name, status in found.items() if status not in HEADS[name][1]} == {}
    assert sql("SELECT count(*)::int AS n FROM automated_signals") == [{"n": 0}]
