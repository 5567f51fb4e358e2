"""A secret never reaches the record, wherever in a body it stands and however it is spelled."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.redaction import MASK, mask_values, redacted_text, stored_body

SECRET = "hunter2/correct-hörse"
NAMES = ["secret", "webhook_secret", "token", "api_token", "api_key", "apikey", "password", "passphrase"]


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(character):04X}" for character in text)


def readable(text: str) -> str:
    """Return a text with JSON's escapes undone, as anyone who looks for a secret would read it."""
    undone = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text)
    return undone.replace("\\/", "/").replace('\\"', '"').replace("\\\\", "\\")


PLACES: list[dict[str, Any]] = [
    {"secret": SECRET},
    {"note": SECRET},
    {"note": f"before {SECRET} after"},
    {"a": {"b": [{"c": SECRET}]}},
    {"a": [[SECRET]]},
    {SECRET: 1},
    {"a": {f"key {SECRET}": None}},
    {"trade_id": SECRET * 2},
]


@pytest.mark.parametrize("fields", PLACES, ids=str)
def test_a_stored_body_does_not_hold_the_secret(fields: dict[str, Any]) -> None:
    text = stored_body(fields, (SECRET,))

    assert SECRET not in text
    assert SECRET not in readable(text)
    assert MASK in text
    json.loads(text)


@pytest.mark.parametrize("name", [*NAMES, "Secret", " API_KEY "])
@pytest.mark.parametrize("value", ["guess", 12345, ["guess"], {"a": "guess"}, None], ids=repr)
def test_a_field_that_names_a_secret_is_taken_out_whatever_it_holds(name: str, value: object) -> None:
    assert json.loads(stored_body({"a": [{name: value}], "symbol": "NQ"}, ())) == {
        "a": [{name: MASK}],
        "symbol": "NQ",
    }


def test_a_stored_body_keeps_everything_else_exactly() -> None:
    fields = {"symbol": "NQ", "price": Decimal("16500.25"), "contracts": 2, "unknown": {"a": [None, True, "ü"]}}

    assert json.loads(stored_body(fields, (SECRET,))) == {**fields, "price": 16500.25}


@pytest.mark.parametrize(
    ("secret", "fields"),
    [
        ("12345678", {"price": 12345678, "exact": Decimal("12345678.5")}),
        ('quo"te-secret', {"note": 'quo"te-secret'}),
        ("trade_id", {"trade_id": "T1"}),
    ],
    ids=["digits", "quote", "a key"],
)
def test_a_stored_body_stays_json_whatever_the_secret_is(secret: str, fields: dict[str, Any]) -> None:
    text = stored_body(fields, (secret,))

    json.loads(text)
    assert secret not in readable(text)


@pytest.mark.parametrize("number", range(10))
def test_a_secret_that_begins_with_a_backslash_leaves_valid_json(number: int) -> None:
    secret = f"\\secret-{number}"

    text = stored_body({"note": secret}, (secret,))

    assert json.loads(text) == {"note": MASK}


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"note": SECRET}),
        json.dumps({"note": SECRET}, ensure_ascii=False),
        json.dumps({"a": {"b": [SECRET]}}),
        '{"note": "' + SECRET.replace("/", "\\/") + '"}',
        '{"note": "' + escaped(SECRET) + '"}',
        '{"note": "' + SECRET.replace("ö", "\\u00F6") + '"}',
        f"not json at all, {SECRET}",
        '{"note": "' + SECRET,
        '{"note": "' + escaped(SECRET),
        f"note={SECRET}&symbol=NQ",
    ],
    ids=[
        "escaped by Python",
        "as it is",
        "nested",
        "escaped slash",
        "escaped throughout",
        "capital escape",
        "not JSON",
        "cut JSON",
        "cut JSON, escaped",
        "a form",
    ],
)
def test_a_refused_body_does_not_hold_the_secret(body: str) -> None:
    text = redacted_text(body.encode(), (SECRET,))

    assert SECRET not in text
    assert SECRET not in readable(text)
    assert MASK in text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "shape",
    ['{{"{0}": "{1}", "symbol": "NQ"', '{{"{0}" : "{1}"', "{0}={1}&symbol=NQ", "{0}: {1}, symbol: NQ", '{{"{0}": "{1}'],
)
def test_a_refused_body_does_not_hold_a_wrong_guess_of_the_secret(name: str, shape: str) -> None:
    text = redacted_text(shape.format(name, "my-guess").encode(), (SECRET,))

    assert "my-guess" not in text
    assert MASK in text
    assert ("symbol" in text) is ("symbol" in shape)


@pytest.mark.parametrize("before", range(4000 - len(SECRET) - 1, 4001))
def test_a_secret_at_the_cut_leaves_no_part(before: int) -> None:
    text = redacted_text(b"x" * before + SECRET.encode(), (SECRET,), limit=4000)

    assert len(text) <= 4000
    assert text.lstrip("x") == MASK[: 4000 - before]


def test_a_refused_body_is_text_that_a_column_takes() -> None:
    text = redacted_text(b"\x00\xff" + "ü".encode() + b"\xed\xa0\x80", ())

    text.encode("utf-8")
    assert "\x00" not in text
    assert "ü" in text


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    assert mask_values("hunter2-long hunter2", ("hunter2-long", "hunter2")) == f"{MASK} {MASK}"


# Letters that MASK is not made of, and everything that JSON or a regular expression treats in its own way.
secrets = st.text(st.sampled_from("abckXYZ7890 _-+/.\\\"'{}()*$&=ü€😀"), min_size=8, max_size=24).filter(str.strip)
scalars = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(max_size=10)


def containing(secret: str) -> st.SearchStrategy[Any]:
    text = st.builds(lambda before, after: before + secret + after, st.text(max_size=5), st.text(max_size=5))
    return st.recursive(
        text | st.just(secret),
        lambda inner: (
            st.lists(scalars | inner, min_size=1, max_size=3).flatmap(
                lambda items: inner.map(lambda one: [*items, one])
            )
            | st.dictionaries(st.text(max_size=5), scalars, max_size=3).flatmap(
                lambda fields: inner.map(lambda one: {**fields, "inner": one})
            )
            | text.map(lambda key: {key: 1})
        ),
        max_leaves=3,
    )


@settings(max_examples=150, deadline=None, database=None)
@given(st.data())
def test_no_random_secret_survives_in_either_text(data: st.DataObject) -> None:
    secret = data.draw(secrets)
    fields = {"symbol": "NQ", "field": data.draw(containing(secret))}

    stored = stored_body(fields, (secret,))
    refused = redacted_text(
        json.dumps(fields, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "replace"), (secret,)
    )

    assert MASK in stored
    assert MASK in refused
    for text in (stored, refused):
        assert secret not in text
        assert json.dumps(secret)[1:-1] not in text
