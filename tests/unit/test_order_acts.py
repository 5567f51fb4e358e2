"""Bodies and addresses about orders: what is read, and that every wrong field is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from domain.account import AccountKey
from domain.acts import OrderFilter, Outcome, Settlement, Signature
from domain.halt import HaltLevel, Scope
from domain.order_state import OrderState
from signals.order_acts import (
    parse_halt,
    parse_limit,
    parse_query,
    parse_release,
    parse_resolution,
    parse_settlement,
    parse_signature,
)
from signals.problem import InvalidSignal

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
SIGNED = {"by": "anna", "reason": "seen at the venue"}
ANNA = Signature("anna", "seen at the venue")
Parse = Callable[[Mapping[str, Any], datetime], object]


def refused(parse: Parse, fields: Mapping[str, Any]) -> set[str]:
    with pytest.raises(InvalidSignal) as found:
        parse(fields, NOW)
    assert all(problem.accepted for problem in found.value.problems)
    return {problem.field for problem in found.value.problems}


def test_a_resolution_is_read_with_who_and_why() -> None:
    told = {"outcome": "filled", "filled": 2, "average_price": "16501.25", "venue_order_id": 77}
    resolution, signature = parse_resolution({**SIGNED, **told}, NOW)
    assert (resolution.outcome, resolution.filled, resolution.average_price, resolution.venue_order_id) == (
        Outcome.FILLED,
        Decimal(2),
        Decimal("16501.25"),
        "77",
    )
    assert signature == ANNA


@pytest.mark.parametrize("word", ["not_sent", "NOT_SENT", "not-sent", " Not sent "])
def test_an_outcome_may_be_written_in_several_ways(word: str) -> None:
    assert parse_resolution({**SIGNED, "outcome": word}, NOW)[0].outcome is Outcome.NOT_SENT


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, {"by", "reason", "outcome"}),
        ({**SIGNED, "outcome": "lost", "filled": "two", "price": True}, {"outcome", "filled", "price"}),
        ({"by": " ", "reason": "x" * 501, "outcome": "rejected"}, {"by", "reason"}),
        ({**SIGNED, "outcome": "filled"}, {"filled"}),
        ({**SIGNED, "outcome": "filled", "filled": 0, "average_price": -1}, {"filled", "average_price"}),
        ({**SIGNED, "outcome": "rejected", "filled": 1, "price": 5}, {"filled"}),
        ({**SIGNED, "outcome": "cancelled", "price": 5}, {"price"}),
        ({**SIGNED, "outcome": "cancelled", "quantity": 5, "lots": 1}, {"quantity", "lots"}),
        ({**SIGNED, "outcome": ["filled"], "venue_order_id": "a\nb"}, {"outcome", "venue_order_id"}),
    ],
)
def test_every_wrong_field_of_a_resolution_is_named(fields: dict[str, Any], wrong: set[str]) -> None:
    assert refused(parse_resolution, fields) == wrong


def test_a_halt_is_of_everything_and_of_entries_unless_it_says_otherwise() -> None:
    assert parse_halt(SIGNED, NOW) == (Scope(), HaltLevel.ENTRIES, ANNA)
    one = Scope(firm_code="APEX", program_id=1)
    assert parse_halt({**SIGNED, "scope": "apex/1", "level": "flatten"}, NOW) == (one, HaltLevel.FLATTEN, ANNA)


@pytest.mark.parametrize(
    ("parse", "fields", "wrong"),
    [
        (parse_halt, {**SIGNED, "scope": "APEX/", "level": "stop"}, {"scope", "level"}),
        (parse_halt, {**SIGNED, "scope": None, "firm": "APEX"}, {"firm"}),
        (parse_halt, {"reason": "x"}, {"by"}),
        (parse_settlement, {**SIGNED, "how": "ignore"}, {"how"}),
        (parse_settlement, {}, {"by", "reason", "how"}),
        (parse_release, SIGNED, {"phrase"}),
        (parse_release, {"phrase": "RELEASE ALL"}, {"by", "reason"}),
        (parse_signature, {"by": "anna", "reason": 5, "why": "x"}, {"why"}),
        (parse_signature, {"by": "anna"}, {"reason"}),
        (parse_limit, {"limit": "0"}, {"limit"}),
        (parse_limit, {"page": "2"}, {"page"}),
    ],
)
def test_every_wrong_field_is_named(parse: Parse, fields: dict[str, Any], wrong: set[str]) -> None:
    assert refused(parse, fields) == wrong


def test_settlements_phrases_and_signatures_are_read() -> None:
    assert parse_settlement({**SIGNED, "how": "close"}, NOW) == (Settlement.CLOSE, ANNA)
    assert parse_settlement({**SIGNED, "how": "ACCEPT"}, NOW) == (Settlement.ACCEPT, ANNA)
    assert parse_release({**SIGNED, "phrase": "RELEASE APEX/1"}, NOW) == ("RELEASE APEX/1", ANNA)
    assert parse_signature({"set_by": "anna", "reason": "seen at the venue"}, NOW) == ANNA


@pytest.mark.parametrize(("text", "yes"), [("true", True), ("1", True), ("YES", True), ("false", False), ("0", False)])
def test_an_address_says_which_orders_are_wanted(text: str, yes: bool) -> None:
    told = {"account": "apex/1", "trade": "T1", "state": "unresolved", "open": text, "limit": "5"}
    assert parse_query(told, NOW) == OrderFilter(
        account=AccountKey("APEX", 1), trade_id="T1", state=OrderState.UNRESOLVED, only_open=yes, limit=5
    )


def test_an_address_without_wishes_asks_for_the_newest() -> None:
    assert parse_query({}, NOW) == OrderFilter()
    assert (parse_limit({}, NOW), parse_limit({"limit": "1000"}, NOW)) == (100, 1000)


def test_every_wrong_wish_is_named() -> None:
    told = {"account": "APEX", "trade": "x" * 256, "state": "LOST", "open": "perhaps", "limit": "1001"}
    assert refused(parse_query, told) == {"account", "trade", "state", "open", "limit"}
    assert refused(parse_query, {"firm": "APEX"}) == {"firm"}
