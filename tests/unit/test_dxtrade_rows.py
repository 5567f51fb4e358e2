"""What rows of DXtrade's lists mean, and what several failures of one flattening amount to."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from connectors.attempts import Attempts
from connectors.platforms.dxtrade_orders import net_positions, report_of
from connectors.platforms.dxtrade_rows import held_positions, listed_orders
from connectors.platforms.dxtrade_session import lifetime_of
from connectors.venue import NotSent, Unclear
from domain.order_state import OrderState, Side

LEG = {"positionEffect": "OPEN", "quantity": 3, "filledQuantity": 0, "averagePrice": 0}
ROW = {"orderId": 5, "orderCode": "x:5", "side": "BUY", "type": "MARKET", "status": "WORKING", "legs": [LEG]}


class TestRows:
    @pytest.mark.parametrize(
        ("status", "filled", "state"),
        [
            ("ACCEPTED", 0, OrderState.ACCEPTED),
            ("WORKING", 0, OrderState.ACCEPTED),
            ("WORKING", 1, OrderState.PARTIALLY_FILLED),
            ("COMPLETED", 3, OrderState.FILLED),
            ("COMPLETED", 2, OrderState.CANCELLED),
            ("CANCELED", 0, OrderState.CANCELLED),
            ("CANCELED", 2, OrderState.CANCELLED),
            ("EXPIRED", 0, OrderState.CANCELLED),
            ("EXPIRED", 1, OrderState.CANCELLED),
            ("REJECTED", 0, OrderState.REJECTED),
            ("REJECTED", 1, OrderState.CANCELLED),
            ("REJECTED", 3, OrderState.CANCELLED),
        ],
    )
    def test_statuses(self, status: str, filled: int, state: OrderState) -> None:
        (order,) = listed_orders({"orders": [ROW | {"status": status, "legs": [LEG | {"filledQuantity": filled}]}]})
        assert order.state is state
        assert order.filled == filled
        assert order.average_price is None

    def test_the_side_may_stand_on_the_leg(self) -> None:
        (order,) = listed_orders([{**ROW, "side": None, "legs": [LEG | {"side": "SELL"}]}])
        assert order.side is Side.SELL

    @pytest.mark.parametrize(
        ("parts", "state", "filled"),
        [
            ([("COMPLETED", 3), ("COMPLETED", 3)], OrderState.FILLED, 6),
            ([("COMPLETED", 3), ("WORKING", 0)], OrderState.PARTIALLY_FILLED, 3),
            ([("REJECTED", 0), ("WORKING", 0)], OrderState.ACCEPTED, 0),
            ([("COMPLETED", 3), ("REJECTED", 0)], OrderState.CANCELLED, 3),
            ([("REJECTED", 0), ("REJECTED", 0)], OrderState.REJECTED, 0),
        ],
    )
    def test_parts_of_one_exit_are_told_as_one(
        self, parts: list[tuple[str, int]], state: OrderState, filled: int
    ) -> None:
        listed = [ROW | {"status": status, "legs": [LEG | {"filledQuantity": done}]} for status, done in parts]
        report = report_of(listed_orders(listed), "T1", Decimal(2))
        assert report.state is state
        assert report.filled == Decimal(filled) / 2

    def test_positions_of_a_symbol_are_netted_and_priced_by_the_side_that_outweighs(self) -> None:
        rows = [
            ("NQ", 3, "BUY", 100),
            ("NQ", 1, "BUY", 104),
            ("NQ", 2, "SELL", 900),
            ("ES", 1, "SELL", 7),
            ("X", 1, "BUY", 1),
        ]
        rows.append(("X", 1, "SELL", 1))
        names = ("symbol", "quantity", "side", "openPrice")
        held = held_positions({"positions": [dict(zip(names, row, strict=True)) for row in rows]})
        assert [(p.symbol, p.quantity, p.average_price) for p in net_positions(held)] == [
            ("NQ", Decimal(2), Decimal(101)),
            ("ES", Decimal(-1), Decimal(7)),
        ]

    @pytest.mark.parametrize(
        ("change", "complaint"),
        [
            ({"status": "PENDING"}, "unknown status 'PENDING'"),
            ({"status": "COMPLETED"}, "without a filled quantity"),
            ({"side": "LONG"}, "neither BUY nor SELL"),
            ({"legs": [{"filledQuantity": "many"}]}, "filledQuantity: 'many' is not a number"),
        ],
    )
    def test_what_cannot_be_read_is_unclear(self, change: dict[str, Any], complaint: str) -> None:
        with pytest.raises(Unclear, match=complaint):
            _ = [order.state for order in listed_orders([ROW | change])]

    @pytest.mark.parametrize("body", [None, {}, {"orders": None}, {"orders": ["x"]}, "text"])
    def test_what_is_no_list_is_unclear(self, body: Any) -> None:
        with pytest.raises(Unclear, match="no list of orders"):
            listed_orders(body)

    def test_fills_are_taken_from_executions_too(self) -> None:
        fills = {"legs": [{"quantity": 3}], "executions": [{"filledQuantity": -1}, {"filledQuantity": -3}]}
        (order,) = listed_orders([ROW | fills | {"status": "COMPLETED"}])
        assert order.filled == 3
        assert order.state is OrderState.FILLED


class TestLifetimes:
    @pytest.mark.parametrize(
        ("timeout", "seconds"),
        [
            ("00:30:00", 1800),
            ("01:05:08.5", 3908.5),
            (900, 900),
            ("900", 900),
            ("00:00:00", None),
            (0, None),
            (None, None),
            ("soon", None),
            ("-5", None),
        ],
    )
    def test_a_tokens_life(self, timeout: object, seconds: float | None) -> None:
        assert lifetime_of(timeout) == seconds


class TestAttempts:
    def test_an_unclear_call_weighs_more_than_one_that_was_not_sent(self) -> None:
        attempts = Attempts()
        for failure in (NotSent("not sent"), Unclear("unclear"), NotSent("not sent")):
            attempts.result(partial(_raise, failure))
        with pytest.raises(Unclear):
            attempts.done()


def _raise(failure: Exception) -> None:
    raise failure
