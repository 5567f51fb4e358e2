"""The Tradovate venue: what every venue must do, and its own ways of taking, refusing and finding orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from connectors.platforms.tradovate_wire import on_tick, token_request
from connectors.tickets import VenueLogin
from connectors.venue import NotSent, Unclear
from domain.account import AccountKey
from domain.order_state import OrderState, Side
from tests.contract.tradovate_stand import ACCOUNT, LOGIN_PATH, NQ, TradovateStand, standing
from tests.contract.venue_conformance import NEXT_TAG, TAG, VenueConformance


@pytest.fixture
def stand() -> Iterator[TradovateStand]:
    with standing() as stand:
        yield stand


class TestTradovate(VenueConformance):
    """What every venue must do."""


def test_an_entry_with_a_stop_is_one_request(stand: TradovateStand) -> None:
    report = stand.venue.place_entry(stand.entry())

    assert stand.sent("/order/place") == [
        {
            "accountSpec": "APEX123",
            "accountId": 70001,
            "clOrdId": TAG,
            "action": "Buy",
            "symbol": "NQZ6",
            "orderQty": 3,
            "orderType": "Market",
            "timeInForce": "Day",
            "isAutomated": True,
            "bracket1": {
                "action": "Sell",
                "clOrdId": f"{TAG}S",
                "orderType": "Stop",
                "stopPrice": 16475,
                "timeInForce": "GTC",
            },
        }
    ]
    assert (report.state, report.client_order_id) == (OrderState.ACCEPTED, TAG)
    entry, stop = stand.book.of("APEX123")
    assert report.order_id == str(entry.id)
    assert (stop.side, stop.tag, stop.parent) == ("SELL", f"{TAG}S", entry.id)


def test_an_entry_without_a_stop_is_a_plain_order(stand: TradovateStand) -> None:
    stand.venue.place_entry(stand.entry(stop_price=None))
    [body] = stand.sent("/order/place")
    assert "bracket1" not in body
    assert stand.broker.calls_to("/order/placeorder")


@pytest.mark.parametrize(
    ("side", "price", "tick", "sent"),
    [
        (Side.BUY, "16475.00", "0.25", "16475.00"),
        (Side.BUY, "16475.24", "0.25", "16475.00"),
        (Side.BUY, "16474.99", "0.25", "16474.75"),
        (Side.SELL, "16525.00", "0.25", "16525.00"),
        (Side.SELL, "16525.01", "0.25", "16525.25"),
        (Side.SELL, "1.08503", "0.00005", "1.08505"),
        (Side.BUY, "16475.13", None, "16475.13"),
    ],
)
def test_a_stop_between_two_ticks_moves_away_from_the_entry(
    side: Side, price: str, tick: str | None, sent: str
) -> None:
    assert on_tick(Decimal(price), None if tick is None else Decimal(tick), side) == Decimal(sent)


def test_the_stop_that_is_sent_is_on_a_tick(stand: TradovateStand) -> None:
    stand.venue.place_entry(stand.entry(side=Side.SELL, stop_price=Decimal("16525.10")))
    [body] = stand.sent("/order/placeoso")
    assert body["bracket1"]["stopPrice"] == 16525.25


def test_every_order_and_command_says_that_no_person_clicked_it(stand: TradovateStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.venue.place_entry(stand.entry(NEXT_TAG, stop_price=None))
    stand.venue.place_exit(stand.exit(1, remaining=Decimal(2)))
    stand.venue.cancel_order(ACCOUNT, "1")
    stand.venue.flatten(ACCOUNT)

    kinds = {call.path.rpartition("/")[2] for call in stand.broker.calls_to("/order/") if call.method == "POST"}
    assert kinds == {"placeoso", "placeorder", "modifyorder", "cancelorder", "liquidateposition"}
    assert all(call.body["isAutomated"] is True for call in stand.broker.calls_to("/order/") if call.method == "POST")
    # The broker took the bracket's stop as automated too, by the flag of the order that brought it.
    assert all(command["isAutomated"] is True for command in stand.broker.commands)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"failureReason": "MaxPosLimitReached", "failureText": "too many"}, "MaxPosLimitReached: too many"),
        ({"failureReason": "SessionClosed"}, "SessionClosed"),
        ({"failureText": "Insufficient funds"}, "Insufficient funds"),
        ({"errorText": "Access is denied"}, "Access is denied"),
        ({"violations": [{"constraint": "orderQty", "description": "Quantity is wrong"}]}, "Quantity is wrong"),
        ({"ok": False}, "ok: false"),
        ({"failureReason": "SomethingNew"}, "SomethingNew"),
    ],
)
def test_http_200_may_be_a_refusal(stand: TradovateStand, answer: dict[str, Any], reason: str) -> None:
    stand.broker.answers["order/placeoso"] = (200, answer)
    report = stand.venue.place_entry(stand.entry())
    assert (report.state, report.message, report.order_id) == (OrderState.REJECTED, reason, None)


@pytest.mark.parametrize(
    "answer",
    [
        {"failureReason": "RiskCheckTimeout", "failureText": "no answer"},
        {"failureReason": "UnknownReason"},
        {"failureReason": "Success"},
        {},
        [],
        None,
    ],
)
def test_an_answer_that_says_neither_is_unclear(stand: TradovateStand, answer: Any) -> None:
    stand.broker.answers["order/placeoso"] = (200, answer)
    with pytest.raises(Unclear):
        stand.venue.place_entry(stand.entry())


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_a_refused_request_is_a_refused_order(stand: TradovateStand, status: int) -> None:
    stand.broker.answers["order/placeoso"] = (status, {"errorText": "Bad request"})
    report = stand.venue.place_entry(stand.entry())
    assert report.state is OrderState.REJECTED
    assert f"HTTP {status}" in (report.message or "")
    assert "Bad request" in (report.message or "")


@pytest.mark.parametrize("status", [302, 408, 409, 425])
def test_a_status_that_leaves_it_open_is_unclear(stand: TradovateStand, status: int) -> None:
    stand.broker.answers["order/placeoso"] = (status, {"errorText": "Timeout"})
    with pytest.raises(Unclear):
        stand.venue.place_entry(stand.entry())
    assert len(stand.sent("/order/placeoso")) == 1


def test_an_entry_that_stands_while_its_stop_was_refused_is_no_refusal(stand: TradovateStand) -> None:
    stand.broker.stop_refusal = "Stop price is on the wrong side"
    report = stand.venue.place_entry(stand.entry())
    assert (report.state, report.filled) == (OrderState.FILLED, Decimal(3))
    assert "wrong side" in (report.message or "")
    assert stand.position() == 3


@pytest.mark.parametrize("answer", [(404, None), (500, None), (429, None)])
def test_an_entry_of_which_only_the_number_is_known_is_unclear(stand: TradovateStand, answer: Any) -> None:
    stand.broker.stop_refusal = "no"
    stand.broker.answers["order/item"] = answer
    with pytest.raises(Unclear):
        stand.venue.place_entry(stand.entry())


def test_an_unknown_contract_is_refused_by_name(stand: TradovateStand) -> None:
    report = stand.venue.place_entry(stand.entry(contract=replace(NQ, symbol="NQH1")))
    assert report.state is OrderState.REJECTED
    assert "InvalidContract" in (report.message or "")


def test_a_wrong_account_name_is_final_and_says_which_there_are() -> None:
    with standing("APEX12") as stand:
        acts: list[Callable[[], Any]] = [
            lambda: stand.venue.place_entry(stand.entry()),
            lambda: stand.venue.place_exit(stand.exit(1)),
        ]
        for act in acts:
            with pytest.raises(NotSent, match=r"'APEX12'.*APEX123, APEX999") as caught:
                act()
            assert caught.value.final
        assert stand.sent("/order/place") == []


def test_an_account_may_be_named_by_its_number() -> None:
    with standing("70002") as stand:
        stand.venue.place_entry(stand.entry())
        [body] = stand.sent("/order/placeoso")
        assert (body["accountSpec"], body["accountId"]) == ("APEX999", 70002)


def test_an_account_that_nobody_named_is_final(stand: TradovateStand) -> None:
    with pytest.raises(NotSent, match="APEX/2") as caught:
        stand.venue.positions(AccountKey("APEX", 2))
    assert caught.value.final


@pytest.mark.parametrize("quantity", [Decimal("1.5"), Decimal(0), Decimal(-1)])
def test_what_is_no_number_of_contracts_is_not_sent(stand: TradovateStand, quantity: Decimal) -> None:
    acts: list[Callable[[], Any]] = [
        lambda: stand.venue.place_entry(replace(stand.entry(), quantity=quantity)),
        lambda: stand.venue.place_exit(replace(stand.exit(1), quantity=quantity)),
    ]
    for act in acts:
        with pytest.raises(NotSent) as caught:
            act()
        assert caught.value.final
    assert stand.broker.calls == []


def test_the_device_is_the_same_in_every_process_and_tells_no_secret() -> None:
    known = VenueLogin(firm_code="APEX", platform="tradovate", url="https://demo", user="u", password="p", secret="s")
    device = token_request(known)["deviceId"]
    assert device == "15f15790-3995-5fa4-a827-5f35362abce2"
    assert token_request(replace(known, password="other", secret="other", key="1"))["deviceId"] == device
    assert token_request(replace(known, user="v"))["deviceId"] != device


def test_a_login_says_who_asks(stand: TradovateStand) -> None:
    stand.venue.positions(ACCOUNT)
    [body] = stand.sent(LOGIN_PATH)
    assert {name: body[name] for name in ("name", "appId", "appVersion", "cid")} == {
        "name": "trader7",
        "appId": "prop-firm-execution-router",
        "appVersion": "1.0",
        "cid": 4711,
    }
