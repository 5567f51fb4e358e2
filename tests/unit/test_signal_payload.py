"""Every spelling that is accepted, and every refusal with the field, what was given and what is accepted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from domain.order import Direction, TaskEvent
from signals.lifecycle import EVENT_WORDS, Lifecycle
from signals.model import BreakEvenTriggered, EntrySignal, ExitSignal, MfeUpdate, Signal, payload_json
from signals.payload import parse_price, parse_signal, signal_of_payload
from signals.problem import FieldProblem, InvalidSignal

ENTRY: dict[str, Any] = {
    "event_type": "ENTRY",
    "trade_id": "T1",
    "direction": "LONG",
    "entry_price": Decimal("16500.0"),
    "stop_loss": Decimal("16475.0"),
}
SHORT: dict[str, Any] = {**ENTRY, "direction": "SHORT", "stop_loss": 16525}
EXIT: dict[str, Any] = {"event_type": "EXIT", "trade_id": "T1"}
UPDATE: dict[str, Any] = {"event_type": "MFE_UPDATE", "trade_id": "T1", "be_mfe": Decimal("1.5")}
NOON = datetime(2025, 11, 22, 12, 0, tzinfo=UTC)

DIRECTIONS = "Bullish, Bearish, long, short, buy or sell (in direction, bias, action or side)"
PRICE = "a price above 0, in points"
STOP = "a price above 0, in points, below the entry of a LONG and above the entry of a SHORT"
CONTRACTS = "a whole number of contracts, at least 1"
TIME = "a time as ISO 8601 (2025-11-22T14:30:00Z), Unix seconds or milliseconds"
TRADE_ID = "the trade's id, 1 to 255 printable characters"
UNFILLED = "a value; TradingView left this placeholder unfilled, so its name is unknown in this kind of alert"


def entry(**changes: Any) -> EntrySignal:
    signal = parse_signal({**ENTRY, **changes})
    assert isinstance(signal, EntrySignal)
    return signal


def problems(fields: dict[str, Any]) -> tuple[FieldProblem, ...]:
    with pytest.raises(InvalidSignal) as refused:
        parse_signal(fields)
    for problem in refused.value.problems:
        json.dumps(problem.as_json())
    return refused.value.problems


def only_problem(fields: dict[str, Any]) -> tuple[str, Any, str]:
    (problem,) = problems(fields)
    return problem.field, problem.given, problem.accepted


def test_the_documents_test_signal_is_read() -> None:
    signal = parse_signal(
        {
            "trade_id": "TEST_001",
            "event_type": "SIGNAL_CREATED",
            "direction": "Bullish",
            "entry_price": 16500.0,
            "stop_loss": 16475.0,
            "symbol": "NQ",
        }
    )

    assert isinstance(signal, EntrySignal)
    assert signal.task_event is TaskEvent.ENTRY
    assert signal.task_payload() == {
        "kind": "ENTRY",
        "direction": "LONG",
        "entry_price": Decimal("16500.0"),
        "stop_loss": Decimal("16475.0"),
        "session": None,
        "bias": None,
        "contracts": None,
        "symbol": "NQ",
    }


WORDS = [
    ("SIGNAL_CREATED", Lifecycle.ENTRY, EntrySignal, TaskEvent.ENTRY),
    ("ENTRY", Lifecycle.ENTRY, EntrySignal, TaskEvent.ENTRY),
    ("ENTRY_SIGNAL", Lifecycle.ENTRY, EntrySignal, TaskEvent.ENTRY),
    ("MFE_UPDATE", Lifecycle.MFE_UPDATE, MfeUpdate, TaskEvent.MFE_UPDATE),
    ("BE_TRIGGERED", Lifecycle.BE_TRIGGERED, BreakEvenTriggered, None),
    ("EXIT", Lifecycle.EXIT, ExitSignal, TaskEvent.EXIT),
    ("EXIT_SIGNAL", Lifecycle.EXIT, ExitSignal, TaskEvent.EXIT),
    ("EXIT_SL", Lifecycle.EXIT_SL, ExitSignal, TaskEvent.EXIT),
    ("EXIT_STOP_LOSS", Lifecycle.EXIT_SL, ExitSignal, TaskEvent.EXIT),
    ("EXIT_BE", Lifecycle.EXIT_BE, ExitSignal, TaskEvent.EXIT),
    ("EXIT_BREAK_EVEN", Lifecycle.EXIT_BE, ExitSignal, TaskEvent.EXIT),
    ("EXIT_TP", Lifecycle.EXIT_TP, ExitSignal, TaskEvent.EXIT),
    ("EXIT_TAKE_PROFIT", Lifecycle.EXIT_TP, ExitSignal, TaskEvent.EXIT),
]


@pytest.mark.parametrize("name", ["event_type", "event"])
@pytest.mark.parametrize(("word", "lifecycle", "model", "task"), WORDS)
def test_every_event_word(name: str, word: str, lifecycle: Lifecycle, model: type[Signal], task: TaskEvent) -> None:
    fields = {**ENTRY, "be_mfe": 1}
    del fields["event_type"]

    for spelled in (word, word.lower(), f" {word} "):
        signal = parse_signal({**fields, name: spelled})
        assert (type(signal), signal.lifecycle, signal.task_event) == (model, lifecycle, task)


def test_no_event_word_is_left_out_of_the_table() -> None:
    assert {word for word, *_ in WORDS} == set(EVENT_WORDS)


@pytest.mark.parametrize(
    ("change", "field", "given"),
    [
        ({"event_type": "OPEN"}, "event_type", "OPEN"),
        ({"event_type": ""}, "event_type", ""),
        ({"event_type": 1}, "event_type", 1),
        ({"event_type": ["ENTRY"]}, "event_type", ["ENTRY"]),
        ({"event_type": None}, "event_type", None),
        ({"event_type": None, "event": "OPEN"}, "event", "OPEN"),
        ({"event_type": "{{event}}"}, "event_type", "{{event}}"),
    ],
)
def test_an_unknown_event_is_refused_with_all_known_words(change: dict[str, Any], field: str, given: object) -> None:
    assert only_problem({**ENTRY, **change}) == (field, given, "one of " + ", ".join(EVENT_WORDS))


@pytest.mark.parametrize("name", ["direction", "side", "action", "bias"])
@pytest.mark.parametrize(
    ("word", "direction"),
    [
        ("LONG", Direction.LONG),
        ("BUY", Direction.LONG),
        ("BULLISH", Direction.LONG),
        ("SHORT", Direction.SHORT),
        ("SELL", Direction.SHORT),
        ("BEARISH", Direction.SHORT),
    ],
)
def test_every_direction_word_in_every_field_that_names_one(name: str, word: str, direction: Direction) -> None:
    fields = dict(ENTRY if direction is Direction.LONG else SHORT)
    del fields["direction"]

    for spelled in (word, word.capitalize(), f" {word.lower()} "):
        signal = parse_signal({**fields, name: spelled})
        assert isinstance(signal, EntrySignal)
        assert signal.direction is direction


@pytest.mark.parametrize("word", ["UP", "", "LONG SHORT", 1, True, ["LONG"], {}], ids=repr)
@pytest.mark.parametrize("name", ["direction", "side", "action", "bias"])
def test_an_unknown_direction_is_refused_by_the_name_it_came_under(name: str, word: object) -> None:
    fields = {**ENTRY, "direction": None, name: word}

    assert ({problem.field for problem in problems(fields)}, problems(fields)[0].given) == ({name}, word)
    assert DIRECTIONS in {problem.accepted for problem in problems(fields)}


@pytest.mark.parametrize("name", ["symbol", "ticker"])
@pytest.mark.parametrize("symbol", ["NQ", "NQ1!", "CME_MINI:NQ1!", "NQZ2025", "US100.cash", "nq"])
def test_a_symbol_is_kept_as_it_was_spelled(name: str, symbol: str) -> None:
    assert entry(**{name: f" {symbol} "}).symbol == symbol


@pytest.mark.parametrize("name", ["contracts", "quantity"])
@pytest.mark.parametrize("value", ["2", 2, 2.0, "2.0", Decimal(2), Decimal("2.0"), " 2 ", "2e0"], ids=repr)
def test_every_form_of_two_contracts(name: str, value: object) -> None:
    contracts = entry(**{name: value}).contracts

    assert (contracts, type(contracts)) == (2, int)


@pytest.mark.parametrize("name", ["contracts", "quantity"])
@pytest.mark.parametrize(
    "value",
    [0, -1, 1.5, "1.5", "two", "", True, False, [], [2], {}, float("nan"), "NaN", 1_000_001, "1e999999", "1_0"],
    ids=repr,
)
def test_what_is_no_number_of_contracts_is_refused(name: str, value: object) -> None:
    field, given, accepted = only_problem({**ENTRY, name: value})

    assert (field, accepted) == (name, CONTRACTS)
    assert given is value


@pytest.mark.parametrize(
    "sizes",
    [
        {"contracts": 2, "quantity": 2},
        {"contracts": 2, "quantity": "2"},
        {"contracts": 2, "quantity": Decimal("2.0")},
        {"contracts": "2.0", "quantity": 2},
        {"contracts": None, "quantity": 2},
        {"contracts": 2, "quantity": None},
    ],
    ids=str,
)
def test_two_sizes_that_say_the_same_are_one(sizes: dict[str, Any]) -> None:
    assert entry(**sizes).contracts == 2


def test_two_sizes_that_contradict_each_other_are_refused() -> None:
    assert only_problem({**ENTRY, "contracts": 2, "quantity": 3}) == (
        "quantity",
        3,
        "the same number as contracts, or only one of the two",
    )


@pytest.mark.parametrize(
    "words",
    [
        {"direction": "LONG", "action": "SELL"},
        {"direction": "LONG", "side": "SHORT"},
        {"direction": None, "side": "BUY", "action": "SELL"},
    ],
    ids=str,
)
def test_directions_that_contradict_each_other_are_refused(words: dict[str, Any]) -> None:
    name, word = list(words.items())[-1]

    assert only_problem({**ENTRY, **words}) == (name, word, "the same direction in every field that names one")


@pytest.mark.parametrize("words", [{"action": "BUY"}, {"side": "Bullish"}, {"bias": "Bearish"}], ids=str)
def test_directions_that_agree_and_a_bias_of_its_own_are_fine(words: dict[str, Any]) -> None:
    assert entry(**words).direction is Direction.LONG


@pytest.mark.parametrize(
    ("value", "price"),
    [
        (16500, "16500"),
        (16500.25, "16500.25"),
        ("16500.25", "16500.25"),
        (Decimal("16500.10"), "16500.10"),
        ("1.65e4", "1.65E+4"),
        ("999999999.99", "999999999.99"),
    ],
)
@pytest.mark.parametrize("name", ["entry_price", "price"])
def test_every_form_of_a_price(name: str, value: object, price: str) -> None:
    signal = entry(**{"entry_price": None, name: value, "stop_loss": 1})

    assert signal.entry_price == Decimal(price)
    assert str(signal.entry_price) == price


NO_PRICES = [0, -1, "a lot", "", "16,500", True, [], {}, "NaN", float("inf"), 10**9, "1e999999", "1e-13", "1" * 31]


@pytest.mark.parametrize("value", NO_PRICES, ids=repr)
@pytest.mark.parametrize(
    ("name", "accepted"), [("entry_price", PRICE), ("stop_loss", STOP), ("price", PRICE), ("stop", STOP)]
)
def test_what_is_no_price_is_refused_by_the_name_it_came_under(name: str, accepted: str, value: object) -> None:
    alias = {"price": "entry_price", "stop": "stop_loss"}.get(name, name)

    assert only_problem({**ENTRY, alias: None, name: value}) == (name, value, accepted)


@pytest.mark.parametrize("value", [value for value in NO_PRICES if value != ""], ids=repr)
@pytest.mark.parametrize(
    ("fields", "name"),
    [
        (EXIT, "exit_price"),
        (EXIT, "price"),
        (UPDATE, "current_price"),
        ({**UPDATE, "event_type": "BE_TRIGGERED"}, "price"),
    ],
)
def test_what_is_no_price_is_refused_in_every_event(fields: dict[str, Any], name: str, value: object) -> None:
    assert only_problem({**fields, name: value}) == (name, value, PRICE)


def test_the_stop_may_be_called_stop() -> None:
    assert entry(stop_loss=None, stop=16475).stop_loss == Decimal(16475)


def test_the_first_spelling_counts() -> None:
    assert entry(price=1, stop=2).entry_price == Decimal(16500)


@pytest.mark.parametrize(
    ("fields", "stop", "right"),
    [
        (ENTRY, "16499.99", True),
        (ENTRY, "16500", False),
        (ENTRY, "16500.01", False),
        (SHORT, "16500.01", True),
        (SHORT, "16500", False),
        (SHORT, "16499.99", False),
    ],
)
def test_the_stop_must_be_on_the_losing_side(fields: dict[str, Any], stop: str, right: bool) -> None:
    changed = {**fields, "stop_loss": stop}

    if right:
        assert isinstance(parse_signal(changed), EntrySignal)
    else:
        assert only_problem(changed) == ("stop_loss", stop, STOP)


@pytest.mark.parametrize("name", ["alert_time", "time", "timestamp", "timenow"])
@pytest.mark.parametrize(
    "value",
    [
        "2025-11-22T12:00:00Z",
        "2025-11-22T12:00:00+00:00",
        "2025-11-22T07:00:00-05:00",
        "2025-11-22T17:30:00+05:30",
        "2025-11-22T12:00:00",
        "2025-11-22 12:00:00",
        " 2025-11-22T12:00:00Z ",
        1763812800,
        1763812800.0,
        1763812800000,
        "1763812800",
        "1763812800000",
        "1763812800.0",
        Decimal(1763812800000),
    ],
    ids=repr,
)
def test_every_form_of_a_time(name: str, value: object) -> None:
    assert entry(**{name: value}).alert_time == NOON


def test_milliseconds_are_kept() -> None:
    assert entry(time=1763812800250).alert_time == NOON.replace(microsecond=250_000)


@pytest.mark.parametrize(
    "value",
    [
        "noon",
        "",
        0,
        -1,
        True,
        [],
        {},
        "2025-13-01T00:00:00Z",
        "22.11.2025",
        float("nan"),
        "1e999999",
        10**13,
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-05:00",
    ],
    ids=repr,
)
def test_what_is_no_time_is_refused(value: object) -> None:
    assert only_problem({**ENTRY, "time": value}) == ("time", value, TIME)


@pytest.mark.parametrize(
    ("value", "read"), [("T1", "T1"), (" T1 ", "T1"), (42, "42"), ("x" * 255, "x" * 255), ("Ü", "Ü")]
)
def test_every_form_of_a_trade_id(value: object, read: str) -> None:
    assert entry(trade_id=value).trade_id == read


@pytest.mark.parametrize("value", ["", " ", "x" * 256, "a\x00b", "a\nb", "\ud800", True, 1.5, [], {}], ids=repr)
@pytest.mark.parametrize("fields", [ENTRY, EXIT, UPDATE])
def test_what_is_no_trade_id_is_refused(fields: dict[str, Any], value: object) -> None:
    assert only_problem({**fields, "trade_id": value}) == ("trade_id", value, TRADE_ID)


@pytest.mark.parametrize(
    ("name", "longest", "accepted"),
    [
        ("symbol", 50, "a symbol such as NQ, NQ1!, CME_MINI:NQ1! or NQZ2025"),
        ("session", 100, "a session name of 1 to 100 characters, such as NY AM"),
        ("bias", 100, "text of 1 to 100 characters, such as Bullish"),
    ],
)
def test_a_text_has_its_length(name: str, longest: int, accepted: str) -> None:
    assert getattr(entry(**{name: "x" * longest}), name) == "x" * longest
    unusable: list[Any] = ["x" * (longest + 1), " ", "a\tb", [], {}, True]
    for value in unusable:
        assert only_problem({**ENTRY, name: value}) == (name, value, accepted)


@pytest.mark.parametrize("name", ["session", "bias"])
def test_an_empty_session_or_bias_is_not_given(name: str) -> None:
    assert getattr(entry(**{name: ""}), name) is None


def test_an_empty_symbol_is_refused() -> None:
    assert only_problem({**ENTRY, "symbol": ""})[:2] == ("symbol", "")


@pytest.mark.parametrize(
    ("name", "accepted"),
    [("trade_id", TRADE_ID), ("direction", DIRECTIONS), ("entry_price", PRICE), ("stop_loss", STOP)],
)
@pytest.mark.parametrize("absent", [True, False], ids=["absent", "null"])
def test_a_field_that_an_entry_needs(name: str, accepted: str, absent: bool) -> None:
    fields = {key: value for key, value in {**ENTRY, name: None}.items() if value is not None or not absent}

    assert only_problem(fields) == (name, None, accepted)


@pytest.mark.parametrize("fields", [EXIT, UPDATE, {**EXIT, "event_type": "BE_TRIGGERED"}])
def test_every_other_event_needs_its_trade_id(fields: dict[str, Any]) -> None:
    assert only_problem({**fields, "trade_id": None}) == ("trade_id", None, TRADE_ID)


def test_all_problems_are_reported_together() -> None:
    found = problems(
        {
            "event_type": "ENTRY",
            "direction": "UP",
            "price": "{{close}}",
            "stop": -1,
            "quantity": 1.5,
            "ticker": [],
            "time": "noon",
        }
    )

    assert sorted((problem.field, problem.accepted) for problem in found) == sorted(
        [
            ("trade_id", TRADE_ID),
            ("direction", DIRECTIONS),
            ("price", UNFILLED),
            ("stop", STOP),
            ("quantity", CONTRACTS),
            ("ticker", "a symbol such as NQ, NQ1!, CME_MINI:NQ1! or NQZ2025"),
            ("time", TIME),
        ]
    )


@pytest.mark.parametrize(
    "name",
    ["trade_id", "direction", "entry_price", "stop_loss", "contracts", "symbol", "session", "bias", "alert_time"],
)
@pytest.mark.parametrize("text", ["{{close}}", "a {{plot_0}} b", "{{\n}}"])
def test_a_placeholder_that_was_not_filled_is_refused(name: str, text: str) -> None:
    assert only_problem({**ENTRY, name: text}) == (name, text, UNFILLED)


def test_unknown_fields_do_not_matter() -> None:
    assert entry(strategy="ORB", nested={"a": [1]}) == entry()


@pytest.mark.parametrize(
    ("event", "exit_type", "lifecycle", "paid"),
    [
        ("EXIT", None, Lifecycle.EXIT, None),
        ("EXIT", "", Lifecycle.EXIT, None),
        ("EXIT", "MANUAL", Lifecycle.EXIT, "MANUAL"),
        ("EXIT", "SL", Lifecycle.EXIT_SL, "SL"),
        ("EXIT", "stop_loss", Lifecycle.EXIT_SL, "SL"),
        ("EXIT", "BE", Lifecycle.EXIT_BE, "BE"),
        ("EXIT", "BREAK_EVEN", Lifecycle.EXIT_BE, "BE"),
        ("EXIT_SIGNAL", " tp ", Lifecycle.EXIT_TP, "TP"),
        ("EXIT", "TAKE_PROFIT", Lifecycle.EXIT_TP, "TP"),
        ("EXIT_SL", None, Lifecycle.EXIT_SL, "SL"),
        ("EXIT_STOP_LOSS", "SL", Lifecycle.EXIT_SL, "SL"),
        ("EXIT_BE", "BREAK_EVEN", Lifecycle.EXIT_BE, "BE"),
        ("EXIT_TP", None, Lifecycle.EXIT_TP, "TP"),
    ],
)
def test_the_event_and_exit_type_are_one(event: str, exit_type: object, lifecycle: Lifecycle, paid: object) -> None:
    signal = parse_signal({**EXIT, "event_type": event, "exit_type": exit_type})

    assert (signal.lifecycle, signal.task_payload()["exit_type"]) == (lifecycle, paid)


@pytest.mark.parametrize(("event", "word"), [("EXIT_SL", "TP"), ("EXIT_BE", "SL"), ("EXIT_TP", "BREAK_EVEN")])
def test_an_exit_that_contradicts_itself_is_refused(event: str, word: str) -> None:
    assert only_problem({**EXIT, "event_type": event, "exit_type": word}) == (
        "exit_type",
        word,
        f"the exit that the event names, {event}, or none",
    )


@pytest.mark.parametrize("word", [1.5, True, [], {}, "x" * 101], ids=repr)
def test_what_is_no_exit_type_is_refused(word: object) -> None:
    assert only_problem({**EXIT, "exit_type": word})[:2] == ("exit_type", word)


def test_an_exit_has_the_documents_payload() -> None:
    signal = parse_signal({**EXIT, "price": 16550.5, "final_be_mfe": 2, "final_no_be_mfe": -1.5, "ticker": "NQ"})

    assert signal.task_payload() == {
        "kind": "EXIT",
        "exit_type": None,
        "exit_price": Decimal("16550.5"),
        "final_be_mfe": Decimal(2),
        "final_no_be_mfe": Decimal("-1.5"),
        "symbol": "NQ",
    }


def test_an_update_has_the_documents_payload() -> None:
    signal = parse_signal({**UPDATE, "no_be_mfe": 2, "current_price": 16510, "symbol": "NQ"})

    assert signal.task_payload() == {
        "kind": "MFE_UPDATE",
        "be_mfe": Decimal("1.5"),
        "no_be_mfe": Decimal(2),
        "current_price": Decimal(16510),
        "symbol": "NQ",
    }


def test_an_update_without_a_figure_says_nothing() -> None:
    assert only_problem({**UPDATE, "be_mfe": None}) == (
        "be_mfe",
        None,
        "be_mfe or no_be_mfe; an update without either says nothing",
    )


@pytest.mark.parametrize("value", ["a lot", True, [], float("nan"), "1e13", "1e-13"], ids=repr)
@pytest.mark.parametrize("name", ["be_mfe", "no_be_mfe"])
def test_what_is_no_figure_is_refused(name: str, value: object) -> None:
    assert only_problem({**UPDATE, name: value}) == (name, value, "a finite number")


@pytest.mark.parametrize("value", [0, -1, "0.0", Decimal("-12.75")], ids=repr)
def test_a_figure_may_be_zero_or_negative(value: Any) -> None:
    signal = parse_signal({**UPDATE, "be_mfe": value})

    assert isinstance(signal, MfeUpdate)
    assert signal.be_mfe == Decimal(value)


def test_a_payload_is_json_with_numbers_as_numbers() -> None:
    text = payload_json(entry(contracts="2", symbol="NQ").task_payload())

    assert json.loads(text) == {
        "kind": "ENTRY",
        "direction": "LONG",
        "entry_price": 16500.0,
        "stop_loss": 16475.0,
        "session": None,
        "bias": None,
        "contracts": 2,
        "symbol": "NQ",
    }


@pytest.mark.parametrize(
    "respelled",
    [
        {"event_type": "SIGNAL_CREATED"},
        {"event_type": None, "event": "entry_signal"},
        {"direction": "buy"},
        {"direction": None, "side": "Bullish"},
        {"entry_price": None, "price": "16500"},
        {"entry_price": "1.65e4"},
        {"stop_loss": None, "stop": 16475},
        {"contracts": None, "quantity": "2.0"},
        {"symbol": None, "ticker": " NQ "},
        {"trade_id": " T1 "},
        {"alert_time": "2025-11-22T12:00:00Z"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_the_same_content_in_other_words_has_the_same_digest(respelled: dict[str, Any]) -> None:
    plain = {**ENTRY, "contracts": 2, "symbol": "NQ"}

    assert parse_signal({**plain, **respelled}).content_digest() == parse_signal(plain).content_digest()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"event_type": "EXIT_SL"}, {"event_type": "EXIT_STOP_LOSS"}),
        ({"event_type": "EXIT_SL"}, {"event_type": "EXIT", "exit_type": "SL"}),
        ({"event_type": "EXIT_SL"}, {"event_type": "EXIT_SL", "exit_type": "STOP_LOSS"}),
        ({"event_type": "EXIT", "exit_type": "tp"}, {"event_type": "EXIT", "exit_type": "TAKE_PROFIT"}),
    ],
)
def test_the_same_exit_in_other_words_is_the_same_event_with_the_same_digest(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    first, second = parse_signal({**EXIT, **one}), parse_signal({**EXIT, **other})

    assert first.event_key == second.event_key
    assert first.content_digest() == second.content_digest()


@pytest.mark.parametrize(
    "change",
    [
        {"trade_id": "T2"},
        {"entry_price": "16500.25"},
        {"stop_loss": "16475.25"},
        {"contracts": 3},
        {"contracts": None},
        {"symbol": "ES"},
        {"symbol": None},
        {"session": "LONDON"},
        {"bias": "Bearish"},
        {"direction": "SHORT", "stop_loss": 16525},
        {"entry_price": 16550, "stop_loss": "16475"},
    ],
    ids=str,
)
def test_any_changed_field_has_another_digest(change: dict[str, Any]) -> None:
    plain = {**ENTRY, "contracts": 2, "symbol": "NQ", "session": "NY AM", "bias": "Bullish"}

    assert parse_signal({**plain, **change}).content_digest() != parse_signal(plain).content_digest()


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        (ENTRY, "ENTRY:T1"),
        ({**EXIT, "event_type": "EXIT"}, "EXIT:T1"),
        ({**EXIT, "event_type": "EXIT_SL"}, "EXIT_SL:T1"),
        ({**EXIT, "event_type": "EXIT", "exit_type": "BE"}, "EXIT_BE:T1"),
        ({**EXIT, "event_type": "BE_TRIGGERED"}, "BE_TRIGGERED:T1"),
    ],
)
def test_a_trade_has_one_entry_and_one_exit_of_each_kind(fields: dict[str, Any], key: str) -> None:
    assert parse_signal(fields).event_key == key
    assert parse_signal({**fields, "price": 17000, "time": "2025-11-22T12:00:00Z"}).event_key == key


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"be_mfe": "1.50"}, True),
        ({"time": "2025-11-22T07:00:00-05:00"}, True),
        ({"be_mfe": 2}, False),
        ({"no_be_mfe": 1}, False),
        ({"price": 16510}, False),
        ({"time": "2025-11-22T12:00:01Z"}, False),
        ({"time": None}, False),
        ({"trade_id": "T2"}, False),
    ],
    ids=str,
)
def test_updates_differ_by_content_and_by_time(change: dict[str, Any], same: bool) -> None:
    update = {**UPDATE, "time": "2025-11-22T12:00:00Z"}

    assert (parse_signal({**update, **change}).event_key == parse_signal(update).event_key) is same


def test_a_tasks_own_payload_becomes_its_signal_again() -> None:
    signal = entry(contracts=2, symbol="NQ", session="NY AM", bias="Bullish")

    again = signal_of_payload("T1", "ENTRY", signal.task_payload())

    assert (again, again.content_digest()) == (signal, signal.content_digest())


def test_a_task_may_name_no_prices_but_must_name_no_nonsense() -> None:
    assert isinstance(signal_of_payload("T1", "ENTRY", {}), EntrySignal)
    with pytest.raises(InvalidSignal, match="entry_price"):
        signal_of_payload("T1", "ENTRY", {"entry_price": -1})
    with pytest.raises(InvalidSignal, match="trade_id"):
        signal_of_payload("", "ENTRY", {})


@pytest.mark.parametrize("names", [("symbol", "price"), ("ticker", "price")])
def test_a_price_update_is_read(names: tuple[str, str]) -> None:
    update = parse_price({names[0]: "NQ1!", names[1]: "16500.25", "time": 1763812800})

    assert (update.symbol, update.price, update.alert_time) == ("NQ1!", Decimal("16500.25"), NOON)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, ["symbol", "price"]),
        ({"symbol": "NQ"}, ["price"]),
        ({"symbol": "NQ", "price": 0}, ["price"]),
        ({"symbol": "{{ticker}}", "price": 1}, ["symbol"]),
        ({"symbol": "NQ", "price": 1, "timenow": "noon"}, ["timenow"]),
    ],
    ids=str,
)
def test_a_price_update_that_cannot_be_read_is_refused(fields: dict[str, Any], named: list[str]) -> None:
    with pytest.raises(InvalidSignal) as refused:
        parse_price(fields)
    assert [problem.field for problem in refused.value.problems] == named
