"""Whatever is sent: a typed signal or a refusal that can be shown, and a payload that is valid JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.money import decimal_of
from domain.order import Direction
from signals.body import read_json_object
from signals.fields import DIRECTION_WORDS
from signals.lifecycle import EVENT_WORDS, EXIT_WORDS
from signals.live_signal import parse_live_signal
from signals.model import EntrySignal, Signal, payload_json
from signals.payload import SPELLINGS, parse_price, parse_signal, signal_of_payload
from signals.problem import InvalidSignal
from signals.redaction import redacted_text, stored_body

RECEIVED = datetime(2025, 11, 22, 12, 0, tzinfo=UTC)
NAMES = sorted({spelling for spellings in SPELLINGS.values() for spelling in spellings} | {"id", "event", "event_type"})
moderate = settings(max_examples=100, deadline=None, database=None)

words = st.sampled_from([*EVENT_WORDS, *DIRECTION_WORDS, *EXIT_WORDS, "CLOSE", "NQ", "NY AM", "{{close}}", "", "NaN"])
times = st.datetimes(timezones=st.timezones() | st.none()).map(datetime.isoformat) | st.sampled_from(
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2025-11-22", "24:00", "\ud800", "10" * 8]
)
numbers = (
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.sampled_from([Decimal("1e999999"), Decimal("-0"), Decimal("1e-999999"), 10**400, 0, -1])
)
any_text = st.text(st.characters(categories=None), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | any_text | words | times | numbers.map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=6,
)
json_objects = st.dictionaries(st.sampled_from(NAMES) | any_text, json_values, max_size=8)

prices = st.decimals(min_value="0.01", max_value="999999", places=2)
valid_entries = st.builds(
    lambda first, second, **said: {
        "event_type": "ENTRY",
        "entry_price": first,
        "stop_loss": second,
        "direction": "LONG" if first > second else "SHORT",
        **{name: value for name, value in said.items() if value is not None},
    },
    prices,
    prices,
    trade_id=st.text(st.characters(min_codepoint=33, max_codepoint=1000, exclude_categories=["Cc", "Zs"]), min_size=1),
    contracts=st.none() | st.integers(1, 1_000_000),
    session=st.none() | st.sampled_from(["NY AM", "LONDON"]),
    symbol=st.none() | st.sampled_from(["NQ", "ES", "MNQ1!"]),
).filter(lambda fields: fields["entry_price"] != fields["stop_loss"] and "{{" not in fields["trade_id"])


def as_sent(fields: dict[str, Any]) -> bytes:
    """Return a body as a sender writes it, numbers in their own spelling."""
    numbers_by_mark: dict[str, str] = {}

    def mark(number: object) -> str:
        numbers_by_mark[f'"#{len(numbers_by_mark)}#"'] = str(number)
        return f"#{len(numbers_by_mark) - 1}#"

    text = json.dumps(fields, default=mark)
    for marked, number in numbers_by_mark.items():
        text = text.replace(marked, number)
    return text.encode()


def assert_refusal_can_be_shown(refusal: InvalidSignal) -> None:
    assert refusal.problems
    for problem in refusal.problems:
        shown = json.loads(json.dumps(problem.as_json(), allow_nan=False))
        assert shown["field"] is not None
        assert shown["accepted"]
    str(refusal).encode("utf-8", "replace")


def assert_signal_can_be_kept(signal: Signal) -> None:
    def no_constant(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    payload = json.loads(payload_json(signal.task_payload()), parse_constant=no_constant)
    assert isinstance(payload, dict)
    assert len(signal.content_digest()) == 64
    for text in (signal.event_key, signal.trade_id, *(value for value in payload.values() if isinstance(value, str))):
        text.encode()
        assert "\x00" not in text


def read_every_way(fields: dict[str, Any]) -> None:
    for parse in (
        parse_signal,
        lambda given_fields: parse_live_signal(given_fields, RECEIVED).signal,
        lambda given_fields: signal_of_payload("T1", "ENTRY", given_fields),
    ):
        try:
            signal = parse(fields)
        except InvalidSignal as refusal:
            assert_refusal_can_be_shown(refusal)
        else:
            assert_signal_can_be_kept(signal)
    try:
        parse_price(fields)
    except InvalidSignal as refusal:
        assert_refusal_can_be_shown(refusal)


@moderate
@given(st.binary(max_size=300) | any_text.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_arbitrary_bytes_become_an_object_or_a_refusal(body: bytes) -> None:
    redacted_text(body, ("a secret",)).encode()
    try:
        fields = read_json_object(body)
    except InvalidSignal as refusal:
        assert_refusal_can_be_shown(refusal)
    else:
        assert type(fields) is dict


@settings(moderate, max_examples=120)
@given(json_objects)
def test_arbitrary_json_becomes_a_signal_or_a_refusal(fields: dict[str, Any]) -> None:
    read_every_way(fields)


@settings(moderate, max_examples=120)
@given(valid_entries, st.dictionaries(st.sampled_from(NAMES), json_values, min_size=1, max_size=2))
def test_a_valid_entry_with_arbitrary_changes_becomes_a_signal_or_a_refusal(
    fields: dict[str, Any], changes: dict[str, Any]
) -> None:
    read_every_way({**fields, **changes})


@moderate
@given(valid_entries, st.dictionaries(any_text, json_values, max_size=3))
def test_an_object_survives_the_way_through_bytes_and_record(fields: dict[str, Any], more: dict[str, Any]) -> None:
    sent = {**more, **fields}
    try:
        read = read_json_object(as_sent(sent))
    except InvalidSignal as refusal:
        assert_refusal_can_be_shown(refusal)
        return

    assert json.loads(stored_body(read, ()))["event_type"] == "ENTRY"


@moderate
@given(valid_entries)
def test_a_valid_entry_says_what_was_sent(fields: dict[str, Any]) -> None:
    signal = parse_signal(read_json_object(as_sent(fields)))

    assert isinstance(signal, EntrySignal)
    assert {name: getattr(signal, name) for name in fields if name != "event_type"} == {
        name: value for name, value in fields.items() if name != "event_type"
    }
    assert signal.entry_price is not None
    assert signal.stop_loss is not None
    assert (signal.direction is Direction.LONG) is (signal.stop_loss < signal.entry_price)
    assert signal_of_payload(signal.trade_id, "ENTRY", signal.task_payload()) == signal


@moderate
@given(valid_entries, st.data())
def test_other_spellings_of_the_same_entry_have_the_same_digest(fields: dict[str, Any], data: st.DataObject) -> None:
    respelled: dict[str, Any] = {}
    for name, value in fields.items():
        spelling = (
            data.draw(st.sampled_from(SPELLINGS.get(name, ("event_type", "event"))))
            if name != "direction"
            else (data.draw(st.sampled_from(["direction", "side", "action"])))
        )
        respelled[spelling] = (
            data.draw(st.sampled_from([value, str(value), f" {value}", Decimal(value) * Decimal("1.000")]))
            if name in {"entry_price", "stop_loss", "contracts"}
            else data.draw(st.sampled_from([value, f"{value} "]))
        )

    one, other = parse_signal(fields), parse_signal(respelled)

    assert (one.event_key, one.content_digest()) == (other.event_key, other.content_digest())


@moderate
@given(valid_entries, valid_entries)
def test_the_digest_is_the_same_exactly_where_the_content_is(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = parse_signal(one), parse_signal(other)

    assert (first.content_digest() == second.content_digest()) is (first == second)


@moderate
@given(json_values)
def test_a_number_is_read_exactly_or_refused(value: Any) -> None:
    try:
        number = decimal_of(value)
    except ValueError:
        return

    assert number.is_finite()
    assert number == Decimal(str(value).strip())
