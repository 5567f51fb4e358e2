"""What a venue template may say, what of it is refused, and how values are put into it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from connectors.http_calls import Reply
from connectors.platforms.template import InvalidTemplate, VenueTemplate
from connectors.platforms.template_model import Match
from connectors.platforms.template_text import GAP, Value, at, filled
from tests.templates import SECRET, Change, both, drop, put, template

VALUES: dict[str, Value] = {
    "symbol": 'N"Q}{',
    "quantity": Decimal("3.50"),
    "stop_price": None,
    "side": 0,
    "user": "{token}",
}


class TestBodies:
    @pytest.mark.parametrize(
        ("written", "sent_as"),
        [
            ("{quantity}", Decimal("3.50")),
            ("{side}", 0),
            ("{symbol}", 'N"Q}{'),
            ("{quantity} of {symbol}", '3.50 of N"Q}{'),
            ("{user}", "{token}"),
            ("is {user}", "is {token}"),
            ("{stop_price}", GAP),
            ("at {stop_price}", GAP),
            ([1, "{stop_price}", True, None], [1, True, None]),
            ({"a": {"b": ["{quantity}"]}, "c": 1.5}, {"a": {"b": [Decimal("3.50")]}, "c": 1.5}),
            ({"a": "{stop_price}", "b": 1}, {"b": 1}),
            ({"o": {"price": "{stop_price}", "type": "stop"}}, {"o": {"type": "stop"}}),
            ({"o?": {"price": "{stop_price}", "size": "{quantity}"}, "x": 1}, {"x": 1}),
            ({"o?": {"deep": [{"price": "at {stop_price}"}]}}, {}),
            ({"o?": {"size": "{quantity}"}}, {"o": {"size": Decimal("3.50")}}),
        ],
    )
    def test_values_are_put_in(self, written: Any, sent_as: Any) -> None:
        assert filled(written, VALUES) == sent_as

    @pytest.mark.parametrize(
        ("number", "text"), [(Decimal("3.50"), "3.50"), (Decimal("1E+3"), "1000"), (Decimal("0.00001"), "0.00001")]
    )
    def test_numbers_can_be_sent_as_text(self, number: Decimal, text: str) -> None:
        values: dict[str, Value] = {"quantity": number, "side": 0}
        assert filled({"q": "{quantity}", "s": "{side}"}, values, numbers_as_text=True) == {"q": text, "s": 0}
        assert filled("x{quantity}", values) == f"x{text}"

    @pytest.mark.parametrize(
        ("path", "found"),
        [
            ("", {"a": {"b": [10, {"c": None}]}}),
            ("a.b.0", 10),
            ("a.b.1.c", None),
            ("a.b.2", GAP),
            ("a.b.-1", GAP),
            ("a.x", GAP),
            ("a.b.0.c", GAP),
            ("a.keys", GAP),
        ],
    )
    def test_paths(self, path: str, found: Any) -> None:
        assert at({"a": {"b": [10, {"c": None}]}}, path) == found

    @pytest.mark.parametrize(
        ("condition", "status", "body", "holds"),
        [
            ({}, 418, None, True),
            ({"status": [200]}, 200, None, True),
            ({"status": [200]}, 201, None, False),
            ({"equal": {"ok": True}}, 200, {"ok": True}, True),
            ({"equal": {"ok": True}}, 200, {"ok": 1}, False),
            ({"equal": {"ok": 1}}, 200, {"ok": True}, False),
            ({"equal": {"ok": True}}, 200, {}, None),
            ({"equal": {"ok": True}}, 200, None, None),
            ({"equal": {"error": None}}, 200, {}, True),
            ({"equal": {"error": None}}, 200, {"error": "x"}, False),
            ({"equal": {"code": 0.5}}, 200, {"code": Decimal("0.5")}, True),
            ({"not_equal": {"status": "error"}}, 200, {"status": "error"}, False),
            ({"not_equal": {"status": "error"}}, 200, {"status": "ok"}, True),
            ({"not_equal": {"status": "error"}}, 200, {}, True),
            ({"equal": {"a": 1}, "not_equal": {"b": 2}}, 200, {"a": 1, "b": 2}, False),
        ],
    )
    def test_conditions(self, condition: dict[str, Any], status: int, body: Any, holds: bool | None) -> None:
        match = Match.model_validate_json(json.dumps(condition))
        assert match.holds(Reply(status=status, body=body)) is holds


class TestRefusedTemplates:
    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            (drop("entry"), "entry: Field required"),
            (drop("exit"), "exit: Field required"),
            (drop("sides.sell"), "sides.sell: Field required"),
            (put("entry.methd", "POST"), "entry.methd: Extra inputs are not permitted"),
            (put("colour", "blue"), "colour: Extra inputs are not permitted"),
            (put("entry.method", "FETCH"), "entry.method: Input should be 'GET'"),
            (put("rate_limit", 5), "rate_limit: Input should be a valid string"),
            (put("rate_limit", "often"), "rate_limit: no limit"),
            (put("capabilities.client_tag", "yes"), "capabilities.client_tag: Input should be a valid boolean"),
            (put("capabilities.settling_seconds", -1), "capabilities.settling_seconds: Input should be greater"),
            (put("states.NEW", "OPEN"), "states.NEW: Input should be 'ACCEPTED'"),
            (put("states", {}), "states: needed"),
            (put("entry.answer.order_id", "a..b"), "entry.answer.order_id: String should match"),
            (put("account_status.figures", {}), "account_status.figures: Dictionary should have at least 1"),
            (put("account_status.figures.profit", "x"), "account_status.figures.profit"),
            *[
                (put("entry.path", path), "entry.path: String should match")
                for path in (
                    "orders",
                    "//elsewhere/orders",
                    "https://elsewhere",
                    "/orders?x=1",
                    "/orders#x",
                    "/or ders",
                )
            ],
            (put("entry.body.qty", "{size}"), "entry.body.qty: {size} is no placeholder here"),
            (put("entry.body.id", "{order_id}"), "entry.body.id: {order_id} is no placeholder here"),
            (put("positions.query", {"s": "{symbol}"}), "positions.query.s: {symbol} is no placeholder here"),
            (put("headers.X", "{side}"), "headers.X: {side} is no placeholder here"),
            (put("exit.body.stop", "{stop_price}"), "exit.body.stop: {stop_price} is no placeholder here"),
            *[
                (put("entry.body.x", text), "entry.body.x: a brace that belongs to no placeholder")
                for text in ("{symbol.__class__}", "{symbol!r}", "{symbol:>10}", "{0}", "{}", "{", "}", "{{symbol}}")
            ],
            (put("entry.body.{symbol}", 1), "entry.body.{symbol} (the key): placeholders stand in values"),
            (put("entry.body.a", {"?": 1}), "entry.body.a.?: without its mark"),
            (put("entry.body.stop", {}), "entry.body.stop?: without its mark"),
            (put("entry.path", "/o/{secret}"), "entry.path: {secret} is a secret"),
            (put("find.query.t", "{token}"), "find.query.t: {token} is a secret"),
            (put("entry.path", "/o/{stop_price}"), "entry.path: {stop_price} has no value at times"),
            (put("find.body", {}), "find.body: a GET has none"),
            (put("headers.Bad Name", "x"), "headers.Bad Name: no name of a header"),
            (put("entry.headers", {"X": "a\r\nHost: b"}), "entry.headers.X: a header takes printable ASCII only"),
            *[
                (drop(f"{name}.body.{key}"), f"{name}: {{{placeholder}}} is nowhere in it")
                for name, key, placeholder in (
                    ("entry", "qty", "quantity"),
                    ("entry", "side", "side"),
                    ("entry", "symbol", "symbol"),
                    ("exit", "qty", "quantity"),
                    ("exit", "symbol", "symbol"),
                    ("shrink", "qty", "quantity"),
                )
            ],
            (put("cancel.path", "/all"), "cancel: {order_id} is nowhere in it"),
            (drop("find.tag"), "find.tag: needed to search find.orders"),
            (both(drop("find.orders", "find.query")), "find: {client_order_id} is nowhere in it"),
            (drop("find.answer.filled"), "find.answer.filled: needed"),
            (drop("find.answer.state"), "find.answer.state: needed"),
            (drop("positions.short"), "positions: with a side the words for long and short are needed"),
            (put("positions.short", "long"), "positions: both sides have the same word"),
            (put("sides.sell", "B"), "sides: both sides have the same word"),
            (drop("positions"), "positions: needed, unless capabilities.reduce_only"),
            (drop("entry.duplicate"), "capabilities.unique_tag: needs entry.duplicate"),
            (put("capabilities.client_tag", False), "capabilities.unique_tag: needs client_tag"),
            (drop("exit.body.clientId"), "capabilities.client_tag: needs {client_order_id}"),
            (drop("find"), "capabilities.lookup_by_tag: needs client_tag and a find"),
            (
                drop("capabilities.settling_seconds"),
                "capabilities.complete_list: needs lookup_by_tag, settling_seconds",
            ),
            (put("capabilities.lookup_by_tag", False), "capabilities.complete_list: needs lookup_by_tag"),
            (drop("find.orders"), "capabilities.complete_list: needs"),
            (drop("entry.body.stop?"), "capabilities.brackets: needs {stop_price} in entry"),
            (put("capabilities.brackets", False), "entry: {stop_price} needs capabilities.brackets"),
            (put("capabilities.brackets", False), "protection: needs capabilities.brackets"),
            (put("protection.tag", "S"), "protection.tag: has to be made of {client_order_id}"),
            (put("protection.tag", "{client_order_id"), "protection.tag: a brace"),
            (drop("working_orders"), "working_orders: needed by protection"),
            (drop("working_orders.tag"), "working_orders.tag: needed by protection"),
            (drop("cancel"), "cancel: needed by protection"),
            (drop("shrink"), "shrink: needed by protection"),
        ],
    )
    def test_the_error_names_the_key(self, change: Change, problem: str) -> None:
        with pytest.raises(InvalidTemplate) as caught:
            template(change)
        assert [one for one in caught.value.problems if one.startswith(problem)], caught.value.problems

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("", "no JSON"),
            ("[]", "Input should be an object"),
            ('{"name": "a", "name": "b"}', "the key name stands twice"),
            ('{"entry": {"body": {"a": NaN}}}', "NaN is no number"),
        ],
    )
    def test_what_is_no_template(self, text: str, problem: str) -> None:
        with pytest.raises(InvalidTemplate, match=problem):
            VenueTemplate.from_json(text)

    def test_all_problems_are_told_at_once_and_no_value_with_them(self) -> None:
        with pytest.raises(InvalidTemplate) as caught:
            template(put("capabilities.client_tag", SECRET), put("numbers", SECRET))
        assert len(caught.value.problems) == 2
        assert "s3cret" not in str(caught.value)

    def test_only_entry_and_exit_have_to_be_there(self) -> None:
        rest = ("find", "positions", "working_orders", "cancel", "shrink", "account_status", "protection", "rate_limit")
        made = template(
            drop(*rest, "headers", "entry.body.stop?", "entry.answer", "exit.answer", "states"),
            put("capabilities", {"reduce_only": True}),
        )
        assert list(made.operations()) == ["entry", "exit"]
        assert made.capabilities.model_dump() == {
            "client_tag": False,
            "unique_tag": False,
            "lookup_by_tag": False,
            "complete_list": False,
            "settling_seconds": None,
            "brackets": False,
            "reduce_only": True,
        }
