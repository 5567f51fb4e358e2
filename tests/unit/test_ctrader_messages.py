"""cTrader's frames and fields as they are read, and what its codes and events mean."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest

from connectors.platforms.ctrader_answers import Answer, answer_of, report
from connectors.platforms.ctrader_errors import Refusal, raise_no_login, raise_unread, refusal_of
from connectors.platforms.ctrader_orders import held_position, placed_order
from connectors.platforms.ctrader_sent import KEPT, Sent
from connectors.platforms.ctrader_session import Outcome
from connectors.platforms.ctrader_symbols import Symbol
from connectors.platforms.ctrader_waiter import Waiter, Watched
from connectors.platforms.ctrader_wire import (
    ExecutionType,
    Frame,
    Message,
    TradeSide,
    Unreadable,
    choice,
    frame_text,
    part,
    parts,
    price,
    read_frame,
    whole,
    wholes,
)
from connectors.venue import NotSent, Unclear
from domain.order_state import OrderState, Side

SYMBOL = Symbol(id=275, name="US100.cash", digits=2, lot_size=100, min_volume=1, max_volume=0, step_volume=1)
TAG = "pr0123456789abcdefgh"


def order(**changes: Any) -> dict[str, Any]:
    trade = {"symbolId": 275, "volume": 300, "tradeSide": 1, "openTimestamp": 5, "label": TAG}
    fields = {
        "orderId": 77,
        "tradeData": {**trade, "comment": f"{TAG} lots=1"},
        "orderType": 1,
        "orderStatus": 1,
        "clientOrderId": TAG,
    }
    return {**fields, **changes}


def event(kind: int, **changes: Any) -> dict[str, Any]:
    return {"ctidTraderAccountId": 9, "executionType": kind, "order": order(**changes)}


class TestFrames:
    def test_a_frame_is_written_as_the_venue_wants_it(self) -> None:
        text = frame_text(Message.TRADER_REQ, {"ctidTraderAccountId": 9}, "pr-1")
        assert text == '{"payloadType":2121,"payload":{"ctidTraderAccountId":9},"clientMsgId":"pr-1"}'

    def test_prices_are_read_to_the_last_digit(self) -> None:
        frame = read_frame('{"payloadType": 2126, "clientMsgId": "a", "payload": {"price": 16500.1}}')
        assert frame == Frame(2126, {"price": Decimal("16500.1")}, "a")

    def test_an_answer_without_fields_has_no_payload(self) -> None:
        assert read_frame('{"payloadType": 2101}') == Frame(2101, {}, None)

    @pytest.mark.parametrize(
        "text",
        ["", "<html>", "[]", "null", '{"payload": {}}', '{"payloadType": "x"}', '{"payloadType": 1, "payload": [1]}'],
    )
    def test_anything_else_is_no_frame(self, text: str) -> None:
        with pytest.raises(Unreadable):
            read_frame(text)


class TestFields:
    @pytest.mark.parametrize(("value", "number"), [(5, 5), ("5", 5), ("-5", -5), (0, 0)])
    def test_whole_numbers_may_come_as_text(self, value: object, number: int) -> None:
        assert whole({"x": value}, "x") == number

    @pytest.mark.parametrize("value", [None, "", "5.0", Decimal("5.5"), True, [5]])
    def test_what_is_no_whole_number(self, value: object) -> None:
        with pytest.raises(Unclear, match="x: "):
            whole({"x": value}, "x")

    def test_a_missing_number_may_have_a_default(self) -> None:
        assert whole({}, "x", 7) == 7
        with pytest.raises(Unclear):
            whole({}, "x")

    @pytest.mark.parametrize(
        ("value", "expected"), [(None, None), (0, None), (Decimal("1.5"), Decimal("1.5")), ("1.5", Decimal("1.5"))]
    )
    def test_prices(self, value: object, expected: Decimal | None) -> None:
        assert price({"x": value}, "x") == expected

    @pytest.mark.parametrize("value", ["x", "NaN", "Infinity", []])
    def test_what_is_no_price(self, value: object) -> None:
        with pytest.raises(Unclear, match="no price"):
            price({"x": value}, "x")

    @pytest.mark.parametrize("value", [2, "2", "SELL"])
    def test_enums_by_number_or_name(self, value: object) -> None:
        assert choice(TradeSide, {"x": value}, "x") is TradeSide.SELL

    @pytest.mark.parametrize("value", [None, 3, "HOLD", "", []])
    def test_what_is_no_member(self, value: object) -> None:
        with pytest.raises(Unclear, match="no TradeSide"):
            choice(TradeSide, {"x": value}, "x")

    def test_objects_and_lists(self) -> None:
        assert (part({}, "x"), parts({}, "x"), wholes({}, "x")) == ({}, [], set())
        assert wholes({"x": ["1", 2]}, "x") == {1, 2}
        for read, value in ((part, []), (parts, {}), (parts, [1]), (wholes, 5), (wholes, ["a"])):
            with pytest.raises(Unclear):
                read({"x": value}, "x")


class TestRefusals:
    def test_a_pause_is_told_in_seconds(self) -> None:
        told = {"errorCode": "BLOCKED_PAYLOAD_TYPE", "retryAfter": 7}
        assert refusal_of(Frame(2142, told, None)).retry_after == 7

    @pytest.mark.parametrize("scale", [1, 1000])
    def test_the_end_of_a_maintenance_is_a_pause(self, scale: int) -> None:
        told = {"errorCode": "SERVER_IS_UNDER_MAINTENANCE", "maintenanceEndTimestamp": int(time.time() + 600) * scale}
        assert refusal_of(Frame(50, told, None)).retry_after == pytest.approx(600, abs=2)

    @pytest.mark.parametrize(("ends", "pause"), [(-100, 1.0), (10**6, 3600.0)])
    def test_a_pause_is_kept_within_reason(self, ends: int, pause: float) -> None:
        told = {"errorCode": "SERVER_IS_UNDER_MAINTENANCE", "maintenanceEndTimestamp": int(time.time()) + ends}
        assert refusal_of(Frame(2142, told, None)).retry_after == pause

    def test_a_refusal_without_a_code_leaves_it_open(self) -> None:
        assert refusal_of(Frame(2142, {}, None)).code == "UNKNOWN_ERROR"

    @pytest.mark.parametrize("code", ["ALREADY_LOGGED_IN", "CH_CLIENT_ALREADY_AUTHENTICATED"])
    def test_to_be_logged_in_already_is_fine(self, code: str) -> None:
        raise_no_login(Refusal(code, None, None))

    def test_an_address_for_other_accounts_is_hinted_at(self) -> None:
        with pytest.raises(NotSent, match="address for demo accounts") as caught:
            raise_no_login(Refusal("CANT_ROUTE_REQUEST", "Cannot route request", None))
        assert not caught.value.final

    @pytest.mark.parametrize(
        ("code", "error"),
        [("BLOCKED_PAYLOAD_TYPE", NotSent), ("ACCOUNT_NOT_AUTHORIZED", NotSent), ("INCORRECT_BOUNDARIES", Unclear)],
    )
    def test_a_read_that_is_refused_told_nothing(self, code: str, error: type[Exception]) -> None:
        with pytest.raises(error, match=code):
            raise_unread(Refusal(code, None, None))


class TestWhoseFrame:
    ENTRY = Watched(account=9, tag=TAG)
    CLOSING = Watched(account=9, closing=True)
    CANCEL = Watched(account=9, order_id=77)
    PROTECTION = {"orderType": 4, "closingOrder": True, "orderId": 78, "clientOrderId": "srv-78"}  # noqa: RUF012 - never changed
    CLOSE = {"closingOrder": True, "orderId": 79, "clientOrderId": "srv-79"}  # noqa: RUF012 - never changed

    @pytest.mark.parametrize(
        ("watched", "changes", "sender", "taken"),
        [
            (ENTRY, {}, "pr-1", True),
            (ENTRY, {}, None, True),
            (ENTRY, {}, "pr-2", True),
            (ENTRY, {"clientOrderId": "other"}, None, False),
            # A venue that keeps no id of ours: the first market order in answer is the one.
            (ENTRY, {"clientOrderId": None}, "pr-1", True),
            (ENTRY, PROTECTION, "pr-1", False),
            (ENTRY, CLOSE, "pr-1", False),
            (CLOSING, CLOSE, "pr-1", True),
            (CLOSING, CLOSE, None, False),
            (CLOSING, PROTECTION, "pr-1", False),
            (CLOSING, {}, "pr-1", False),
            (CANCEL, {"orderType": 2}, "pr-1", True),
            (CANCEL, {"orderType": 2}, None, True),
            (CANCEL, {"orderId": 76}, "pr-1", False),
            (None, {}, "pr-1", False),
        ],
    )
    def test_an_execution_event_goes_to_the_request_whose_order_it_is_about(
        self, watched: Watched | None, changes: dict[str, Any], sender: str | None, *, taken: bool
    ) -> None:
        assert Waiter("pr-1", watched).takes(Frame(2126, event(2, **changes), sender)) is taken

    def test_an_event_of_another_account_is_nobodys(self) -> None:
        told = {**event(2), "ctidTraderAccountId": 8}
        assert not Waiter("pr-1", self.ENTRY).takes(Frame(2126, told, "pr-1"))

    def test_an_answer_without_an_order_is_the_requests(self) -> None:
        told = {"ctidTraderAccountId": 9, "executionType": 7, "errorCode": "NO_QUOTES"}
        assert Waiter("pr-1", self.ENTRY).takes(Frame(2126, told, "pr-1"))
        assert not Waiter("pr-1", self.ENTRY).takes(Frame(2126, told, None))

    def test_once_the_order_has_a_number_its_later_events_are_known_by_it(self) -> None:
        waiter = Waiter("pr-1", self.CLOSING)
        fill = Frame(2126, event(3, **self.CLOSE), None)
        assert not waiter.takes(fill)
        assert waiter.takes(Frame(2126, event(2, **self.CLOSE), "pr-1"))
        assert waiter.takes(fill)
        assert not waiter.takes(Frame(2126, event(3, **{**self.CLOSE, "orderId": 80}), "pr-1"))
        assert waiter.takes(Frame(2132, {"errorCode": "X", "orderId": 79}, None))
        assert not waiter.takes(Frame(2132, {"errorCode": "X", "orderId": 80}, None))

    def test_other_answers_are_known_by_the_requests_id_alone(self) -> None:
        assert Waiter("pr-1").takes(Frame(2125, {}, "pr-1"))
        assert not Waiter("pr-1").takes(Frame(2125, {}, "pr-2"))
        assert not Waiter("pr-1").takes(Frame(2131, {}, None))


class TestAnswers:
    @pytest.mark.parametrize(
        ("kind", "changes", "state", "filled"),
        [
            (ExecutionType.ORDER_ACCEPTED, {}, OrderState.ACCEPTED, 0),
            (ExecutionType.ORDER_FILLED, {"orderStatus": 2, "executedVolume": 300}, OrderState.FILLED, 3),
            # Spotware's example of an order that is filled by several deals: filled in part, and not over.
            (ExecutionType.ORDER_FILLED, {"executedVolume": 100}, OrderState.PARTIALLY_FILLED, 1),
            (ExecutionType.ORDER_PARTIAL_FILL, {"executedVolume": 100}, OrderState.PARTIALLY_FILLED, 1),
            # ... and of one of which a part was filled and the rest cancelled.
            (ExecutionType.ORDER_CANCELLED, {"orderStatus": 5, "executedVolume": 100}, OrderState.CANCELLED, 1),
            (ExecutionType.ORDER_EXPIRED, {"orderStatus": 4}, OrderState.CANCELLED, 0),
            (ExecutionType.ORDER_REJECTED, {"orderStatus": 3}, OrderState.REJECTED, 0),
            (ExecutionType.ORDER_REJECTED, {"orderStatus": 1}, OrderState.REJECTED, 0),
        ],
    )
    def test_an_event_tells_state_and_fill(
        self, kind: ExecutionType, changes: dict[str, Any], state: OrderState, filled: int
    ) -> None:
        answer = answer_of(Outcome(event=event(kind, **changes)), Decimal(1), SYMBOL)
        assert (answer.state, answer.filled, answer.order_id) == (state, Decimal(filled), 77)

    def test_a_rejection_may_come_without_its_order(self) -> None:
        told = {"executionType": 7, "errorCode": "NO_QUOTES"}
        answer = answer_of(Outcome(event=told), Decimal(1), SYMBOL)
        assert (answer.state, answer.message, answer.order_id) == (OrderState.REJECTED, "NO_QUOTES", None)

    def test_an_order_that_is_refused_after_it_was_accepted_is_refused(self) -> None:
        outcome = Outcome(event=event(2), refusal=Refusal("NO_QUOTES", "none", None))
        answer = answer_of(outcome, Decimal(1), SYMBOL)
        assert (answer.state, answer.message, answer.order_id) == (OrderState.REJECTED, "NO_QUOTES: none", 77)

    def test_no_other_event_may(self) -> None:
        with pytest.raises(Unclear, match="without its order"):
            answer_of(Outcome(event={"executionType": 3}), Decimal(1), SYMBOL)

    @pytest.mark.parametrize(
        ("states", "filled", "state"),
        [
            ([OrderState.FILLED, OrderState.FILLED], 2, OrderState.FILLED),
            ([OrderState.FILLED, OrderState.REJECTED], 1, OrderState.CANCELLED),
            ([OrderState.REJECTED, OrderState.REJECTED], 0, OrderState.REJECTED),
            ([OrderState.FILLED, OrderState.ACCEPTED], 1, OrderState.PARTIALLY_FILLED),
            ([OrderState.REJECTED, OrderState.ACCEPTED], 0, OrderState.ACCEPTED),
            ([OrderState.CANCELLED, OrderState.FILLED], 1, OrderState.CANCELLED),
            ([OrderState.PARTIALLY_FILLED], 1, OrderState.PARTIALLY_FILLED),
        ],
    )
    def test_several_orders_are_told_as_one(self, states: list[OrderState], filled: int, state: OrderState) -> None:
        taken = {OrderState.FILLED, OrderState.PARTIALLY_FILLED}
        answers = [
            Answer(
                state=one,
                order_id=70 + number,
                filled=Decimal(1 if one in taken else 0),
                average=Decimal(100 + 10 * number) if one in taken else None,
            )
            for number, one in enumerate(states)
        ]
        told = report(answers, TAG)
        assert (told.state, told.filled, told.client_order_id) == (state, Decimal(filled), TAG)
        assert told.order_id == "+".join(str(70 + number) for number in range(len(states)))

    def test_their_price_is_the_average_by_what_was_filled(self) -> None:
        answers = [
            Answer(state=OrderState.FILLED, filled=Decimal(3), average=Decimal(100)),
            Answer(state=OrderState.FILLED, filled=Decimal(1), average=Decimal(104)),
        ]
        assert report(answers, TAG).average_price == 101
        assert report(answers, TAG).order_id is None


class TestOrdersAndPositions:
    def test_what_is_ours_is_told_by_label_or_comment(self) -> None:
        assert placed_order(order()).entry_tag == TAG
        data = {**order()["tradeData"], "label": None}
        assert placed_order(order(tradeData=data)).entry_tag == TAG
        data = {**data, "comment": "by hand"}
        assert placed_order(order(tradeData=data)).entry_tag is None

    @pytest.mark.parametrize(("comment", "lots"), [(f"{TAG} lots=1", "1"), (f"{TAG} lots=0.25", "0.25")])
    def test_the_comment_says_what_a_contract_is(self, comment: str, lots: str) -> None:
        data = {**order()["tradeData"], "comment": comment}
        assert placed_order(order(tradeData=data)).lots_per_contract == Decimal(lots)

    @pytest.mark.parametrize("comment", [None, "", "by hand", f"{TAG} lots=", f"{TAG} lots=1 more"])
    def test_a_comment_that_does_not_is_no_guess(self, comment: str | None) -> None:
        data = {**order()["tradeData"], "comment": comment}
        with pytest.raises(Unclear, match="how many lots"):
            _ = placed_order(order(tradeData=data)).lots_per_contract

    @pytest.mark.parametrize(
        ("volume", "status", "held"),
        [(300, 1, True), (300, 4, True), (300, None, True), (0, 1, False), (300, 2, False)],
    )
    def test_only_what_is_open_is_held(self, volume: int, status: int | None, *, held: bool) -> None:
        fields = {"positionId": 5, "tradeData": {**order()["tradeData"], "volume": volume, "tradeSide": "SELL"}}
        if status is not None:
            fields["positionStatus"] = status
        position = held_position(fields)
        assert (position.open, position.side) == (held, Side.SELL)


class TestSymbol:
    @pytest.mark.parametrize(
        ("lots", "held", "volume"), [("2", 300, 200), ("5", 300, 300), ("0.155", 300, 16), ("0", 300, 0)]
    )
    def test_what_closes_a_position_is_never_more_than_it(self, lots: str, held: int, volume: int) -> None:
        assert SYMBOL.closing_volume(Decimal(lots), held) == volume


def test_what_was_sent_is_forgotten_in_the_order_it_came() -> None:
    sent = Sent()
    for number in range(KEPT + 1):
        sent.closing(number, str(number))
    assert (sent.exit_of(0), sent.exit_of(1), sent.exit_of(KEPT)) == (None, "1", str(KEPT))
