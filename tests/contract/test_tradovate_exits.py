"""Leaving a trade at Tradovate: its stops first, never more than it holds, never another trade's contracts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from connectors.platforms import tradovate_protection
from connectors.venue import NotSent, Unclear
from domain.order_state import OrderState, Side
from tests.brokers.book import Order
from tests.brokers.server import Fault
from tests.contract.tradovate_stand import TradovateStand, standing
from tests.contract.venue_conformance import EXIT_TAG, NEXT_TAG, TAG


@pytest.fixture
def stand() -> Iterator[TradovateStand]:
    with standing() as stand:
        yield stand


@pytest.fixture
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tradovate_protection, "CONFIRMING", (0.01, 0.01, 0.01))


def enter(stand: TradovateStand, quantity: int = 3, tag: str = TAG, side: Side = Side.BUY) -> Order:
    """Enter a trade; return its stop in the book."""
    stand.venue.place_entry(stand.entry(tag, quantity=quantity, side=side))
    [stop] = stand.book.tagged(f"{tag}S")
    return stop


def exits(stand: TradovateStand) -> list[Decimal]:
    """The sizes of the orders that were sent to close something."""
    return [body["orderQty"] for body in stand.sent("/order/placeorder")]


def stops(stand: TradovateStand) -> list[tuple[str | None, Decimal]]:
    return [(order.tag, order.quantity - order.filled) for order in stand.book.working("APEX123")]


def test_the_stop_is_gone_before_the_position_is_closed(stand: TradovateStand) -> None:
    enter(stand)
    stand.broker.calls.clear()
    stand.venue.place_exit(stand.exit(3))
    posts = [call.path for call in stand.broker.calls if call.method == "POST"]
    assert posts == ["/v1/order/cancelorder", "/v1/order/placeorder"]
    [body] = stand.sent("/order/placeorder")
    assert (body["clOrdId"], body["action"], body["orderType"]) == (EXIT_TAG, "Sell", "Market")


def test_a_stop_that_has_just_filled_leaves_nothing_to_close(stand: TradovateStand) -> None:
    stop = enter(stand)
    stand.broker.hooks["order/cancelorder"] = lambda: stand.book.fill(stop)
    report = stand.venue.place_exit(stand.exit(3))

    assert (report.state, report.filled) == (OrderState.CANCELLED, Decimal(0))
    assert exits(stand) == []
    assert stand.position() == 0


@pytest.mark.parametrize("when", ["just now", "before"])
def test_a_stop_that_has_filled_costs_no_other_trade_its_contracts(stand: TradovateStand, when: str) -> None:
    stop = enter(stand)
    enter(stand, 2, NEXT_TAG)
    if when == "before":
        stand.book.fill(stop)
    else:
        stand.broker.hooks["order/cancelorder"] = lambda: stand.book.fill(stop)
    report = stand.venue.place_exit(stand.exit(3))

    assert (report.state, report.filled) == (OrderState.CANCELLED, Decimal(0))
    assert stand.position() == 2
    assert stops(stand) == [(f"{NEXT_TAG}S", Decimal(2))]


def test_of_a_stop_that_has_filled_in_part_only_the_rest_is_closed(stand: TradovateStand) -> None:
    stop = enter(stand)
    enter(stand, 2, NEXT_TAG)
    stand.broker.hooks["order/cancelorder"] = lambda: stand.book.fill(stop, Decimal(1))
    stand.venue.place_exit(stand.exit(3))

    assert exits(stand) == [2]
    assert stand.position() == 2
    assert stops(stand) == [(f"{NEXT_TAG}S", Decimal(2))]


def test_a_partial_exit_after_a_stop_filled_in_part(stand: TradovateStand) -> None:
    stop = enter(stand)
    stand.book.fill(stop, Decimal(1))
    stand.venue.place_exit(stand.exit(1, remaining=Decimal(2)))
    assert stand.position() == 1
    assert stops(stand) == [(f"{TAG}S", Decimal(1))]


def test_a_whole_exit_leaves_another_trade_and_its_stop_alone(stand: TradovateStand) -> None:
    enter(stand)
    enter(stand, 2, NEXT_TAG)
    stand.venue.place_exit(stand.exit(3))
    assert stand.position() == 2
    assert stops(stand) == [(f"{NEXT_TAG}S", Decimal(2))]


def test_a_partial_exit_leaves_another_trade_and_its_stop_alone(stand: TradovateStand) -> None:
    enter(stand)
    enter(stand, 2, NEXT_TAG)
    stand.venue.place_exit(stand.exit(2, remaining=Decimal(1)))
    assert stand.position() == 3
    assert stops(stand) == [(f"{TAG}S", Decimal(1)), (f"{NEXT_TAG}S", Decimal(2))]


def test_a_trade_of_several_entries_keeps_stops_for_the_rest(stand: TradovateStand) -> None:
    enter(stand, 2)
    enter(stand, 2, NEXT_TAG)
    stand.venue.place_exit(stand.exit(1, entries=(TAG, NEXT_TAG), remaining=Decimal(3)))
    assert stops(stand) == [(f"{TAG}S", Decimal(2)), (f"{NEXT_TAG}S", Decimal(1))]
    stand.venue.place_exit(stand.exit(2, tag="x2", entries=(TAG, NEXT_TAG), remaining=Decimal(1)))
    assert stops(stand) == [(f"{TAG}S", Decimal(1))]
    stand.venue.place_exit(stand.exit(1, tag="x3", entries=(TAG, NEXT_TAG)))
    assert stops(stand) == []
    assert stand.position() == 0


def test_the_modified_stop_keeps_its_price_and_term(stand: TradovateStand) -> None:
    stop = enter(stand)
    stand.venue.place_exit(stand.exit(1, remaining=Decimal(2)))
    assert stand.sent("/order/modifyorder") == [
        {
            "orderId": stop.id,
            "orderQty": 2,
            "orderType": "Stop",
            "stopPrice": 16475,
            "timeInForce": "GTC",
            "isAutomated": True,
        }
    ]


def test_no_stop_is_left_for_contracts_that_a_person_closed(stand: TradovateStand) -> None:
    enter(stand)
    stand.book.place("APEX123", "NQZ6", "SELL", Decimal(2))
    stand.venue.place_exit(stand.exit(1, remaining=Decimal(2)))
    assert stand.position() == 0
    assert stops(stand) == []


def test_a_stop_whose_position_is_gone_does_not_stay_behind(stand: TradovateStand) -> None:
    enter(stand)
    stand.book.place("APEX123", "NQZ6", "SELL", Decimal(3))
    report = stand.venue.place_exit(stand.exit(3))
    assert report.state is OrderState.CANCELLED
    assert exits(stand) == []
    assert stops(stand) == []


def test_a_position_that_is_late_to_appear_is_looked_for_again(stand: TradovateStand) -> None:
    enter(stand)
    stand.broker.positions_from = time.time() + 0.2
    assert stand.venue.place_exit(stand.exit(3)).state is OrderState.ACCEPTED
    assert stand.position() == 0


@pytest.mark.parametrize("stop_price", [Decimal(16475), None])
def test_nothing_is_called_over_while_an_entry_still_works(stand: TradovateStand, stop_price: Decimal | None) -> None:
    stand.book.fill_share = Decimal(0)
    stand.venue.place_entry(stand.entry(stop_price=stop_price))
    before = stops(stand)
    with pytest.raises(NotSent, match="is still Working") as caught:
        stand.venue.place_exit(stand.exit(3))
    assert caught.value.retry_after is not None
    assert stops(stand) == before


def test_a_wrong_side_leaves_the_stop_where_it_is(stand: TradovateStand) -> None:
    enter(stand)
    stand.venue.place_exit(stand.exit(3, side=Side.BUY))
    assert stops(stand) == [(f"{TAG}S", Decimal(3))]


def test_a_cancel_that_takes_its_time_is_waited_for(stand: TradovateStand) -> None:
    enter(stand)
    stand.broker.pending_looks = 2
    assert stand.venue.place_exit(stand.exit(3)).state is OrderState.ACCEPTED
    assert stand.position() == 0


@pytest.mark.parametrize(("remaining", "status"), [(0, "PendingCancel"), (2, "PendingReplace")])
@pytest.mark.usefixtures("_hurried")
def test_nothing_is_closed_while_a_change_of_the_stop_is_not_confirmed(
    stand: TradovateStand, remaining: int, status: str
) -> None:
    enter(stand)
    stand.broker.pending_looks = 6
    ticket = stand.exit(3 - remaining, remaining=Decimal(remaining))
    with pytest.raises(NotSent, match=status) as caught:
        stand.venue.place_exit(ticket)
    assert not caught.value.final
    assert exits(stand) == []
    assert stand.position() == 3

    # It was under way all the same and is not asked for a second time.
    stand.venue.place_exit(ticket)
    assert stand.position() == remaining
    assert len(stand.sent("/order/cancelorder")) + len(stand.sent("/order/modifyorder")) == 1


@pytest.mark.parametrize(
    ("path", "remaining"), [("order/cancelorder", 0), ("order/modifyorder", 2)], ids=["cancel", "modify"]
)
@pytest.mark.parametrize(
    "answer",
    [
        (200, {"failureReason": "AnotherCommandPending", "failureText": "wait"}),
        (400, {"errorText": "wait"}),
        (408, None),
        (500, None),
    ],
    ids=["refused", "malformed", "timed out", "failed"],
)
@pytest.mark.usefixtures("_hurried")
def test_nothing_is_closed_while_the_stop_stands(
    stand: TradovateStand, path: str, remaining: int, answer: tuple[int, Any]
) -> None:
    enter(stand)
    stand.broker.answers[path] = answer
    with pytest.raises(NotSent) as caught:
        stand.venue.place_exit(stand.exit(3 - remaining, remaining=Decimal(remaining)))
    assert not caught.value.final
    assert exits(stand) == []
    assert stops(stand) == [(f"{TAG}S", Decimal(3))]

    # The next try gets through.
    stand.venue.place_exit(stand.exit(3 - remaining, remaining=Decimal(remaining)))
    assert stand.position() == remaining


@pytest.mark.parametrize("remaining", [0, 2])
def test_an_exit_that_was_held_back_after_its_stop_gets_through_later(stand: TradovateStand, remaining: int) -> None:
    enter(stand)
    ticket = stand.exit(3 - remaining, remaining=Decimal(remaining))
    stand.broker.answers["order/placeorder"] = (429, None)
    with pytest.raises(NotSent):
        stand.venue.place_exit(ticket)
    stand.venue._deals._limit._closed_until = 0.0
    assert stand.venue.place_exit(ticket).state is OrderState.ACCEPTED
    assert stand.position() == remaining
    assert len(stand.sent("/order/cancelorder")) + len(stand.sent("/order/modifyorder")) == 1


def test_what_a_person_closes_meanwhile_is_not_closed_twice(stand: TradovateStand) -> None:
    enter(stand)

    def sell() -> None:
        stand.book.place("APEX123", "NQZ6", "SELL", Decimal(2))

    stand.broker.hooks["order/cancelorder"] = sell
    stand.venue.place_exit(stand.exit(3))
    assert stand.position() == 0


def test_another_contract_is_not_what_is_closed(stand: TradovateStand) -> None:
    stand.book.place("APEX123", "ESZ6", "BUY", Decimal(3))
    assert stand.venue.place_exit(stand.exit(3)).state is OrderState.CANCELLED
    assert stand.book.position("APEX123", "ESZ6") == 3


def test_an_exit_that_is_on_record_is_not_sent_again(stand: TradovateStand) -> None:
    enter(stand, 5)
    stand.broker.misbehave(Fault.TAKEN_RESET, "/order/placeorder")
    ticket = stand.exit(2, remaining=Decimal(3))
    with pytest.raises(Unclear):
        stand.venue.place_exit(ticket)
    report = stand.venue.place_exit(ticket)
    assert (report.state, report.filled) == (OrderState.FILLED, Decimal(2))
    assert stand.position() == 3


def test_a_refused_exit_says_that_the_stop_is_gone(stand: TradovateStand) -> None:
    enter(stand)
    stand.broker.answers["order/placeorder"] = (200, {"failureReason": "SessionClosed"})
    report = stand.venue.place_exit(stand.exit(3))
    assert report.state is OrderState.REJECTED
    assert report.message == "SessionClosed; the protective stop is already cancelled or smaller"


def test_a_short_trade_with_another_beside_it(stand: TradovateStand) -> None:
    enter(stand, 3, side=Side.SELL)
    enter(stand, 2, NEXT_TAG, side=Side.SELL)
    stand.venue.place_exit(stand.exit(3, side=Side.BUY))
    assert stand.position() == -2
    assert stops(stand) == [(f"{NEXT_TAG}S", Decimal(2))]
