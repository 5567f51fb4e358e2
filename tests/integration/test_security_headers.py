"""What every answer of the web process carries, whoever gives it."""

from __future__ import annotations

import socket
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.integration.conftest import MakeApp
from tests.processes import entry, web_process

TLS = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
DATA = "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("GET", "/login", 200),
        ("GET", "/nowhere", 404),
        ("DELETE", "/health", 405),
        ("GET", "/api/v1/accounts", 200),
        ("POST", "/api/automated-signals/webhook", 400),
        ("POST", "/api/halts", 403),
        ("POST", "/login", 400),
    ],
)
def test_each_kind_of_answer_has_them(make_app: MakeApp, method: str, path: str, status: int) -> None:
    client = make_app(ROUTER_ENABLED="false", TRUSTED_PROXIES="1").test_client()
    with client.open(path, method=method, headers={} if path.startswith("/api/v1") else TLS) as answer:
        assert answer.status_code == status
        assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
        policy = answer.headers.getlist("Content-Security-Policy")
        assert len(policy) == 1
        assert "unsafe" not in policy[0]
        assert "frame-ancestors 'none'" in policy[0]
        assert (policy[0] == DATA) == (not answer.content_type.startswith("text/html"))
        assert "camera=()" in answer.headers["Permissions-Policy"]
        assert answer.headers.getlist("Cache-Control") == ["no-store"]
        assert ("Strict-Transport-Security" in answer.headers) == (not path.startswith("/api/v1"))


@pytest.mark.parametrize(
    ("host", "sockets"),
    [
        ("router.example", " ws://router.example wss://router.example"),
        ("[::1]:5000", " ws://[::1]:5000 wss://[::1]:5000"),
        ("evil.example; script-src *", ""),
        ("a'b", ""),
    ],
)
def test_a_pages_policy_names_its_own_server_and_nothing_that_a_header_brings(
    make_app: MakeApp, host: str, sockets: str
) -> None:
    client = make_app(ROUTER_ENABLED="false").test_client()
    environ = {"HTTP_HOST": host, "SERVER_NAME": "localhost"}
    policy = client.get("/login", environ_overrides=environ).headers["Content-Security-Policy"]
    assert f"connect-src 'self'{sockets};" in policy
    assert "default-src 'self';" in policy
    assert "script-src" not in policy


def test_no_tls_no_promise_of_it(make_app: MakeApp) -> None:
    client = make_app(ROUTER_ENABLED="false").test_client()
    assert "Strict-Transport-Security" not in client.get("/login", headers=TLS).headers


def test_the_server_itself_sends_them_with_socket_io_too_and_refuses_huge_headers(
    database_url: str, tmp_path: Path
) -> None:
    with web_process(database_url, tmp_path / "web.log", ROUTER_ENABLED="false") as web:
        connection = HTTPConnection("127.0.0.1", web.port, timeout=10)
        for path in ("/socket.io/?EIO=4&transport=polling", "/socket.io/?EIO=9", "/health"):
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            assert answer.headers["X-Content-Type-Options"] == "nosniff", path
            assert answer.headers["Cache-Control"] == "no-store", path
        connection.close()
        assert web.post(entry("T1"))[0] == 200
        for request in (
            b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Large: " + b"x" * 9000 + b"\r\n\r\n",
            b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(70)) + b"\r\n",
        ):
            with socket.create_connection(("127.0.0.1", web.port), timeout=10) as plain:
                plain.sendall(request)
                assert plain.recv(100).startswith(b"HTTP/1.1 4"), request[:40]
        assert web.post(entry("T2"))[0] == 200
