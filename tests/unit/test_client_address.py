"""Where a request comes from, whatever it says of itself."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.client_address import client_address, is_https

PROXY = "10.0.0.9"


@pytest.mark.parametrize(
    ("proxies", "chain", "expected"),
    [
        # Nobody is trusted: what is said counts nothing.
        (0, None, PROXY),
        (0, "52.89.214.238", PROXY),
        # One: what it appended is the truth, what stood before it is the client's own claim.
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "52.89.214.238, 203.0.113.9", "203.0.113.9"),
        (1, "52.89.214.238,203.0.113.9:4711", "203.0.113.9"),
        # Two: the inner one appended the outer one, the outer one the client.
        (2, "203.0.113.9, 10.0.0.8", "203.0.113.9"),
        (2, "52.89.214.238, 203.0.113.9, 10.0.0.8", "203.0.113.9"),
        (3, "52.89.214.238, 203.0.113.9, 10.0.0.7, 10.0.0.8", "203.0.113.9"),
        # Who came around a proxy brings a chain that is too short, unless he forges it: then the last entry is the
        # one that a trusted proxy wrote, or there is none.
        (1, None, None),
        (1, "", None),
        (2, "52.89.214.238", None),
        (3, "203.0.113.9, 10.0.0.8", None),
        # What is no address is nobody's.
        (1, "203.0.113.9, unknown", None),
        (1, "203.0.113.9,", None),
        (1, "[2001:db8::7]:443", "2001:db8::7"),
        (1, "2001:db8::7", "2001:db8::7"),
        (1, "::ffff:203.0.113.9", "203.0.113.9"),
    ],
)
def test_the_address_behind_so_many_proxies(proxies: int, chain: str | None, expected: str | None) -> None:
    environ = {"REMOTE_ADDR": PROXY} | ({} if chain is None else {"HTTP_X_FORWARDED_FOR": chain})
    assert client_address(environ, proxies) == (None if expected is None else ip_address(expected))


@given(st.integers(1, 5), st.lists(st.ip_addresses().map(str), max_size=6), st.ip_addresses().map(str))
def test_whatever_a_client_forges_his_own_address_stands(proxies: int, forged: list[str], client: str) -> None:
    inner = [f"10.0.0.{number}" for number in range(1, proxies)]
    environ = {"REMOTE_ADDR": PROXY, "HTTP_X_FORWARDED_FOR": ", ".join([*forged, client, *inner])}
    told, truth = client_address(environ, proxies), ip_address(client)
    assert told == (getattr(truth, "ipv4_mapped", None) or truth)


@pytest.mark.parametrize(
    ("proxies", "scheme", "said", "expected"),
    [
        (0, "http", "https", False),
        (0, "https", None, True),
        (1, "http", "https", True),
        (1, "http", None, False),
        (1, "http", "https, http", False),
        (2, "http", "https, http", True),
        (2, "http", "https", True),
        (2, "http", "http, https, http", True),
        (2, "http", "https, http, http", False),
    ],
)
def test_tls_by_the_word_of_trusted_proxies(proxies: int, scheme: str, said: str | None, expected: bool) -> None:
    environ = {"wsgi.url_scheme": scheme} | ({} if said is None else {"HTTP_X_FORWARDED_PROTO": said})
    assert is_https(environ, proxies) is expected
