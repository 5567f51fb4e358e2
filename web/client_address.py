"""Where a request comes from: the address behind the proxies that the owner trusts, and no other claim."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

HOST = re.compile(r"(\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9.-]+))(:[0-9]+)?", re.ASCII)

# What a proxy says of the request that it passes on. Such a request is never one of this machine itself.
FORWARDED = (
    *("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_FORWARDED", "HTTP_X_REAL_IP"),
    *("HTTP_VIA", "HTTP_CF_CONNECTING_IP", "HTTP_TRUE_CLIENT_IP"),
)


def client_address(environ: Mapping[str, Any], trusted_proxies: int) -> Address | None:
    """Return the address of the client of a WSGI request, None where it cannot be known.

    Each proxy appends the address of its own client to X-Forwarded-For, so with n trusted proxies the n-th from the
    end is the truth and everything before it is hearsay. A shorter chain came around the proxies.
    """
    remote = str(environ.get("REMOTE_ADDR", ""))
    if trusted_proxies == 0:
        return _address(remote)
    chain = str(environ.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    return _address(chain[-trusted_proxies]) if len(chain) >= trusted_proxies else None


def is_https(environ: Mapping[str, Any], trusted_proxies: int) -> bool:
    """Return whether the client spoke TLS: to us, or to the outermost of the trusted proxies, by its word."""
    if environ.get("wsgi.url_scheme") == "https":
        return True
    if trusted_proxies == 0:
        return False
    said = str(environ.get("HTTP_X_FORWARDED_PROTO", "")).split(",")
    # Some proxies add their word to the list, others put theirs in its place.
    return said[-min(trusted_proxies, len(said))].strip().lower() == "https"


def is_this_machine(environ: Mapping[str, Any]) -> bool:
    """Return whether a request was made on this machine, to this machine by a name of its own, and passed by no proxy.

    The name keeps out a web page elsewhere whose name was made to point here.
    """
    if any(header in environ for header in FORWARDED):
        return False
    address = _address(str(environ.get("REMOTE_ADDR", "")))
    return address is not None and address.is_loopback and _is_local_name(str(environ.get("HTTP_HOST", "")))


def _is_local_name(host: str) -> bool:
    found = HOST.fullmatch(host)
    if found is None:
        return False
    name = found["six"] or found["name"]
    if name.lower() == "localhost":
        return True
    address = _address(name)
    return address is not None and address.is_loopback


def _address(text: str) -> Address | None:
    """Return the address of a text such as 203.0.113.7, 203.0.113.7:4711, 2001:db8::1 or [2001:db8::1]:4711."""
    word = text.strip()
    if word.startswith("["):
        word = word[1:].partition("]")[0]
    elif word.count(":") == 1:
        word = word.partition(":")[0]
    try:
        address = ipaddress.ip_address(word)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped
