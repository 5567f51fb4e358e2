"""Calls to a venue over kept connections: what had not left is told apart from what may have arrived."""

from __future__ import annotations

import gzip
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from connectors.deadline import not_after
from connectors.http_calls import HttpCalls
from connectors.venue import NotSent, Unclear

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"id":"1.5"}'
Answer = Callable[[socket.socket], None]


class Venue:
    """A server that reads one request at a time and answers with the next of ``answers``, bytes or an act."""

    def __init__(self) -> None:
        self.answers: list[bytes | Answer] = []
        self.requests: list[bytes] = []
        self.connections = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/v1/"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            while request := _request_from(connection):
                self.requests.append(request)
                answer = self.answers.pop(0)
                if isinstance(answer, bytes):
                    connection.sendall(answer)
                else:
                    answer(connection)
                    return


def _request_from(connection: socket.socket) -> bytes:
    """Return a request's head and body, however they arrive; nothing where the connection ends before."""
    read = b""
    while b"\r\n\r\n" not in read or len(read) < _whole(read):
        more = connection.recv(65536)
        if not more:
            return b""
        read += more
    return read


def _whole(read: bytes) -> int:
    head, gap, _ = read.partition(b"\r\n\r\n")
    told = re.search(rb"Content-Length: ([0-9]+)", head)
    return len(head + gap) + (int(told[1]) if told else 0)


@pytest.fixture
def venue() -> Iterator[Venue]:
    serving = Venue()
    yield serving
    serving.close()


@pytest.fixture
def calls(venue: Venue) -> Iterator[HttpCalls]:
    made = HttpCalls(venue.url, timeout=0.5)
    yield made
    made.close()


def closed(_: socket.socket) -> None:
    """End the connection without a word."""


def late(connection: socket.socket) -> None:
    time.sleep(0.6)
    with suppress(OSError):
        connection.sendall(OK)


def half(connection: socket.socket) -> None:
    connection.sendall(OK[:-4])


def test_a_connection_is_kept_from_one_call_to_the_next(venue: Venue, calls: HttpCalls) -> None:
    venue.answers = [OK, OK]
    for _ in range(2):
        headers = {"X-Key": "k", "user-agent": "mine"}
        reply = calls.call("POST", "/orders", json_body={"qty": 1}, params={"live": True}, headers=headers)
        assert (reply.status, reply.body) == (200, {"id": "1.5"})
    assert venue.connections == 1
    head, _, body = venue.requests[0].partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"POST /v1/orders?live=true HTTP/1.1"
    assert {b"X-Key: k", b"Content-Length: 9", b"Content-Type: application/json"} <= set(head.split(b"\r\n"))
    assert body == b'{"qty":1}'
    assert [line for line in head.split(b"\r\n") if line.lower().startswith(b"user-agent")] == [b"user-agent: mine"]


@pytest.mark.parametrize(
    "answer",
    [closed, late, half, b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n<a>"],
    ids=["closed", "late", "half", "no HTTP", "no JSON"],
)
def test_whatever_happens_once_a_request_has_left_is_unclear(
    venue: Venue, calls: HttpCalls, answer: bytes | Answer
) -> None:
    venue.answers = [OK, answer, OK]
    calls.call("GET", "/orders")
    with pytest.raises(Unclear):
        calls.call("POST", "/orders", json_body={})
    assert len(venue.requests) == 2, "it is not sent again"
    assert calls.call("GET", "/orders").status == 200
    assert len(venue.requests) == 3, "what came late answers no other call"


def test_what_cannot_leave_is_not_sent(venue: Venue, calls: HttpCalls) -> None:
    with pytest.raises(NotSent), not_after(time.monotonic() - 1):
        calls.call("POST", "/orders", json_body={})
    with pytest.raises(NotSent):
        calls.call("POST", "/orders", headers={"X-Key": "k\r\nX-Other: 1"})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = HttpCalls(f"http://127.0.0.1:{taken.getsockname()[1]}", timeout=0.5)
    with pytest.raises(NotSent):
        nobody.call("POST", "/orders")
    nobody.close()
    calls.close()
    with pytest.raises(NotSent):
        calls.call("POST", "/orders", json_body={})
    assert venue.requests == []


@pytest.mark.parametrize("address", ["ftp://venue.example", "http://venue.example:port", "venue.example", ""])
def test_an_address_that_is_none_is_refused_before_anything_is_called(address: str) -> None:
    with pytest.raises(ValueError, match=r"no address|parse"):
        HttpCalls(address, timeout=0.5)


def test_the_time_until_which_it_may_leave_is_looked_at_behind_the_connecting(venue: Venue, calls: HttpCalls) -> None:
    with pytest.raises(NotSent), not_after(time.monotonic() - 1):
        calls.call("POST", "/orders")
    wait = time.monotonic() + 2
    while venue.connections == 0 and time.monotonic() < wait:
        time.sleep(0.01)
    assert (venue.connections, venue.requests) == (1, [])


def test_a_connection_that_the_venue_has_closed_is_not_used_again(venue: Venue, calls: HttpCalls) -> None:
    """A request on it would be in doubt although it never arrived."""

    def answer_and_go(connection: socket.socket) -> None:
        connection.sendall(OK)

    venue.answers = [answer_and_go, OK]
    calls.call("GET", "/orders")
    time.sleep(0.05)
    assert calls.call("POST", "/orders").status == 200
    assert venue.connections == 2


def test_a_redirect_is_an_answer_and_cookies_are_kept(venue: Venue, calls: HttpCalls) -> None:
    redirect = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nSet-Cookie: node=7; Path=/\r\nContent-Length: 0\r\n\r\n"
    packed = gzip.compress(b'{"id":1}')
    zipped = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    chunked = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"id":2}\r\n0\r\n\r\n'
    venue.answers = [redirect, zipped + packed, chunked]
    assert calls.call("POST", "/orders").status == 302
    assert [calls.call("GET", "/orders").body for _ in range(2)] == [{"id": 1}, {"id": 2}]
    assert len(venue.requests) == 3
    assert b"\r\nCookie: node=7\r\n" in venue.requests[1]
