"""One kept HTTP/1.1 connection to a venue, over the standard library's own client.

A client library for everything costs a millisecond of processor time a call, which at 200 orders a second is a fifth of
what a process has. What a venue needs is little: no redirects, no proxies, no second try of anything.
"""

from __future__ import annotations

import select
import ssl
import time
import zlib
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from http.cookiejar import CookieJar
from typing import NamedTuple, cast
from urllib.parse import quote, urlsplit
from urllib.request import Request

from connectors.deadline import check_deadline
from connectors.venue import NotSent, Unclear

CONNECT_SECONDS = 5.0
# A venue closes a connection that nothing comes over; a request that crosses that on its way would be in doubt.
KEPT_SECONDS = 30.0
# What may stand in an address as it is; everything else is written with a percent sign.
_PLAIN = "/%:=&?~+!$,;'@()*[]"
# Without a name for itself a client is turned away by some of what stands before web servers.
_USUAL = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "execution-router"}


class RawAnswer(NamedTuple):
    """An answer as it came: status, headers by name in any case, the body's bytes."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class HttpConnection:
    """A connection to the address of ``base_url``, opened when it is needed. Use from one thread at a time.

    ``timeout`` in seconds for each of connecting (at most five), writing, and waiting for more of the answer.
    ``cookies`` may be shared: whoever balances a venue's load by a cookie then sees one session.
    """

    def __init__(self, base_url: str, *, timeout: float, certificates: ssl.SSLContext, cookies: CookieJar) -> None:
        self._base_url = base_url.rstrip("/")
        self._timeout = timeout
        self._certificates = certificates
        self._cookies = cookies
        self._connection: HTTPConnection | None = None
        self._used_at = 0.0

    def exchange(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> RawAnswer:
        """Make one request, once. Raises NotSent before its first byte has left, Unclear for every failure after that.

        The time until which it may leave is looked at when the connection is there.
        """
        address = f"{self._base_url}/{quote(target.removeprefix('/'), safe=_PLAIN)}"
        request = self._request(method, address, headers, body)
        connection = self._connected()
        check_deadline()
        try:
            self._transmit(connection, request)
            answer = self._receive(connection, method, address)
        except (OSError, HTTPException, zlib.error) as error:
            self.close()
            raise Unclear(f"{type(error).__name__}: {error}") from error
        except BaseException:
            self.close()
            raise
        self._used_at = time.monotonic()
        return answer

    def close(self) -> None:
        """Close it; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> HTTPConnection:
        if self._connection is not None and not self._is_alive(self._connection):
            self.close()
        if self._connection is None:
            try:
                self._connection = self._opened()
            except (OSError, ValueError) as error:
                raise NotSent(f"{type(error).__name__}: {error}") from error
        return self._connection

    def _is_alive(self, connection: HTTPConnection) -> bool:
        if time.monotonic() - self._used_at > KEPT_SECONDS:
            return False
        # Whatever can be read now is no answer to what was not asked yet: mostly it is the end.
        poll = select.poll()
        poll.register(connection.sock, select.POLLIN)
        return not poll.poll(0)

    def _opened(self) -> HTTPConnection:
        parts = urlsplit(self._base_url)
        if parts.scheme not in {"http", "https"} or parts.hostname is None:
            raise ValueError(f"{self._base_url!r} is no address of http or https")
        patience = min(self._timeout, CONNECT_SECONDS)
        connection = (
            HTTPSConnection(parts.hostname, parts.port, timeout=patience, context=self._certificates)
            if parts.scheme == "https"
            else HTTPConnection(parts.hostname, parts.port, timeout=patience)
        )
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        connection.sock.settimeout(self._timeout)
        return connection

    def _request(self, method: str, address: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
        """Return the request's bytes, head and body together: two writes would be two packets."""
        parts = urlsplit(address)
        sent = {
            "Host": parts.netloc.rpartition("@")[2],
            **_USUAL,
            **{key.title(): text for key, text in headers.items()},
        }
        if body is not None or method not in {"GET", "DELETE"}:
            sent["Content-Length"] = str(len(body or b""))
        if len(self._cookies):
            asked = Request(address)  # noqa: S310 - no request is made of it
            self._cookies.add_cookie_header(asked)
            sent |= asked.unredirected_hdrs
        lines = [f"{method} {address.removeprefix(f'{parts.scheme}://{parts.netloc}')} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in sent.items()]
        if not all(line.isascii() and line.isprintable() for line in lines):
            raise NotSent("a header would have characters that no header takes", final=True)
        return "\r\n".join([*lines, "", ""]).encode() + (body or b"")

    def _transmit(self, connection: HTTPConnection, request: bytes) -> None:
        connection.sock.sendall(request)

    def _receive(self, connection: HTTPConnection, method: str, address: str) -> RawAnswer:
        response = HTTPResponse(connection.sock, method=method)
        try:
            response.begin()
            content = response.read()
        finally:
            response.close()
        if response.headers.get("Set-Cookie"):
            self._cookies.extract_cookies(response, Request(address))  # noqa: S310 - no request is made of it
        if response.will_close:
            self.close()
        if response.headers.get("Content-Encoding") in {"gzip", "deflate"}:
            content = zlib.decompress(content, zlib.MAX_WBITS | 32)
        return RawAnswer(response.status, cast("Mapping[str, str]", response.headers), content)
