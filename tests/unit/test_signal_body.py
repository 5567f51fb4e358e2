"""From bytes to a JSON object, or a refusal that says what is accepted; never a crash."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from signals.body import read_json_object
from signals.payload import parse_signal
from signals.problem import FieldProblem, InvalidSignal, shown
from signals.redaction import stored_body

OBJECT = b'{"event_type": "ENTRY", "trade_id": "T1", "direction": "LONG", "entry_price": 2.5, "stop_loss": 2}'


def problem_of(body: bytes) -> FieldProblem:
    with pytest.raises(InvalidSignal) as refused:
        read_json_object(body)
    (problem,) = refused.value.problems
    json.dumps(problem.as_json())
    return problem


def test_an_object_is_read_with_exact_fractions() -> None:
    fields = read_json_object(b'{"price": 16500.10, "contracts": 2, "symbol": "NQ", "note": null, "list": [0.1]}')

    assert fields == {
        "price": Decimal("16500.10"),
        "contracts": 2,
        "symbol": "NQ",
        "note": None,
        "list": [Decimal("0.1")],
    }
    assert str(fields["price"]) == "16500.10"


@pytest.mark.parametrize(
    "body", [b"\xef\xbb\xbf" + OBJECT, b"  \r\n" + OBJECT + b"\n"], ids=["byte order mark", "white space"]
)
def test_what_surrounds_the_object_does_not_matter(body: bytes) -> None:
    assert read_json_object(body) == read_json_object(OBJECT)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"[]",
        b"[" + OBJECT + b"]",
        b"42",
        b'"ENTRY"',
        b"null",
        b"true",
        b"symbol=NQ&price=1",
        b"NQ crossed 16500",
        OBJECT[:-1],
        OBJECT + OBJECT,
        b"{'event_type': 'ENTRY'}",
        b'{"event_type": "ENTRY",}',
        b'{"a": 01}',
        b'{"a": .5}',
        b'{"a": "\n"}',
        b'{"a": "\x00"}',
        b"\x00" + OBJECT,
        b'{"a": 1e}',
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda body: body[:24].decode("latin-1"),
)
def test_what_is_no_json_object_is_refused_as_a_whole(body: bytes) -> None:
    problem = problem_of(body)

    assert problem.field == "body"
    assert problem.given == body[:200].decode()
    assert problem.accepted.startswith("a JSON object in UTF-8")


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe{\x00}\x00", b'{"a": "\xe9"}', b'{"a": "\xed\xa0\x80"}', OBJECT.decode().encode("utf-16"), b"\x80"],
    ids=["utf-16 mark", "latin-1", "raw surrogate", "utf-16", "lone byte"],
)
def test_bytes_that_are_not_utf_8_are_refused(body: bytes) -> None:
    problem = problem_of(body)

    assert problem.field == "body"
    assert problem.accepted.endswith("the bytes are not UTF-8")


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("shape", ['{{"price": {0}}}', '{{"a": [{{"b": {0}}}]}}'])
def test_what_is_not_finite_is_refused(word: str, shape: str) -> None:
    problem = problem_of(shape.format(word).encode())

    assert (problem.field, problem.given) == ("body", word)
    assert problem.accepted == "finite numbers; NaN and infinity are not"


@pytest.mark.parametrize("body", [b'{"price": 1, "price": 2}', b'{"a": {"price": 1, "price": 1}}'])
def test_a_key_given_twice_is_refused(body: bytes) -> None:
    problem = problem_of(body)

    assert problem.field == "price"
    assert problem.accepted == "each key once; two values leave open which one counts"


@pytest.mark.parametrize(
    "body",
    [b"[" * 60_000, b'{"a":' * 60_000, b"[" * 60_000 + b"]" * 60_000],
    ids=["open lists", "open objects", "lists"],
)
def test_nesting_beyond_reason_is_refused(body: bytes) -> None:
    assert problem_of(body).field == "body"


@pytest.mark.parametrize("depth", [1, 10, 100, 300, 450, 480, 500, 600, 800, 900, 950, 985, 990])
@pytest.mark.parametrize("brackets", [("[", "]"), ('{"a":', "}")], ids=["lists", "objects"])
def test_a_nesting_that_is_read_can_also_be_kept(depth: int, brackets: tuple[str, str]) -> None:
    opened, closed = brackets
    body = OBJECT[:-1] + f', "x": {opened * depth}1{closed * depth}}}'.encode()
    try:
        fields = read_json_object(body)
    except InvalidSignal:
        return
    parse_signal(fields)

    assert json.loads(stored_body(fields, ("a secret",)))["trade_id"] == "T1"


@pytest.mark.parametrize(
    "number",
    ["1e999999", "-1e999999", "1e-999999", "1" * 4000],
    ids=["huge", "huge below zero", "tiny", "4000 digits"],
)
def test_a_number_beyond_reason_is_read_but_is_no_price(number: str) -> None:
    fields = read_json_object(OBJECT.replace(b"2.5", number.encode()))

    with pytest.raises(InvalidSignal, match="entry_price"):
        parse_signal(fields)


@pytest.mark.parametrize("escape", [r"\ud800", r"\udfff", r"\u0000", r"T\u001f1", r"\u007f"])
@pytest.mark.parametrize("name", ["trade_id", "symbol", "session", "bias"])
def test_characters_that_no_text_column_takes_are_refused_by_their_field(escape: str, name: str) -> None:
    fields = (
        read_json_object(OBJECT[:-1] + f', "x": 0, "{name}": "a{escape}b"}}'.encode())
        if name != "trade_id"
        else (read_json_object(OBJECT.replace(b'"T1"', f'"{escape}"'.encode())))
    )

    with pytest.raises(InvalidSignal) as refused:
        parse_signal(fields)
    (problem,) = refused.value.problems
    assert problem.field == name
    json.dumps(problem.as_json())


@pytest.mark.parametrize(
    ("value", "echo"),
    [
        (None, None),
        (True, True),
        (Decimal("1.50"), "1.50"),
        (7, "7"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 200 + "..."),
        ([1], "[1]"),
    ],
)
def test_what_was_given_is_shown_in_short(value: object, echo: object) -> None:
    assert shown(value) == echo
