"""Tradovate's ways of saying "slow down": penalty tickets, captchas, 423 and 429. None of them was an order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from connectors.http_calls import RateLimit
from connectors.venue import NotSent
from domain.order_state import OrderState
from tests.contract.tradovate_stand import ACCOUNT, TradovateStand, standing
from tests.contract.venue_conformance import NEXT_TAG, TAG


@pytest.fixture
def stand() -> Iterator[TradovateStand]:
    with standing() as stand:
        yield stand


def test_a_penalty_was_no_order_and_its_ticket_goes_with_the_next_try(stand: TradovateStand) -> None:
    stand.venue.positions(ACCOUNT)
    stand.broker.penalise("order/placeoso", 0.3)
    with pytest.raises(NotSent) as caught:
        stand.venue.place_entry(stand.entry())
    assert caught.value.retry_after == pytest.approx(0.3, abs=0.1)
    assert not caught.value.final
    # Before the time is over nothing is asked, for no order.
    for tag in (TAG, NEXT_TAG):
        with pytest.raises(NotSent):
            stand.venue.place_entry(stand.entry(tag))
    assert len(stand.sent("/order/placeoso")) == 1
    assert stand.market_orders() == 0

    time.sleep(0.32)
    assert stand.venue.place_entry(stand.entry()).state is OrderState.ACCEPTED
    first, second = stand.sent("/order/placeoso")
    assert second == {**first, "p-ticket": "ticket-for-order/placeoso"}
    assert stand.market_orders() == 1

    # A ticket is good for one call.
    stand.venue.place_entry(stand.entry(NEXT_TAG))
    assert "p-ticket" not in stand.sent("/order/placeoso")[-1]


def test_a_ticket_stays_with_its_own_call(stand: TradovateStand) -> None:
    stand.venue.positions(ACCOUNT)
    stand.broker.penalise("order/placeoso", 0.0)
    with pytest.raises(NotSent):
        stand.venue.place_entry(stand.entry())
    with pytest.raises(NotSent):
        stand.venue.place_entry(stand.entry(NEXT_TAG))
    assert "p-ticket" not in stand.sent("/order/placeoso")[-1]


@pytest.mark.parametrize("path", ["auth/accesstokenrequest", "position/list"])
def test_a_penalty_on_the_way_to_an_answer_is_waited_for_too(stand: TradovateStand, path: str) -> None:
    stand.broker.penalise(path, 0.2)
    with pytest.raises(NotSent) as caught:
        stand.venue.positions(ACCOUNT)
    assert caught.value.retry_after == pytest.approx(0.2, abs=0.1)
    time.sleep(0.22)
    assert stand.venue.positions(ACCOUNT) == []
    assert stand.venue.positions(ACCOUNT) == []
    assert "p-ticket" not in stand.broker.calls_to("/position/list")[-1].query


@pytest.mark.parametrize("path", ["auth/accesstokenrequest", "order/placeoso"])
def test_a_captcha_takes_an_hour_in_which_nobody_asks(stand: TradovateStand, path: str) -> None:
    stand.broker.penalise(path, captcha=True)
    for _ in range(3):
        with pytest.raises(NotSent) as caught:
            stand.venue.place_entry(stand.entry())
        assert caught.value.retry_after == pytest.approx(3600, abs=5)
        assert not caught.value.final
    assert len(stand.broker.calls_to(path)) == 1


def test_being_about_to_be_locked_out_keeps_still(stand: TradovateStand) -> None:
    stand.venue.positions(ACCOUNT)
    stand.broker.answers["order/placeoso"] = (423, None)
    for _ in range(2):
        with pytest.raises(NotSent) as caught:
            stand.venue.place_entry(stand.entry())
        assert caught.value.retry_after == pytest.approx(60, abs=5)
    assert len(stand.sent("/order/placeoso")) == 1


def test_a_429_without_a_time_is_taken_for_half_a_minute(stand: TradovateStand) -> None:
    stand.venue.positions(ACCOUNT)
    stand.broker.answers["order/placeoso"] = (429, None)
    with pytest.raises(NotSent) as caught:
        stand.venue.place_entry(stand.entry())
    assert caught.value.retry_after == 30.0


def test_an_exit_gets_through_when_looking_has_used_up_its_share(stand: TradovateStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.venue._looks._limit = RateLimit("1 per 1 hour")
    with pytest.raises(NotSent):
        stand.venue.working_orders(ACCOUNT)
    assert stand.venue.place_exit(stand.exit(3)).state is OrderState.ACCEPTED
    assert stand.position() == 0
    assert stand.venue.flatten(ACCOUNT) == []


def test_sessions_that_end_each_other_do_not_log_in_without_end(stand: TradovateStand) -> None:
    stand.venue.positions(ACCOUNT)
    stand.venue._session._logins = RateLimit("1 per 1 hour")
    for _ in range(2):
        stand.broker.forget_sessions()
        with suppress(NotSent):
            stand.venue.positions(ACCOUNT)
    stand.broker.forget_sessions()
    with pytest.raises(NotSent) as caught:
        stand.venue.place_entry(stand.entry())
    assert (caught.value.retry_after or 0) > 3000
    assert stand.counted()[0] == 2
