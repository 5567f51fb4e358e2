"""What every answer tells the browser: whom to trust, what to keep, where it may be shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from web.client_address import is_https

Headers = list[tuple[str, str]]
WSGIApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# A page loads everything from its own server and runs nothing that stands in the page itself.
PAGE_POLICY = (
    "default-src 'self'; base-uri 'none'; connect-src 'self'{sockets}; form-action 'self'; frame-ancestors 'none'; "
    "img-src 'self' data:; object-src 'none'"
)
# Whatever else is answered is data: a browser that shows it as a page must not act on it.
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
PERMISSIONS = (
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), "
    "payment=(), usb=()"
)
CONSTANT: Headers = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", PERMISSIONS),
]
NO_STORE = ("Cache-Control", "no-store")
OF_DATA: Headers = [*CONSTANT, ("Content-Security-Policy", DATA_POLICY)]
# Half a year; subdomains are not ours to decide about.
HSTS = ("Strict-Transport-Security", "max-age=15552000")
HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}", re.ASCII)


class SecurityHeaders:
    """A WSGI application whose answers carry the headers, whichever part of it gives them; also Socket.IO's."""

    def __init__(self, application: WSGIApplication, trusted_proxies: int) -> None:
        self._application = application
        self._trusted_proxies = trusted_proxies

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""

        def start(status: str, headers: Headers, *more: Any) -> Any:
            return start_response(status, headers + self._more(environ, headers), *more)

        return self._application(environ, start)

    def _more(self, environ: dict[str, Any], headers: Headers) -> Headers:
        is_page = may_be_kept = False
        for name, value in headers:
            lower = name.lower()
            if lower == "content-type":
                is_page = value.startswith("text/html")
            elif lower == "cache-control":
                may_be_kept = True
        more = [*CONSTANT, ("Content-Security-Policy", _page_policy(environ))] if is_page else OF_DATA
        if not may_be_kept:
            more = [*more, NO_STORE]
        return [*more, HSTS] if is_https(environ, self._trusted_proxies) else more


def _page_policy(environ: dict[str, Any]) -> str:
    """Return the policy of a page; older browsers do not take 'self' for a WebSocket to the same server."""
    host = str(environ.get("HTTP_HOST", ""))
    sockets = f" ws://{host} wss://{host}" if HOST.fullmatch(host) else ""
    return PAGE_POLICY.format(sockets=sockets)
