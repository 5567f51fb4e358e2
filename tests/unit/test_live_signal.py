"""The older body: which trade it means when it names one, when it names only a time, and when it names neither."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.order import Direction, TaskEvent
from signals.live_signal import LiveSignal, parse_live_signal
from signals.model import EntrySignal, ExitSignal
from signals.problem import InvalidSignal

RECEIVED = datetime(2025, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)
BODY: dict[str, Any] = {"symbol": "NQ", "bias": "Bullish", "price": 16500, "stop": 16475}


def live(received: datetime = RECEIVED, **changes: Any) -> LiveSignal:
    return parse_live_signal({**BODY, **changes}, received)


def named(**changes: Any) -> tuple[str, object]:
    with pytest.raises(InvalidSignal) as refused:
        live(**changes)
    (problem,) = refused.value.problems
    return problem.field, problem.given


def test_the_body_is_an_entry() -> None:
    signal = live(id="T1").signal

    assert isinstance(signal, EntrySignal)
    assert (signal.symbol, signal.direction, signal.entry_price, signal.stop_loss) == (
        "NQ",
        Direction.LONG,
        Decimal(16500),
        Decimal(16475),
    )


@pytest.mark.parametrize("name", ["id", "trade_id"])
def test_an_id_is_the_trade(name: str) -> None:
    named_by: dict[str, Any] = {name: 42}

    answer = live(**named_by)

    assert (answer.signal.trade_id, answer.unnamed) == ("42", None)


@pytest.mark.parametrize("received", [RECEIVED, RECEIVED + timedelta(hours=1)])
def test_without_an_id_the_alerts_time_and_the_content_are_the_trade(received: datetime) -> None:
    answer = live(received, time="2025-11-22T11:59:58Z")

    assert answer.signal.trade_id.startswith("LIVE_20251122T115958000000_")
    assert answer.signal.trade_id == live(time="2025-11-22T11:59:58Z", price="16500.0").signal.trade_id
    assert answer.unnamed is None


@pytest.mark.parametrize("change", [{"price": 16501}, {"symbol": "ES"}, {"time": "2025-11-22T11:59:59Z"}])
def test_other_content_or_another_time_is_another_trade(change: dict[str, Any]) -> None:
    timed: dict[str, Any] = {"time": "2025-11-22T11:59:58Z"}

    assert live(**{**timed, **change}).signal.trade_id != live(**timed).signal.trade_id


def test_without_id_and_time_the_arrival_names_the_trade_and_the_content_finds_it_again() -> None:
    first, second = live(), live(RECEIVED + timedelta(seconds=2))

    assert first.signal.trade_id.startswith("LIVE_20251122T120000250000_")
    assert first.signal.trade_id != second.signal.trade_id
    assert first.unnamed is not None
    assert first.unnamed == second.unnamed
    assert first.signal.trade_id.endswith(first.unnamed)
    assert live(price=16501).unnamed != first.unnamed


@pytest.mark.parametrize("name", ["direction", "side", "action", "bias"])
@pytest.mark.parametrize("word", ["EXIT", "close", " Flat "])
def test_an_exit_word_closes_the_trade_that_is_named(name: str, word: str) -> None:
    signal = parse_live_signal({"id": "T1", name: word, "price": 16510}, RECEIVED).signal

    assert isinstance(signal, ExitSignal)
    assert (signal.trade_id, signal.exit_price, signal.task_event) == ("T1", Decimal(16510), TaskEvent.EXIT)


@pytest.mark.parametrize("word", ["EXIT", "close", "FLAT"])
def test_an_exit_must_name_its_trade(word: str) -> None:
    assert named(action=word) == ("id", None)


@pytest.mark.parametrize("word", ["EXIT", "close", "FLAT"])
@pytest.mark.parametrize("name", ["direction", "side"])
def test_a_direction_beside_an_exit_word_never_opens_a_trade(name: str, word: str) -> None:
    fields = {**BODY, "bias": None, "id": "T1", name: "LONG", "action": word}

    try:
        signal = parse_live_signal(fields, RECEIVED).signal
    except InvalidSignal:
        return
    assert isinstance(signal, ExitSignal)


@pytest.mark.parametrize("event", ["EXIT", "EXIT_SL", "MFE_UPDATE", "BE_TRIGGERED", "OPEN"])
def test_an_event_that_is_no_entry_never_opens_a_trade(event: str) -> None:
    try:
        signal = live(id="T1", event_type=event).signal
    except InvalidSignal:
        return
    assert not isinstance(signal, EntrySignal)


@pytest.mark.parametrize(
    ("change", "field", "given"),
    [
        ({"bias": "UP"}, "bias", "UP"),
        ({"price": 0}, "price", 0),
        ({"price": None}, "entry_price", None),
        ({"stop": 16500}, "stop", 16500),
        ({"stop": None}, "stop_loss", None),
        ({"id": ""}, "trade_id", ""),
        ({"id": "{{strategy.order.id}}"}, "trade_id", "{{strategy.order.id}}"),
        ({"quantity": 1.5}, "quantity", 1.5),
    ],
    ids=str,
)
def test_what_is_wrong_is_refused_by_its_name(change: dict[str, Any], field: str, given: object) -> None:
    assert named(**change) == (field, given)
