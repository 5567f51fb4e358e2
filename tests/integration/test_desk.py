"""Requests of one moment are answered in one go, each with its own answer; what could hold them up is kept apart."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.settings import Settings
from tests.conftest import Sql
from tests.processes import Web, entry, web_process
from web.arriving import SHORT_LIMIT, Arriving, Part
from web.desk import Desk
from web.line import Line
from web.routes import ROUTES, Access
from web_server import create_app, service_of

TOKEN = "a-token"
AT_ONCE = 60


@pytest.fixture
def web(database_url: str, tmp_path: Path) -> Iterator[Web]:
    with web_process(database_url, tmp_path / "web.log", ROUTER_ENABLED="false", API_TOKEN=TOKEN) as running:
        yield running


def asked(web: Web, requests: list[tuple[str, bytes]]) -> list[tuple[int, dict[str, object]]]:
    """Send all requests at once, each over a connection of its own; return status and body of each."""
    with ExitStack() as stack:
        connections = []
        for path, body in requests:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", web.port), timeout=15))
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
            connections.append(connection)
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode()[:-2])
        # Of each the last bytes are missing: when they come, all requests are there within a moment.
        for connection, (_, body) in zip(connections, requests, strict=True):
            connection.sendall(b"\r\n" + body)
        return [answer_on(connection) for connection in connections]


def answer_on(connection: socket.socket) -> tuple[int, dict[str, object]]:
    received = b""
    while b"\r\n\r\n" not in received or not received.rstrip().endswith(b"}"):
        received += connection.recv(65536)
    return int(received[9:12]), json.loads(received.partition(b"\r\n\r\n")[2])


def test_a_burst_shares_few_transactions_and_each_sender_gets_his_own_answer(web: Web, sql: Sql) -> None:
    bodies = [json.dumps(entry(f"T{number}")).encode() for number in range(AT_ONCE)]
    bodies[7], bodies[31] = b"{", bodies[30]
    answers = asked(web, [("/api/automated-signals/webhook", body) for body in bodies])
    told = [(status, body.get("trade_id"), body["status"]) for status, body in answers]
    assert told.pop(31)[:2] == (200, "T30")
    assert told.pop(7) == (400, None, "error")
    wanted = [number for number in range(AT_ONCE) if number not in {7, 31}]
    assert [(status, trade) for status, trade, _ in told] == [(200, f"T{number}") for number in wanted]
    stored = sql("SELECT count(*)::int AS signals, count(DISTINCT xmin::text)::int AS together FROM automated_signals")
    assert stored[0]["signals"] == AT_ONCE - 2
    assert stored[0]["together"] < AT_ONCE / 3


def test_a_burst_of_updates_of_one_account_is_taken_one_after_the_other(web: Web, sql: Sql) -> None:
    began = datetime.now(UTC) - timedelta(minutes=10)
    figures = [
        {"equity": 100_000 + number, "balance": 100_000, "timestamp": (began + timedelta(seconds=number)).isoformat()}
        for number in range(AT_ONCE)
    ]
    path = "/api/v1/accounts/FTMO/1/state"
    answers = asked(web, [(path, json.dumps(one).encode()) for one in figures])
    assert {status for status, _ in answers} == {200}
    assert {body["status"] for _, body in answers} <= {"current", "older"}
    state = sql("SELECT equity, version FROM account_states WHERE firm_code = 'FTMO' AND program_id = 1")
    assert state[0]["equity"] == 100_000 + AT_ONCE - 1


def test_the_desk_takes_signals_and_account_figures_and_nothing_else(database_url: str) -> None:
    wanted = {name for name, access in ROUTES.items() if access is Access.WEBHOOK}
    wanted |= {"accounts.state", "accounts.ninjatrader_update"}
    app = create_app(Settings.from_env({"DATABASE_URL": database_url, "ROUTER_ENABLED": "false"}))
    service_of(app).stop()
    found = set()
    for rule in app.url_map.iter_rules():
        method = "POST" if "POST" in (rule.methods or ()) else "GET"
        path = re.sub(r"<[^>]+>", "x", rule.rule)
        if short(f"{method} {path} HTTP/1.1\r\nContent-Length: 2\r\n\r\n{{}}".encode()):
            found.add(rule.endpoint)
    assert found == wanted


HEAD = b"POST /api/live-signals HTTP/1.1\r\n"
NOT_SHORT = {
    "in chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "without a length": HEAD + b"\r\n",
    "large": HEAD + f"Content-Length: {SHORT_LIMIT}\r\n\r\n".encode() + b" " * SHORT_LIMIT,
    "not read to its end": HEAD + b"Content-Length: 3000000\r\n\r\n" + b" " * 1024 * 1024,
    "a path that begins like it": b"POST /api/live-signals-of-others HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "another method": b"GET /api/live-signals HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
}


def short(request: bytes) -> bool:
    arriving = Arriving()
    assert arriving.take(request) is Part.WHOLE
    return arriving.is_short()


@pytest.mark.parametrize("name", NOT_SHORT)
def test_what_may_take_longer_is_not_for_the_desk(name: str) -> None:
    assert short(HEAD + b"Content-Length: 2\r\n\r\n{}")
    if name == "without a length":
        # It has no body to wait for.
        assert short(NOT_SHORT[name])
    else:
        assert not short(NOT_SHORT[name])


def test_an_answer_goes_out_in_one_go_and_waits_for_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(server.getsockname())
        line = Line.of(server.accept()[0])
        with line:
            line.hold()
            line.setblocking(True)
            line.sendall(b"head, ")
            line.sendall(b"body")
            client.settimeout(0.05)
            with pytest.raises(TimeoutError):
                client.recv(100)
            assert line.let_go()
            assert client.recv(100) == b"head, body"
            taken = [True]
            while taken[-1] and len(taken) < 1000:
                line.hold()
                line.sendall(b"x" * 65536)
                taken.append(line.let_go())
            assert taken.count(False) == 1, "a client that reads nothing is given up, not waited for"
            line.setblocking(True)
            assert line.gettimeout() is None
            with line.dup() as second:
                assert second.fileno() != line.fileno(), "a WebSocket takes the connection over"


def test_an_answer_that_fails_takes_no_neighbour_with_it(caplog: pytest.LogCaptureFixture) -> None:
    ended = threading.Event()
    told: list[tuple[int, bool]] = []

    def answer(one: int) -> bool:
        if one == 1:
            raise RuntimeError("broken")
        return True

    def done(answered: Sequence[tuple[int, bool]]) -> None:
        told.extend(answered)
        if len(told) == 3:
            ended.set()

    desk: Desk[int] = Desk(answer, done)
    for number in range(3):
        desk.bring(number)
    desk.start()
    assert ended.wait(10)
    assert sorted(told) == [(0, True), (1, False), (2, True)]
    assert "A request ended its call" in caplog.text
