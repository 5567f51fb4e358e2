"""Kept connections to one venue, over urllib3; of every failure it is known whether a byte of the request had left."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Mapping
from email.message import Message
from http.client import HTTPException
from http.cookiejar import CookieJar
from typing import Any, cast
from urllib.request import Request

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from connectors.deadline import check_deadline
from connectors.venue import NotSent, Unclear

CONNECT_SECONDS = 5.0
MOST_IDLE = 200
# A venue closes a connection that nothing comes over; a request that crosses that on its way would be in doubt.
KEPT_SECONDS = 30.0
# Without a name for itself a client is turned away by some of what stands before web servers.
USUAL = {"Accept": "*/*", "User-Agent": "execution-router"}


class _Leaving(threading.local):
    """Whether a byte of this thread's request has left."""

    begun = False


_leaving = _Leaving()


class _Kept:
    """What both kinds of connection do besides; everything that leaves goes through ``send``."""

    sock: Any
    used_at = 0.0

    @property
    def is_connected(self) -> bool:
        return bool(super().is_connected) and time.monotonic() - self.used_at <= KEPT_SECONDS  # type: ignore[misc]

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self.used_at = time.monotonic()

    def send(self, data: Any) -> None:
        if not _leaving.begun:
            if self.sock is None:
                self.connect()
            # The last moment: from here on the request is under way.
            check_deadline()
            _leaving.begun = True
        super().send(data)  # type: ignore[misc]

    def getresponse(self) -> Any:
        answer = super().getresponse()  # type: ignore[misc]
        self.used_at = time.monotonic()
        return answer


class PlainConnection(_Kept, HTTPConnection):
    """A connection without TLS, as to a gateway on this machine."""


class TlsConnection(_Kept, HTTPSConnection):
    """A connection with TLS."""


class HttpPool:
    """Connections to the address of ``base_url``. Safe to use from many threads.

    ``timeout`` in seconds for each of connecting (at most five), writing, and waiting for more of the answer. Never a
    proxy from the environment, never a redirect, never a second try: an order goes where it goes, once. Raises
    ValueError for an address that is none.
    """

    def __init__(self, base_url: str, *, timeout: float, certificates: ssl.SSLContext) -> None:
        self._base_url = base_url.rstrip("/")
        parts = urllib3.util.parse_url(base_url)
        if parts.scheme not in {"http", "https"} or parts.host is None:
            raise ValueError(f"{base_url!r} is no address of http or https")
        self._prefix = (parts.path or "").rstrip("/")
        secured = {"ssl_context": certificates} if parts.scheme == "https" else {}
        self._pool = urllib3.connection_from_url(
            base_url,
            maxsize=MOST_IDLE,
            timeout=urllib3.Timeout(connect=min(timeout, CONNECT_SECONDS), read=timeout),
            retries=False,
            **secured,
        )
        self._pool.ConnectionCls = TlsConnection if secured else PlainConnection
        # One jar for all: whoever balances a venue's load by a cookie sees one session.
        self._cookies = CookieJar()

    def exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> urllib3.BaseHTTPResponse:
        """Make one request, once. Raises NotSent before its first byte has left, Unclear for every failure after that.

        The time until which it may leave is looked at when the connection is there.
        """
        path = f"{self._prefix}/{target.removeprefix('/')}"
        _leaving.begun = False
        try:
            answer = self._pool.urlopen(method, path, body=body, headers=self._headers(headers), redirect=False)
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            if _leaving.begun:
                raise Unclear(f"{type(error).__name__}: {error}") from error
            # What cannot be written as a request never can be.
            raise NotSent(f"{type(error).__name__}: {error}", final=isinstance(error, UnicodeError)) from error
        if "Set-Cookie" in answer.headers:
            told = cast("Any", _Told(answer.headers.getlist("Set-Cookie")))
            self._cookies.extract_cookies(told, self._asked())
        return answer

    def close(self) -> None:
        """Close every connection, those in use as soon as their calls have ended, and make no further call."""
        self._pool.close()

    def _asked(self) -> Request:
        """Return a request as a jar of cookies looks at it."""
        return Request(self._base_url)  # noqa: S310 - no request is made of it

    def _headers(self, given: Mapping[str, str]) -> urllib3.HTTPHeaderDict:
        cookies: dict[str, str] = {}
        if len(self._cookies):
            asked = self._asked()
            self._cookies.add_cookie_header(asked)
            cookies = asked.unredirected_hdrs
        # By name in any case: what is given replaces what is usual.
        headers = urllib3.HTTPHeaderDict(USUAL)
        for name, text in {**cookies, **given}.items():
            headers[name] = text
        return headers


class _Told:
    """An answer as a jar of cookies looks at it."""

    def __init__(self, cookies: list[str]) -> None:
        self._headers = Message()
        for cookie in cookies:
            self._headers["Set-Cookie"] = cookie

    def info(self) -> Message:
        return self._headers
