"""Exits at ProjectX: never more than is held, never the other way round, and the trade's protection goes first."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from connectors.platforms.projectx_stops import sizes
from connectors.venue import NotSent, Unclear
from domain.order_state import OrderState, Side
from tests.brokers.server import Fault
from tests.contract.projectx_stand import (
    BY_ID,
    CANCEL,
    CLOSE_CONTRACT,
    MODIFY,
    NAME,
    PLACE,
    POSITIONS,
    QUERY,
    SEARCH_OPEN,
    ProjectXStand,
    projectx_stand,
)
from tests.contract.venue_conformance import EXIT_TAG, NEXT_TAG, TAG


@pytest.fixture
def stand() -> Iterator[ProjectXStand]:
    with projectx_stand() as stand:
        yield stand


def statuses(stand: ProjectXStand) -> list[str]:
    return [order.status for order in stand.stops()]


def test_what_is_sent(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    report = stand.venue.place_exit(stand.exit(3))
    assert stand.sent(PLACE)[1:] == [
        {
            "accountId": 101,
            "contractId": "CON.F.US.ENQ.Z26",
            "type": 2,
            "side": 1,
            "size": 3,
            "customTag": EXIT_TAG,
        }
    ]
    assert stand.sent(CLOSE_CONTRACT) == []
    assert (report.state, report.filled, report.message) == (OrderState.FILLED, Decimal(3), None)
    assert stand.find(EXIT_TAG).order_id == report.order_id


def test_what_is_held_is_the_most_that_is_closed(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry(quantity=2))
    report = stand.venue.place_exit(stand.exit(5))
    assert stand.sent(PLACE)[-1]["size"] == 2
    assert (report.state, report.filled) == (OrderState.FILLED, Decimal(2))


@pytest.mark.parametrize("looks", [0, 1, 2])
def test_the_stop_is_seen_to_be_cancelled_before_the_position_is_closed(stand: ProjectXStand, looks: int) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.cancels_after = looks
    seen: list[str] = []
    stand.service.before(PLACE, lambda: seen.extend(statuses(stand)))
    report = stand.venue.place_exit(stand.exit(3))
    assert seen == ["CANCELLED"]
    assert (report.state, report.message) == (OrderState.FILLED, None)


@pytest.mark.parametrize("quantity", [1, 3])
def test_a_protective_order_is_smaller_before_the_position_is(stand: ProjectXStand, quantity: int) -> None:
    stand.venue.place_entry(stand.entry())
    seen: list[Any] = []
    stand.service.before(PLACE, lambda: seen.extend(order.quantity for order in stand.book.working(NAME)))
    stand.venue.place_exit(stand.exit(quantity, remaining=Decimal(3 - quantity)))
    assert seen == ([Decimal(2)] if quantity == 1 else [])
    assert stand.stops()[0].stop_price == Decimal(16475)


def test_a_partial_exit_of_a_short_trade(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry(side=Side.SELL))
    stand.venue.place_exit(stand.exit(2, side=Side.BUY, remaining=Decimal(1)))
    assert stand.position() == -1
    # Whether the service would keep a price that is left out is not known.
    assert stand.sent(MODIFY) == [{"accountId": 101, "orderId": 1002, "size": 1, "stopPrice": Decimal(16525)}]
    assert [(order.side, order.quantity) for order in stand.book.working(NAME)] == [("BUY", Decimal(1))]


# Whose stop it is.


@pytest.mark.parametrize("fresh", [False, True])
def test_another_trades_stop_stays(stand: ProjectXStand, fresh: bool) -> None:
    stand.venue.place_entry(stand.entry(quantity=2))
    stand.venue.place_entry(stand.entry(NEXT_TAG, quantity=2))
    # A process that has just started knows the entries by their tags alone.
    venue = stand.open_venue() if fresh else stand.venue
    venue.place_exit(stand.exit(2, entries=(NEXT_TAG,)))
    assert statuses(stand) == ["WORKING", "CANCELLED"]
    assert stand.position() == 2


def test_of_a_trade_with_two_entries_the_oldest_stops_stay(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry(quantity=2))
    stand.venue.place_entry(stand.entry(NEXT_TAG, quantity=2))
    stand.venue.place_exit(stand.exit(1, entries=(TAG, NEXT_TAG), remaining=Decimal(3)))
    assert [order.quantity for order in stand.book.working(NAME)] == [2, 1]
    assert [body["orderId"] for body in stand.sent(MODIFY)] == [1004]
    stand.venue.place_exit(stand.exit(2, "pr0123456789abcdefgz", entries=(TAG, NEXT_TAG), remaining=Decimal(1)))
    assert [order.quantity for order in stand.book.working(NAME)] == [1]
    assert stand.position() == 1


def test_what_stays_protected_is_never_more_than_what_stays(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.book.place(NAME, "NQZ6", "SELL", Decimal(1))
    stand.venue.place_exit(stand.exit(1, remaining=Decimal(2)))
    assert [order.quantity for order in stand.book.working(NAME)] == [1]
    assert stand.position() == 1


def test_a_stop_that_filled_in_part_keeps_what_it_has_filled(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry(quantity=4))
    stand.book.fill(stand.stops()[0], Decimal(1))
    stand.venue.place_exit(stand.exit(1, remaining=Decimal(2)))
    (stop,) = stand.stops()
    assert (stop.quantity, stop.filled) == (Decimal(3), Decimal(1))


def test_a_trailing_stops_price_is_not_sent_back(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.stops()[0].kind = "TRAILING_STOP"
    stand.venue.place_exit(stand.exit(1, remaining=Decimal(2)))
    assert stand.sent(MODIFY) == [{"accountId": 101, "orderId": 1002, "size": 2}]


def test_an_entry_that_this_process_sent_is_not_asked_for(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.venue.place_exit(stand.exit(3))
    assert 1001 not in [body["orderId"] for body in stand.sent(BY_ID)]


@pytest.mark.parametrize(
    ("open_sizes", "keep", "stay"),
    [
        ([3], 0, [0]),
        ([3], 2, [2]),
        ([3], 5, [3]),
        ([2, 2], 3, [2, 1]),
        ([2, 2], 2, [2, 0]),
        ([2, 1, 1], 3, [2, 1, 0]),
        ([2], -1, [0]),
        ([], 4, []),
    ],
)
def test_how_much_of_each_protective_order_stays(open_sizes: list[int], keep: int, stay: list[int]) -> None:
    rows = [{"id": 5 + number, "size": size + 1, "fillVolume": 1} for number, size in enumerate(open_sizes)]
    assert [size for _, size in sizes(list(reversed(rows)), keep)] == stay


def test_stops_that_name_no_parent_are_told_apart_by_size_and_time(stand: ProjectXStand) -> None:
    stand.service.tells_parents = False
    stand.venue.place_entry(stand.entry(quantity=2))
    stand.venue.place_entry(stand.entry(NEXT_TAG, quantity=1))
    stand.venue.place_exit(stand.exit(1, entries=(NEXT_TAG,)))
    assert statuses(stand) == ["WORKING", "CANCELLED"]


def test_each_entry_has_one_stop(stand: ProjectXStand) -> None:
    stand.service.tells_parents = False
    stand.venue.place_entry(stand.entry(quantity=2))
    stand.venue.place_entry(stand.entry(NEXT_TAG, quantity=2))
    stand.venue.place_exit(stand.exit(2))
    assert statuses(stand) == ["CANCELLED", "WORKING"]
    stand.venue.place_exit(stand.exit(2, "pr0123456789abcdefgz", entries=(NEXT_TAG,)))
    assert statuses(stand) == ["CANCELLED", "CANCELLED"]


def test_a_stop_that_was_made_smaller_is_still_its_entrys(stand: ProjectXStand) -> None:
    stand.service.tells_parents = False
    stand.venue.place_entry(stand.entry())
    stand.venue.place_entry(stand.entry(NEXT_TAG, quantity=2))
    stand.venue.place_exit(stand.exit(2, remaining=Decimal(1)))
    assert [order.quantity for order in stand.stops()] == [1, 2]
    stand.venue.place_exit(stand.exit(1, "pr0123456789abcdefgz"))
    assert statuses(stand) == ["CANCELLED", "WORKING"]


def test_stops_that_arrive_after_both_entries_are_each_anothers(stand: ProjectXStand) -> None:
    stand.service.tells_parents = False
    stand.service.sets_stops = False
    for tag in (TAG, NEXT_TAG):
        stand.venue.place_entry(stand.entry(tag, quantity=2))
    for entry in stand.book.entries(NAME):
        stand.service.set_stop(entry, -100)
    stand.venue.place_exit(stand.exit(2))
    assert sorted(statuses(stand)) == ["CANCELLED", "WORKING"]
    stand.venue.place_exit(stand.exit(2, "pr0123456789abcdefgz", entries=(NEXT_TAG,)))
    assert statuses(stand) == ["CANCELLED", "CANCELLED"]


def test_a_stop_after_another_persons_order_is_not_ours(stand: ProjectXStand) -> None:
    stand.service.tells_parents = False
    stand.service.sets_stops = False
    stand.venue.place_entry(stand.entry())
    theirs = stand.book.place(NAME, "NQZ6", "BUY", Decimal(3))
    stand.service.set_stop(theirs, -40)
    stand.venue.place_exit(stand.exit(3))
    assert statuses(stand) == ["WORKING"]


def test_an_order_that_came_to_nothing_has_no_stop(stand: ProjectXStand) -> None:
    stand.service.tells_parents = False
    stand.service.sets_stops = False
    stand.venue.place_entry(stand.entry())
    entry, refused = stand.book.entries(NAME)[0], stand.book.place(NAME, "NQZ6", "BUY", Decimal(9))
    refused.status, refused.filled = "REJECTED", Decimal(0)
    stand.service.set_stop(entry, -100)
    stand.venue.place_exit(stand.exit(3))
    assert statuses(stand) == ["CANCELLED"]


@pytest.mark.parametrize("tells_parents", [True, False])
def test_a_persons_own_stop_stays(stand: ProjectXStand, tells_parents: bool) -> None:
    stand.service.tells_parents = tells_parents
    stand.book.place(NAME, "NQZ6", "SELL", Decimal(5), kind="STOP", stop_price=Decimal(16000))
    stand.book.place(NAME, "NQZ6", "BUY", Decimal(3), kind="STOP", stop_price=Decimal(17000))
    stand.book.place(NAME, "MNQZ6", "SELL", Decimal(3), kind="STOP", stop_price=Decimal(16000))
    stand.venue.place_entry(stand.entry())
    stand.venue.place_exit(stand.exit(3))
    assert statuses(stand) == ["WORKING", "WORKING", "WORKING", "CANCELLED"]


def test_a_bracket_order_that_is_no_stop_goes_too(stand: ProjectXStand) -> None:
    entry = stand.venue.place_entry(stand.entry())
    assert entry.order_id is not None
    stand.book.place(NAME, "NQZ6", "SELL", Decimal(3), kind="LIMIT", parent=int(entry.order_id))
    stand.venue.place_exit(stand.exit(3))
    assert stand.book.working(NAME) == []


@pytest.mark.parametrize(("remaining", "left"), [(0, []), (1, ["MARKET", "STOP"])])
def test_what_is_left_of_an_entry_goes_with_the_whole_trade(
    stand: ProjectXStand, remaining: int, left: list[str]
) -> None:
    stand.book.fill_share = Decimal("0.5")
    stand.venue.place_entry(stand.entry(quantity=4))
    stand.book.fill_share = Decimal(1)
    stand.venue.place_exit(stand.exit(2 - remaining, remaining=Decimal(remaining)))
    assert [order.kind for order in stand.book.working(NAME)] == left
    assert stand.position() == remaining


def test_all_rows_of_a_contract_are_what_is_held(stand: ProjectXStand) -> None:
    stand.book.place(NAME, "NQZ6", "BUY", Decimal(3))
    row = {"contractId": "CON.F.US.ENQ.Z26", "type": 1, "averagePrice": None}
    listed = [{**row, "size": 2}, {**row, "size": 1}, {**row, "type": 0, "size": 0}]
    stand.service.say(POSITIONS, {"positions": listed, "success": True, "errorCode": 0})
    stand.venue.place_exit(stand.exit(3))
    assert stand.position() == 0


# The market moves meanwhile.


def test_a_stop_that_fills_before_it_is_cancelled_leaves_nothing_to_close(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.before(CANCEL, lambda: stand.service.stop_fills(NAME))
    report = stand.venue.place_exit(stand.exit(3))
    assert (report.state, report.filled) == (OrderState.CANCELLED, Decimal(0))
    assert stand.position() == 0
    assert stand.market_orders() == 1


def test_a_position_that_shrinks_meanwhile_is_not_turned(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.before(CANCEL, lambda: stand.book.place(NAME, "NQZ6", "SELL", Decimal(2)))
    stand.venue.place_exit(stand.exit(3))
    assert stand.position() == 0


def test_the_position_is_read_after_the_stop_is_gone(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    before = len(stand.service.calls)
    stand.venue.place_exit(stand.exit(3))
    paths = stand.service.paths()[before:]
    assert paths[-3:] == ["Position/searchOpen", "Order/place", "Order/searchById"]
    assert paths.index("Order/cancel") < len(paths) - 3


@pytest.mark.parametrize("late", [1, 2])
def test_a_position_that_is_listed_late_is_closed_all_the_same(stand: ProjectXStand, late: int) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.late_positions = late
    assert stand.venue.place_exit(stand.exit(3)).state is OrderState.FILLED
    assert stand.position() == 0


def test_a_stop_without_a_position_is_cancelled(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.book.place(NAME, "NQZ6", "SELL", Decimal(3))
    report = stand.venue.place_exit(stand.exit(3))
    assert (report.state, report.filled) == (OrderState.CANCELLED, Decimal(0))
    assert "holds no NQZ6" in (report.message or "")
    assert stand.book.working(NAME) == []
    assert stand.market_orders() == 2


def test_two_exits_at_a_time_never_turn_a_position(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.misbehave(Fault.DELAY, POSITIONS, seconds=0.1, times=4)
    tickets = [stand.exit(2, tag) for tag in (EXIT_TAG, "pr0123456789abcdefgz")]
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(stand.venue.place_exit, tickets))
    assert stand.position() == 0
    assert sorted(report.filled for report in reports) == [1, 2]


@pytest.mark.parametrize("fault", [Fault.TWICE, None])
def test_an_exit_that_is_repeated_closes_once(stand: ProjectXStand, fault: Fault | None) -> None:
    stand.venue.place_entry(stand.entry())
    if fault is not None:
        stand.service.misbehave(fault, PLACE)
    first = stand.venue.place_exit(stand.exit(1, remaining=Decimal(2)))
    if fault is None:
        again = stand.venue.place_exit(stand.exit(1, remaining=Decimal(2)))
        assert (again.state, again.order_id) == (OrderState.FILLED, first.order_id)
    assert first.state is OrderState.FILLED
    assert stand.position() == 2


# The venue refuses, or says nothing.


def test_an_exit_gets_through_though_its_stop_cannot_be_cancelled(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.refuse(CANCEL, 6, "Live accounts not supported", times=2)
    report = stand.venue.place_exit(stand.exit(3))
    assert (report.state, stand.position()) == (OrderState.FILLED, Decimal(0))
    assert "order 1002 was not cancelled: AccountRejected: Live accounts not supported" in (report.message or "")
    # A clear no is not waited for.
    paths = stand.service.paths()
    assert paths[paths.index("Order/cancel") :][:4] == [
        "Order/cancel",
        "Order/searchById",
        "Position/searchOpen",
        "Order/place",
    ]
    assert "NOT SEEN TO BE CANCELLED, WITH NOTHING LEFT TO PROTECT: order 1002" in (report.message or "")


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.RESET])
def test_a_stop_that_could_not_be_cancelled_is_cancelled_after_the_exit(stand: ProjectXStand, fault: Fault) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.misbehave(fault, CANCEL)
    report = stand.venue.place_exit(stand.exit(3))
    assert (report.state, stand.position()) == (OrderState.FILLED, Decimal(0))
    assert statuses(stand) == ["CANCELLED"]
    assert "whether order 1002 is cancelled is not known" in (report.message or "")
    assert "NOT SEEN" not in (report.message or "")


def test_a_stop_that_cannot_be_cancelled_after_the_exit_either_spoils_no_report(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.misbehave(Fault.SERVER_ERROR, CANCEL)
    stand.service.misbehave(Fault.RATE_LIMIT, CANCEL, seconds=0.05)
    report = stand.venue.place_exit(stand.exit(3))
    assert (report.state, stand.position()) == (OrderState.FILLED, Decimal(0))
    assert "NOT SEEN TO BE CANCELLED, WITH NOTHING LEFT TO PROTECT: order 1002" in (report.message or "")


def test_a_stop_that_cannot_be_looked_at_is_not_said_to_be_cancelled(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.absent.add(BY_ID)
    report = stand.venue.place_exit(stand.exit(3))
    assert (report.state, stand.position()) == (OrderState.ACCEPTED, Decimal(0))
    assert "NOT SEEN TO BE CANCELLED, WITH NOTHING LEFT TO PROTECT: order 1002" in (report.message or "")


def test_a_cancellation_whose_answer_was_lost_is_one(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.misbehave(Fault.TAKEN_SERVER_ERROR, CANCEL)
    report = stand.venue.place_exit(stand.exit(3))
    assert (report.state, report.message) == (OrderState.FILLED, None)


def test_a_stop_that_is_slow_to_go_does_not_keep_the_exit_back_and_is_told(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.cancels_after = 1000
    report = stand.venue.place_exit(stand.exit(3))
    assert report.state is OrderState.FILLED
    assert "NOT SEEN TO BE CANCELLED, WITH NOTHING LEFT TO PROTECT: order 1002" in (report.message or "")


@pytest.mark.parametrize("code", [3, 5])
def test_a_stop_that_cannot_be_made_smaller_is_told(stand: ProjectXStand, code: int) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.refuse(MODIFY, code)
    report = stand.venue.place_exit(stand.exit(1, remaining=Decimal(2)))
    assert (report.state, stand.position()) == (OrderState.FILLED, Decimal(2))
    assert "order 1002" in (report.message or "")
    assert "down to 2" in (report.message or "")


def test_a_refused_exit_says_that_the_protection_is_gone(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.refuse(PLACE, 5)
    report = stand.venue.place_exit(stand.exit(3))
    assert report.state is OrderState.REJECTED
    assert report.message == "OutsideTradingHours; protective orders were cancelled or made smaller before: 1002"


def test_a_refused_exit_leaves_the_stop_that_could_not_be_cancelled(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.refuse(CANCEL, 3)
    stand.service.refuse(PLACE, 5)
    report = stand.venue.place_exit(stand.exit(3))
    assert report.state is OrderState.REJECTED
    assert report.message == "OutsideTradingHours; order 1002 was not cancelled: Rejected"
    assert statuses(stand) == ["WORKING"]


def test_an_exit_whose_answer_was_lost_is_unclear_and_found(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.misbehave(Fault.TAKEN_RESET, PLACE)
    with pytest.raises(Unclear, match="protective orders were cancelled or made smaller before: 1002"):
        stand.venue.place_exit(stand.exit(3))
    assert stand.find(EXIT_TAG).state is OrderState.FILLED
    assert stand.position() == 0


def test_an_exit_that_finds_no_turn_may_be_tried_again(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.misbehave(Fault.RATE_LIMIT, PLACE, seconds=0.1)
    with pytest.raises(NotSent, match="protective orders were cancelled") as caught:
        stand.venue.place_exit(stand.exit(3))
    assert caught.value.retry_after is not None
    assert not caught.value.final
    assert stand.venue.place_exit(stand.exit(3)).state is OrderState.FILLED


@pytest.mark.parametrize("unreadable", [{QUERY, SEARCH_OPEN}, {POSITIONS}])
def test_an_exit_that_cannot_see_sends_nothing_and_leaves_the_protection(
    stand: ProjectXStand, unreadable: set[str]
) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.absent |= unreadable
    with pytest.raises(NotSent) as caught:
        stand.venue.place_exit(stand.exit(3))
    assert not caught.value.final
    assert statuses(stand) == ["WORKING"]
    assert stand.position() == 3


def test_a_position_that_cannot_be_read_again_is_not_closed_blindly(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.before(CANCEL, lambda: stand.service.absent.add(POSITIONS))
    with pytest.raises(NotSent, match="protective orders were cancelled or made smaller before: 1002"):
        stand.venue.place_exit(stand.exit(3))
    assert stand.position() == 3


def test_orders_at_rest_are_left_alone_by_whom_the_list_shows_them(stand: ProjectXStand) -> None:
    stand.service.filters = False
    stand.venue.place_entry(stand.entry())
    stand.venue.place_exit(stand.exit(3))
    assert [body["orderId"] for body in stand.sent(CANCEL)] == [1002]
    assert stand.venue.working_orders(stand.account) == []


def test_the_documented_list_stands_in_where_the_complete_one_is_missing(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.absent.add(QUERY)
    stand.venue.place_exit(stand.exit(3))
    assert statuses(stand) == ["CANCELLED"]
    assert stand.position() == 0


def test_an_exits_fill_that_cannot_be_read_is_no_error(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry(stop_price=None))
    stand.service.absent.add("/api/Order/searchById")
    report = stand.venue.place_exit(stand.exit(3))
    assert (report.state, report.order_id) == (OrderState.ACCEPTED, "1002")


@pytest.mark.parametrize("quantity", ["0.5", "0", "-1"])
def test_a_quantity_that_is_no_number_of_contracts_is_refused(stand: ProjectXStand, quantity: str) -> None:
    stand.venue.place_entry(stand.entry())
    with pytest.raises(NotSent) as caught:
        stand.venue.place_exit(replace(stand.exit(1), quantity=Decimal(quantity)))
    assert caught.value.final
    assert statuses(stand) == ["WORKING"]
