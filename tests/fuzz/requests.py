"""Requests to the webhooks as nobody should send them: bodies, encodings, headers, tokens and paths by chance."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

from tests.processes import entry, exit_of

SECRET = "the-secret-of-fuzzing"
PATHS = ("/api/automated-signals/webhook", "/api/live-signals", "/api/realtime-price")
TYPES = (
    *("application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"),
    *(
        "multipart/form-data",
        "application/json; charset=utf-16",
        "text/xml",
        "",
        "a/b/c;;;",
        "application/octet-stream",
    ),
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "latin-1", "cp037", "utf-7")
# Written out, because no library writes what is wrong with them.
NASTY = (
    *(
        b"",
        b" ",
        b"null",
        b"true",
        b"0",
        b"-0",
        b'""',
        b"[]",
        b"{}",
        b"{",
        b"}",
        b'{"a"',
        b"{'a':1}",
        b'{"a":1,}',
        b"\x00",
    ),
    *(b"[" * 30_000, b'{"a":' * 20_000, b"[" * 5_000 + b"]" * 5_000, b'{"a":' * 60 + b"1" + b"}" * 60),
    *(
        b'{"entry_price":' + number + b"}"
        for number in (b"1e999999999", b"-1e-999999999", b"9" * 5_000, b"NaN", b"-Infinity")
    ),
    *(
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b"\xfe\xff\x00{\x00}",
        b"\xed\xa0\x80",
        b"\xc0\xaf",
        b"\xf8\x88\x80\x80\x80",
    ),
    *(b'{"trade_id":"\\ud800"}', b'{"trade_id":"\\u0000"}', b'{"\\udfff":1}', b'{"trade_id":"a","trade_id":"b"}'),
    *(b"a=1&b=2", b"<xml/>", b"x" * 70_000, b'{"a":"' + b"x" * 65_000 + b'"}', b"--x\r\n\r\n--x--", b"1" * 64_000),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 0.1, -0.0, 1e308, 1e-320, 10**30, -(10**30), 2**63, 2**31, 10**400, float("nan")),
    *(
        "",
        " ",
        "0",
        "-1",
        "1e5",
        "1e999999",
        "NaN",
        "Infinity",
        "١٢٣",
        "\uff11\uff12",
        "0x10",
        "1_000",
        "1,5",
        "\x00",
        "\ud800",
        "\udcff",
    ),
    *(
        "a\x00b",
        "\u202e",
        "\u2028",
        "💥" * 300,
        "x" * 300,
        "x" * 70_000,
        "' OR 1=1 --",
        "%s%n{}",
        "$(id)",
        "<b>",
        "NQ",
        "\t\r\n",
    ),
    *([], {}, [[]], {"": {}}, ["x"], [None] * 100, {"a": "\x00"}, {"deep": [[[[[[1]]]]]]}, {"secret": "b"}),
    *("2026-11-21T15:00:00Z", "0000-00-00", "9999-12-31T23:59:59Z", 99999999999999, -62135596800, "2026-02-30", "now"),
    *("Bullish", "long", "ENTRY", "EXIT", "EXIT_SL", "MFE_UPDATE", "BE_TRIGGERED", "SIGNAL_CREATED"),
)
FIELDS = (
    *("event_type", "trade_id", "direction", "entry_price", "stop_loss", "symbol", "contracts", "quantity", "session"),
    *("bias", "action", "price", "stop", "id", "time", "alert_time", "exit_price", "exit_percent", "exit_contracts"),
    *("be_mfe", "no_be_mfe", "current_price", "strategy", "secret", "", "\x00", "💥", "__proto__", "x" * 300),
)
HEADERS = (
    *("X-Webhook-Signature", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Content-Encoding", "Accept"),
    *("Authorization", "Cookie", "Range", "If-Match", "Expect", "X-HTTP-Method-Override", "Accept-Language"),
)


@dataclass(frozen=True)
class Request:
    """One request; ``path`` with its query, as it goes over the wire."""

    path: str
    body: bytes
    headers: dict[str, str]
    method: str = "POST"


def bodies() -> st.SearchStrategy[bytes]:
    """Return bodies: spoilt signals in any encoding, cut and changed, and what is no signal at all."""
    spoilt = st.tuples(_texts(), st.sampled_from(ENCODINGS)).map(lambda pair: pair[0].encode(pair[1], "replace"))
    plain = _texts().map(lambda text: text.encode("utf-8", "surrogatepass"))
    return st.one_of(
        plain,
        plain,
        spoilt,
        plain.flatmap(_damaged),
        st.sampled_from(NASTY),
        st.binary(max_size=60),
        plain.map(gzip.compress),
    )


def _texts() -> st.SearchStrategy[str]:
    numbers = st.integers(0, 10**9)
    legacy = numbers.map(lambda n: {"symbol": "NQ", "bias": "long", "price": 100, "stop": 90, "id": f"L{n}"})
    fields = st.one_of(
        numbers.map(lambda n: entry(f"F{n}")),
        numbers.map(lambda n: exit_of(f"F{n % 100}")),
        numbers.map(lambda n: {"event_type": "MFE_UPDATE", "trade_id": f"F{n % 100}", "be_mfe": 1, "no_be_mfe": 2}),
        numbers.map(lambda n: {"event_type": "BE_TRIGGERED", "trade_id": f"F{n % 100}"}),
        legacy,
        st.just({"symbol": "NQ", "price": 1, "time": 1763740000}),
    )
    value = st.one_of(st.sampled_from(VALUES), st.text(max_size=20), st.integers(), st.floats())
    changes = st.dictionaries(st.sampled_from(FIELDS), value, max_size=3)
    without = st.sets(st.sampled_from(FIELDS), max_size=2)
    escaped = st.booleans()
    return st.tuples(fields, changes, without, escaped).map(_written)


def _written(parts: tuple[dict[str, Any], dict[str, Any], set[str], bool]) -> str:
    fields, changes, without, escaped = parts
    body = {name: value for name, value in {**fields, **changes}.items() if name not in without}
    return json.dumps(body, ensure_ascii=escaped)


def _damaged(body: bytes) -> st.SearchStrategy[bytes]:
    where = st.integers(0, max(0, len(body) - 1))
    cut = where.map(lambda at: body[:at])
    changed = st.tuples(where, st.binary(max_size=4)).map(lambda pair: body[: pair[0]] + pair[1] + body[pair[0] + 1 :])
    twice = st.just(body + body)
    return st.one_of(cut, changed, twice)


def paths() -> st.SearchStrategy[str]:
    """Return paths: mostly with the right token, in the path or the query."""
    token = st.one_of(
        st.just(SECRET),
        st.just(SECRET),
        st.just(SECRET),
        st.text(max_size=12),
        st.sampled_from([SECRET + "x", "", "%00"]),
    )
    base = st.sampled_from(PATHS)
    by_path = st.tuples(base, token).map(lambda pair: f"{pair[0]}/{_quoted(pair[1])}")
    by_query = st.tuples(base, token).map(lambda pair: f"{pair[0]}?token={_quoted(pair[1])}")
    odd = st.tuples(
        base,
        st.sampled_from(["//x", "/%2e%2e/", "/a/b", "?", "?token", "?token=%ff", "?token=a&token=b", "/\u00e4", ";x"]),
    )
    return st.one_of(by_path, by_query, by_query, base, odd.map("".join))


def _quoted(token: str) -> str:
    return quote(token.encode("utf-8", "surrogatepass"), safe="")


def requests() -> st.SearchStrategy[Request]:
    """Return whole requests."""
    visible = st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f")
    extra = st.dictionaries(st.sampled_from(HEADERS), st.text(visible, max_size=30), max_size=2)
    headers = st.tuples(extra, st.sampled_from(TYPES)).map(lambda pair: {**pair[0], "Content-Type": pair[1]})
    return st.builds(
        Request,
        path=paths(),
        body=bodies(),
        headers=headers,
        method=st.sampled_from(["POST"] * 20 + ["PUT", "GET", "DELETE"]),
    )
