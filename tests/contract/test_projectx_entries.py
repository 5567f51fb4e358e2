"""Entries at ProjectX: what is sent, what a refusal is worth, and whether the stop is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.platforms.projectx_entry import UNPROTECTED, stop_ticks
from connectors.tickets import EntryTicket
from connectors.venue import NotSent, Unclear
from domain.order_state import OrderState, Side
from tests.brokers.book import Order
from tests.brokers.projectx import POSITION_BRACKETS
from tests.brokers.server import Fault
from tests.contract.projectx_stand import (
    ACCOUNT,
    BY_ID,
    NAME,
    NQ,
    PLACE,
    QUERY,
    SEARCH_OPEN,
    ProjectXStand,
    projectx_stand,
)
from tests.contract.venue_conformance import NEXT_TAG, TAG

TICK = Decimal("0.25")


@pytest.fixture
def stand() -> Iterator[ProjectXStand]:
    with projectx_stand() as stand:
        yield stand


def ticket(side: Side, entry: Any, stop: Any) -> EntryTicket:
    return EntryTicket(
        account=ACCOUNT,
        client_order_id=TAG,
        contract=NQ,
        side=side,
        quantity=Decimal(1),
        entry_price=None if entry is None else Decimal(str(entry)),
        stop_price=None if stop is None else Decimal(str(stop)),
    )


@pytest.mark.parametrize(("side", "code", "ticks"), [(Side.BUY, 0, -100), (Side.SELL, 1, 100)])
def test_what_is_sent(stand: ProjectXStand, side: Side, code: int, ticks: int) -> None:
    stand.venue.place_entry(stand.entry(side=side))
    assert stand.sent(PLACE) == [
        {
            "accountId": 101,
            "contractId": "CON.F.US.ENQ.Z26",
            "type": 2,
            "side": code,
            "size": 3,
            "customTag": TAG,
            "stopLossBracket": {"ticks": ticks, "type": 4},
        }
    ]


@pytest.mark.parametrize(
    ("side", "entry", "stop", "ticks"),
    [
        (Side.BUY, 16500, 16475, -100),
        (Side.BUY, 16500, "16474.9", -100),
        (Side.BUY, 16500, "16475.1", -99),
        (Side.BUY, 16500, "16499.75", -1),
        (Side.SELL, 16500, 16525, 100),
        (Side.SELL, 16500, "16525.1", 100),
        (Side.SELL, 16500, "16524.9", 99),
        (Side.BUY, 16500, None, None),
    ],
)
def test_the_stop_in_ticks(side: Side, entry: Any, stop: Any, ticks: int | None) -> None:
    assert stop_ticks(ticket(side, entry, stop), TICK) == ticks


@given(
    side=st.sampled_from(Side),
    tick=st.sampled_from([Decimal("0.25"), Decimal("0.1"), Decimal(1), Decimal("0.00005"), Decimal("0.03125")]),
    distance=st.decimals(min_value=1, max_value=500, places=6),
)
def test_the_stop_is_never_farther_than_asked_and_nearer_by_less_than_a_tick(
    side: Side, tick: Decimal, distance: Decimal
) -> None:
    entry = Decimal(16500)
    stop = entry - distance if side is Side.BUY else entry + distance
    ticks = stop_ticks(ticket(side, entry, stop), tick)
    assert ticks is not None
    assert (ticks < 0) is (side is Side.BUY)
    assert distance - tick < abs(ticks) * tick <= distance


@pytest.mark.parametrize(
    "changes",
    [
        {"entry_price": None},
        {"stop_price": Decimal(16525)},
        {"stop_price": Decimal(16500)},
        {"stop_price": Decimal("16499.76")},
        {"side": Side.SELL, "stop_price": Decimal(16475)},
        {"quantity": Decimal("1.5")},
        {"quantity": Decimal(0)},
        {"quantity": Decimal(-1)},
    ],
)
def test_an_entry_that_cannot_be_put_into_words_is_not_sent(stand: ProjectXStand, changes: dict[str, Any]) -> None:
    with pytest.raises(NotSent) as caught:
        stand.venue.place_entry(replace(stand.entry(), **changes))
    assert caught.value.final
    assert stand.sent(PLACE) == []


def test_an_entry_without_a_stop_has_no_bracket_and_no_warning(stand: ProjectXStand) -> None:
    report = stand.venue.place_entry(stand.entry(stop_price=None))
    assert (report.state, report.message) == (OrderState.ACCEPTED, None)
    assert "stopLossBracket" not in stand.sent(PLACE)[0]


def test_the_report_has_the_fill(stand: ProjectXStand) -> None:
    report = stand.venue.place_entry(stand.entry())
    assert (report.state, report.filled) == (OrderState.FILLED, Decimal(3))
    assert (report.average_price, report.message) == (Decimal(16500), None)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (1, "AccountNotFound"),
        (2, "OrderRejected"),
        (3, "InsufficientFunds"),
        (4, "AccountViolation"),
        (5, "OutsideTradingHours"),
        (8, "ContractNotFound"),
        (9, "ContractNotActive"),
        (10, "AccountRejected"),
    ],
)
def test_a_refusal_is_told_by_name_and_message(stand: ProjectXStand, code: int, name: str) -> None:
    stand.service.refuse(PLACE, code, "because")
    report = stand.venue.place_entry(stand.entry())
    assert (report.state, report.message) == (OrderState.REJECTED, f"{name}: because")
    assert len(stand.sent(PLACE)) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"success": False, "errorCode": 6, "errorMessage": None, "orderId": None}),
        (200, {"success": False, "errorCode": 7, "errorMessage": None, "orderId": None}),
        (200, {"success": False, "errorCode": 11, "errorMessage": None, "orderId": None}),
        (200, {"success": False, "errorCode": -1, "errorMessage": None, "orderId": None}),
        (200, {"success": False, "errorCode": 0, "errorMessage": None, "orderId": 5}),
        (200, {"success": False, "errorMessage": None, "orderId": 5}),
        (200, {"success": True, "errorCode": 3, "errorMessage": None, "orderId": 5}),
        (200, {"success": True, "errorCode": 0, "errorMessage": None, "orderId": None}),
        (200, {"success": "true", "errorCode": 0, "errorMessage": None, "orderId": 5}),
        (200, {"orderId": 5}),
        (200, []),
        (200, None),
        (202, {"success": True, "errorCode": 0, "errorMessage": None, "orderId": 5}),
        (302, None),
        (408, None),
        (409, None),
        (502, None),
    ],
)
def test_what_leaves_open_whether_the_order_exists_is_unclear(stand: ProjectXStand, status: int, body: Any) -> None:
    stand.service.say(PLACE, body, status=status)
    with pytest.raises(Unclear):
        stand.venue.place_entry(stand.entry())
    assert len(stand.sent(PLACE)) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_a_request_that_http_refuses_is_refused(stand: ProjectXStand, status: int) -> None:
    stand.service.say(PLACE, {"title": "One or more validation errors occurred."}, status=status)
    report = stand.venue.place_entry(stand.entry())
    assert report.state is OrderState.REJECTED
    assert f"HTTP {status}: {{'title': 'One or more validation" in (report.message or "")


# Brackets without the setting Auto OCO Brackets.


@pytest.mark.parametrize("leaves", ["recorded", "nothing"])
def test_refused_brackets_are_a_refusal(stand: ProjectXStand, leaves: str) -> None:
    stand.service.auto_oco, stand.service.without_auto_oco = False, leaves
    report = stand.venue.place_entry(stand.entry())
    assert (report.state, report.message) == (OrderState.REJECTED, f"OrderRejected: {POSITION_BRACKETS}")
    assert (report.order_id is None) is (leaves == "nothing")
    # A refused order is not looked at for its stop.
    assert len(stand.sent(QUERY)) == (3 if leaves == "nothing" else 0)


def test_an_entry_that_filled_though_its_brackets_were_refused_is_told_as_open_and_unprotected(
    stand: ProjectXStand,
) -> None:
    stand.service.auto_oco, stand.service.without_auto_oco = False, "placed"
    report = stand.venue.place_entry(stand.entry())
    assert (report.state, report.filled) == (OrderState.FILLED, Decimal(3))
    assert f"OrderRejected: {POSITION_BRACKETS}" in (report.message or "")
    assert UNPROTECTED in (report.message or "")
    assert len(stand.sent(PLACE)) == 1


@pytest.mark.parametrize("leaves", ["recorded", "placed"])
def test_a_refused_order_that_cannot_be_looked_up_is_unclear(stand: ProjectXStand, leaves: str) -> None:
    stand.service.auto_oco, stand.service.without_auto_oco = False, leaves
    stand.service.absent |= {BY_ID, QUERY, SEARCH_OPEN}
    with pytest.raises(Unclear, match="Brackets cannot be used"):
        stand.venue.place_entry(stand.entry())


def test_a_refused_order_that_is_not_found_by_its_number_is_found_by_its_tag(stand: ProjectXStand) -> None:
    stand.service.auto_oco, stand.service.without_auto_oco = False, "placed"
    stand.service.absent.add(BY_ID)
    assert stand.venue.place_entry(stand.entry()).state is OrderState.FILLED


def test_a_look_up_that_finds_no_turn_is_unclear_and_never_not_sent(stand: ProjectXStand) -> None:
    stand.service.auto_oco = False
    stand.service.misbehave(Fault.RATE_LIMIT, BY_ID, seconds=0.1)
    with pytest.raises(Unclear, match="Brackets cannot be used"):
        stand.venue.place_entry(stand.entry())


def test_a_refused_order_with_a_number_that_the_record_lacks_is_unclear(stand: ProjectXStand) -> None:
    stand.service.say(PLACE, {"orderId": 5, "success": False, "errorCode": 2, "errorMessage": POSITION_BRACKETS})
    with pytest.raises(Unclear, match="not on the venue's record"):
        stand.venue.place_entry(stand.entry())


def test_a_refused_order_that_appears_late_is_found(stand: ProjectXStand) -> None:
    stand.service.auto_oco, stand.service.without_auto_oco = False, "nothing"
    appears = lambda: stand.book.place(NAME, "NQZ6", "BUY", Decimal(3), tag=TAG)  # noqa: E731 - it is the market's act
    stand.service.before(QUERY, lambda: stand.service.before(QUERY, appears))
    report = stand.venue.place_entry(stand.entry())
    assert report.state is OrderState.FILLED
    assert UNPROTECTED in (report.message or "")


# A tag is taken once for all time.


def test_a_second_order_of_a_tag_is_told_as_the_first_one(stand: ProjectXStand) -> None:
    first = stand.venue.place_entry(stand.entry())
    again = stand.open_venue().place_entry(stand.entry())
    assert (again.state, again.order_id, again.filled) == (OrderState.FILLED, first.order_id, Decimal(3))
    assert "Specified custom tag is already in use" in (again.message or "")
    assert UNPROTECTED not in (again.message or "")
    assert stand.position() == 3


@pytest.mark.parametrize(("days", "found"), [(6, True), (8, False)])
def test_the_first_order_of_a_tag_may_be_days_old(stand: ProjectXStand, days: int, found: bool) -> None:
    stand.venue.place_entry(stand.entry())
    for order in stand.book.orders:
        order.arrived_at -= days * 86400
    if found:
        report = stand.venue.place_entry(stand.entry())
        assert report.state is OrderState.FILLED
        assert UNPROTECTED not in (report.message or "")
    else:
        with pytest.raises(Unclear):
            stand.venue.place_entry(stand.entry())
    assert stand.position() == 3


def test_a_tag_that_a_refused_order_has_used_up_stays_refused(stand: ProjectXStand) -> None:
    stand.book.reject = "insufficient margin"
    stand.venue.place_entry(stand.entry())
    stand.book.reject = None
    report = stand.venue.place_entry(stand.entry())
    assert report.state is OrderState.REJECTED
    assert stand.position() == 0


def test_a_second_order_that_stands_refused_on_record_hides_no_first_one(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    refused = Order(1, NAME, "NQZ6", "BUY", Decimal(3), "MARKET", TAG, status="REJECTED")
    stand.book.orders.insert(0, refused)
    assert stand.find().state is OrderState.FILLED
    assert stand.venue.place_entry(stand.entry()).state is OrderState.FILLED


def test_the_number_of_a_second_order_is_not_taken_for_the_first_ones(stand: ProjectXStand) -> None:
    first = stand.venue.place_entry(stand.entry())
    stand.book.orders.append(Order(5, NAME, "NQZ6", "BUY", Decimal(3), "MARKET", TAG, status="REJECTED"))
    told = {"orderId": 5, "success": False, "errorCode": 2, "errorMessage": "Specified custom tag is already in use"}
    stand.service.say(PLACE, told)
    again = stand.venue.place_entry(stand.entry())
    assert (again.state, again.order_id) == (OrderState.FILLED, first.order_id)


def test_a_request_that_a_proxy_repeats_is_taken_once_and_told_as_taken(stand: ProjectXStand) -> None:
    stand.service.misbehave(Fault.TWICE, PLACE)
    report = stand.venue.place_entry(stand.entry())
    assert (report.state, report.filled) == (OrderState.FILLED, Decimal(3))
    assert stand.market_orders() == 1
    assert len(stand.stops()) == 1


# Whether the stop is there.


def test_an_entry_without_a_working_stop_says_so_and_nothing_more_is_sent(stand: ProjectXStand) -> None:
    stand.service.sets_stops = False
    report = stand.venue.place_entry(stand.entry())
    assert (report.state, report.message) == (OrderState.FILLED, UNPROTECTED)
    assert report.raw["protected"] is False
    assert len(stand.sent(PLACE)) == 1


@pytest.mark.parametrize("status", ["CANCELLED", "REJECTED"])
def test_a_stop_that_is_not_in_the_market_protects_nothing(stand: ProjectXStand, status: str) -> None:
    def refuse_stop() -> None:
        stand.stops()[0].status = status

    stand.service.before(QUERY, refuse_stop)
    report = stand.venue.place_entry(stand.entry())
    assert (report.state, report.message) == (OrderState.FILLED, UNPROTECTED)


def test_a_stop_that_stays_suspended_after_the_fill_protects_nothing(stand: ProjectXStand) -> None:
    stand.service.suspends_all = True
    report = stand.venue.place_entry(stand.entry())
    assert (report.state, report.message) == (OrderState.FILLED, UNPROTECTED)


def test_a_stop_that_comes_a_little_late_is_no_reason_to_warn(stand: ProjectXStand) -> None:
    stand.service.sets_stops = False

    def sets_it() -> None:
        stand.service.set_stop(stand.book.entries(NAME)[0], -100)

    stand.service.before(QUERY, lambda: stand.service.before(QUERY, sets_it))
    report = stand.venue.place_entry(stand.entry())
    assert (report.state, report.message) == (OrderState.FILLED, None)


def test_a_stop_that_has_filled_already_has_protected(stand: ProjectXStand) -> None:
    stand.service.before(QUERY, lambda: stand.service.stop_fills(NAME))
    assert stand.venue.place_entry(stand.entry()).message is None


def test_a_suspended_stop_waits_for_an_entry_that_has_not_filled(stand: ProjectXStand) -> None:
    stand.book.fill_share = Decimal(0)
    report = stand.venue.place_entry(stand.entry())
    assert (report.state, report.message) == (OrderState.ACCEPTED, None)


def test_an_entry_that_came_to_nothing_needs_no_stop(stand: ProjectXStand) -> None:
    stand.book.fill_share = Decimal(0)
    stand.service.sets_stops = False
    stand.service.before(QUERY, lambda: stand.book.cancel(1001))
    report = stand.venue.place_entry(stand.entry())
    assert (report.state, report.message) == (OrderState.CANCELLED, None)


def test_another_trades_stop_protects_nothing_of_this_one(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.sets_stops = False
    assert stand.venue.place_entry(stand.entry(NEXT_TAG)).message == UNPROTECTED


@pytest.mark.parametrize("listed", [True, False])
def test_a_stop_that_names_no_parent_is_known_by_what_it_is(stand: ProjectXStand, listed: bool) -> None:
    stand.service.tells_parents = False
    if not listed:
        stand.service.absent.add(QUERY)
    assert stand.venue.place_entry(stand.entry()).message is None


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": Decimal(4)},
        {"side": "BUY"},
        {"symbol": "MNQZ6"},
        {"kind": "LIMIT"},
        {"arrived_at": -20.0},
        {"arrived_at": 11.0},
    ],
)
def test_an_order_that_is_no_brackets_stop_protects_nothing(stand: ProjectXStand, changes: dict[str, Any]) -> None:
    stand.service.tells_parents = False

    def changed() -> None:
        (stop,) = stand.stops()
        for name, value in changes.items():
            setattr(stop, name, stop.arrived_at + value if name == "arrived_at" else value)

    stand.service.before(QUERY, changed)
    assert stand.venue.place_entry(stand.entry()).message == UNPROTECTED


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.RATE_LIMIT, Fault.RESET])
def test_a_look_that_fails_leaves_the_entry_as_it_stands_and_says_what_is_not_known(
    stand: ProjectXStand, fault: Fault
) -> None:
    stand.service.misbehave(fault, QUERY, seconds=0.1)
    stand.service.absent.add(SEARCH_OPEN)
    report = stand.venue.place_entry(stand.entry())
    assert report.state is OrderState.ACCEPTED
    assert (report.message or "").startswith("whether a stop order is working is not known")
    assert report.raw["protected"] is False


@pytest.mark.parametrize("path", ["/api/Account/search", "/api/Contract/search"])
@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.RESET, Fault.TAKEN_GARBAGE])
def test_a_question_before_the_order_that_fails_means_that_nothing_was_sent(
    stand: ProjectXStand, path: str, fault: Fault
) -> None:
    stand.service.misbehave(fault, path)
    with pytest.raises(NotSent) as caught:
        stand.venue.place_entry(stand.entry())
    assert not caught.value.final
    assert stand.sent(PLACE) == []
    assert stand.venue.place_entry(stand.entry()).state is OrderState.FILLED
