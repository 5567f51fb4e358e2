"""The live venue of ProjectX: what every venue must do, and what it says of orders, accounts and contracts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.account_status import read_status
from connectors.http_calls import Reply
from connectors.platforms.projectx import ProjectX
from connectors.platforms.projectx_answers import report_of, rows
from connectors.venue import NotSent, Unclear
from domain.account import AccountKey
from domain.order_state import OrderState, Side
from tests.brokers.book import Order
from tests.brokers.projectx_readings import CONTRACTS
from tests.brokers.server import Fault
from tests.contract.projectx_stand import (
    ACCOUNT,
    BY_ID,
    CANCEL,
    CLOSE_CONTRACT,
    NAME,
    NQ,
    PLACE,
    POSITIONS,
    QUERY,
    SEARCH,
    SEARCH_OPEN,
    ProjectXStand,
    projectx_stand,
)
from tests.contract.venue_conformance import NEXT_TAG, TAG, VenueConformance


@pytest.fixture
def stand() -> Iterator[ProjectXStand]:
    with projectx_stand() as stand:
        yield stand


class TestProjectX(VenueConformance):
    """Everything that every live venue must do."""


def test_nothing_is_sent_before_the_first_call(stand: ProjectXStand) -> None:
    assert stand.service.calls == []


@pytest.mark.parametrize(
    ("status", "filled", "state"),
    [
        (1, 0, OrderState.ACCEPTED),
        (1, 1, OrderState.PARTIALLY_FILLED),
        (2, 3, OrderState.FILLED),
        (3, 0, OrderState.CANCELLED),
        (3, 1, OrderState.CANCELLED),
        (4, 0, OrderState.CANCELLED),
        (5, 0, OrderState.REJECTED),
        (6, 0, OrderState.ACCEPTED),
        (7, 0, OrderState.ACCEPTED),
        (7, 2, OrderState.PARTIALLY_FILLED),
        (8, 0, OrderState.ACCEPTED),
    ],
)
def test_an_orders_status_as_a_state(status: int, filled: int, state: OrderState) -> None:
    price = Decimal("16500.25")
    row = {"id": 7, "status": status, "size": 3, "fillVolume": filled, "filledPrice": price, "customTag": TAG}
    report = report_of(row)
    assert (report.state, report.filled, report.order_id) == (state, Decimal(filled), "7")
    assert report.average_price == (price if filled else None)


def test_a_filled_order_without_a_volume_is_filled_wholly() -> None:
    assert report_of({"id": 7, "status": 2, "size": 3, "fillVolume": None}).filled == 3


@pytest.mark.parametrize("status", [0, 9, None, "Open"])
def test_an_unknown_status_is_no_state(status: Any) -> None:
    with pytest.raises(Unclear):
        report_of({"id": 7, "status": status, "size": 3, "fillVolume": 0})


def test_a_refused_list_is_no_empty_one() -> None:
    body = {"orders": [], "success": False, "errorCode": 1, "errorMessage": None}
    with pytest.raises(Unclear, match="AccountNotFound"):
        rows(QUERY, Reply(status=200, body=body), "orders")


@pytest.mark.parametrize("told", [None, {}, {"orders": None}, {"orders": {}}, {"orders": ["x"]}])
def test_a_list_that_is_missing_is_no_empty_one(told: Any) -> None:
    body = told if told is None else {**told, "success": True, "errorCode": 0}
    with pytest.raises(Unclear):
        rows(QUERY, Reply(status=200, body=body), "orders")


def crowd(stand: ProjectXStand, count: int) -> None:
    """Put other orders on the account's record, to be listed first."""
    stand.book.orders[:0] = [
        Order(number, NAME, "NQZ6", "BUY", Decimal(1), "MARKET", f"other{number}", status="REJECTED")
        for number in range(1, count + 1)
    ]


@pytest.mark.parametrize(("others", "pages"), [(99, 1), (100, 2), (250, 3)])
def test_absence_is_proved_over_all_pages(stand: ProjectXStand, others: int, pages: int) -> None:
    crowd(stand, others)
    stand.venue.place_entry(stand.entry(stop_price=None))
    assert stand.find(NEXT_TAG) is None
    assert len(stand.sent(QUERY)) == pages
    assert stand.find(TAG).state is OrderState.FILLED


def test_a_list_short_of_its_total_proves_no_absence_but_shows_what_is_there(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.total_too_high = 1
    assert stand.find(TAG).state is OrderState.FILLED
    with pytest.raises(Unclear):
        stand.find(NEXT_TAG)


def test_without_the_complete_list_an_order_is_found_and_absence_never_proved(stand: ProjectXStand) -> None:
    stand.service.absent.add(QUERY)
    stand.venue.place_entry(stand.entry())
    assert stand.find(TAG).state is OrderState.FILLED
    with pytest.raises(Unclear):
        stand.find(NEXT_TAG)


@pytest.mark.parametrize(
    "told", [{"totalCount": None, "orders": [{"id": 5, "status": 2}]}, {}, {"totalCount": 1, "orders": [{"status": 2}]}]
)
def test_an_answer_that_is_not_as_described_proves_no_absence(stand: ProjectXStand, told: dict[str, Any]) -> None:
    stand.venue.place_entry(stand.entry(stop_price=None))
    stand.service.say(QUERY, {"orders": [], "success": True, "errorCode": 0, **told}, times=2)
    assert stand.find(TAG).state is OrderState.FILLED
    with pytest.raises(Unclear):
        stand.find(NEXT_TAG)


@pytest.mark.parametrize("missing", [SEARCH, SEARCH_OPEN])
def test_the_two_documented_lists_stand_in_only_together(stand: ProjectXStand, missing: str) -> None:
    stand.service.absent |= {QUERY, missing}
    stand.venue.place_entry(stand.entry(stop_price=None))
    with pytest.raises(Unclear):
        stand.find(TAG)


def test_orders_are_listed_from_a_little_before_they_were_sent(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    (entry,) = stand.book.entries(NAME)
    for late, found in ((timedelta(minutes=4), True), (timedelta(minutes=6), False)):
        sent_at = datetime.fromtimestamp(entry.arrived_at, UTC) + late
        assert (stand.venue.find_order(ACCOUNT, TAG, sent_at=sent_at) is not None) is found


def test_an_order_whose_number_is_known_is_asked_for_by_it(stand: ProjectXStand) -> None:
    sent = stand.venue.place_entry(stand.entry())
    before = len(stand.sent(QUERY))
    found = stand.venue.find_order(ACCOUNT, TAG, sent_at=datetime.now(UTC), order_id=sent.order_id)
    assert found is not None
    assert found.state is OrderState.FILLED
    assert len(stand.sent(QUERY)) == before


def test_a_number_of_another_order_is_not_taken_for_ours(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    other = stand.venue.place_entry(stand.entry(NEXT_TAG, quantity=1))
    found = stand.venue.find_order(ACCOUNT, TAG, sent_at=datetime.now(UTC), order_id=other.order_id)
    assert found is not None
    assert (found.client_order_id, found.filled) == (TAG, Decimal(3))


def test_an_order_that_had_a_number_is_never_said_to_be_absent(stand: ProjectXStand) -> None:
    with pytest.raises(Unclear):
        stand.venue.find_order(ACCOUNT, TAG, sent_at=datetime.now(UTC), order_id="9999")


@pytest.mark.parametrize("name", [NAME, "101"])
def test_an_account_is_known_by_name_or_number_and_asked_for_once(stand: ProjectXStand, name: str) -> None:
    venue = stand.open_venue(account=name)
    venue.place_entry(stand.entry())
    venue.positions(ACCOUNT)
    assert stand.position() == 3
    assert len(stand.sent("/api/Account/search")) == 1


@pytest.mark.parametrize("name", ["50KTC-V2", "50KTC-V2-1 ", "10", "nobody", ""])
def test_an_account_that_is_not_there_gets_nothing(stand: ProjectXStand, name: str) -> None:
    venue = stand.open_venue(account=name)
    with pytest.raises(NotSent) as caught:
        venue.place_entry(stand.entry())
    assert caught.value.final
    assert stand.sent(PLACE) == []


def test_of_two_accounts_with_one_name_none_is_chosen(stand: ProjectXStand) -> None:
    stand.service.accounts = [{"id": 101, "name": NAME}, {"id": 102, "name": NAME}]
    with pytest.raises(NotSent) as caught:
        stand.venue.place_entry(stand.entry())
    assert caught.value.final


def test_an_account_that_was_not_configured_is_refused(stand: ProjectXStand) -> None:
    with pytest.raises(NotSent) as caught:
        stand.venue.place_entry(stand.entry(account=AccountKey("TOPSTEP", 2)))
    assert caught.value.final
    assert stand.service.calls == []


@pytest.mark.parametrize("symbol", ["NQH7", "QZ6", "nqz6", "ENQZ6"])
def test_a_contract_that_is_not_listed_by_that_very_name_is_refused(stand: ProjectXStand, symbol: str) -> None:
    with pytest.raises(NotSent) as caught:
        stand.venue.place_entry(stand.entry(contract=dataclasses.replace(NQ, symbol=symbol)))
    assert caught.value.final
    assert stand.sent(PLACE) == []


@pytest.mark.parametrize("changes", [{"tickSize": 0}, {"tickSize": None}, {"id": None}])
def test_a_contract_without_tick_or_id_is_refused(stand: ProjectXStand, changes: dict[str, Any]) -> None:
    listed = [{"id": "CON.F.US.ENQ.Z26", "name": "NQZ6", "tickSize": Decimal("0.25"), **changes}]
    stand.service.say("/api/Contract/search", {"contracts": listed, "success": True, "errorCode": 0})
    with pytest.raises(NotSent) as caught:
        stand.venue.place_entry(stand.entry())
    assert caught.value.final


def test_a_contracts_id_is_the_venues_own_and_asked_for_once(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.venue.place_entry(stand.entry(NEXT_TAG))
    assert {body["contractId"] for body in stand.sent(PLACE)} == {"CON.F.US.ENQ.Z26"}
    assert stand.sent("/api/Contract/search") == [{"searchText": "NQZ6", "live": False}]


def test_positions_and_orders_have_the_contracts_name(stand: ProjectXStand) -> None:
    stand.book.place(NAME, "MNQZ6", "SELL", Decimal(2))
    stand.book.fill_share = Decimal(0)
    stand.venue.place_entry(stand.entry())

    (held,) = stand.venue.positions(ACCOUNT)
    assert (held.symbol, held.quantity, held.average_price) == ("MNQZ6", Decimal(-2), Decimal(16500))
    entry, stop = stand.venue.working_orders(ACCOUNT)
    assert (entry.symbol, entry.client_order_id, entry.side, entry.kind) == ("NQZ6", TAG, Side.BUY, "MARKET")
    # The stop of an entry that has not filled is suspended, and no less there for it.
    assert (stop.side, stop.quantity, stop.kind) == (Side.SELL, Decimal(3), "STOP")


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, None])
def test_a_name_that_cannot_be_had_keeps_no_position_back(stand: ProjectXStand, fault: Fault | None) -> None:
    stand.book.place(NAME, "MNQZ6", "BUY", Decimal(2))
    if fault is None:
        stand.service.absent.add("/api/Contract/searchById")
    else:
        stand.service.misbehave(fault, "/api/Contract/searchById")
    (held,) = stand.venue.positions(ACCOUNT)
    assert (held.symbol, held.quantity) == (CONTRACTS["MNQZ6"], Decimal(2))


@pytest.mark.parametrize("row", [{"type": 0, "size": 1}, {"size": 1}, {"type": 3, "size": 2}])
def test_a_position_of_unknown_direction_is_unclear(stand: ProjectXStand, row: dict[str, Any]) -> None:
    stand.service.say(POSITIONS, {"positions": [row], "success": True, "errorCode": 0, "errorMessage": None})
    with pytest.raises(Unclear):
        stand.venue.positions(ACCOUNT)


def test_an_account_without_positions_has_no_open_profit(stand: ProjectXStand) -> None:
    status = stand.venue.account_status(ACCOUNT)
    assert status == {"balance": Decimal(50000), "positions": [], "unrealized_pl": Decimal(0)}


def test_an_open_positions_profit_is_not_made_up(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    status = stand.venue.account_status(ACCOUNT)
    assert status is not None
    now = datetime.now(UTC)
    update = read_status(status, asked_at=now, received_at=now)
    assert (update.balance, update.equity, update.unrealized_pl) == (Decimal(50000), None, None)
    assert update.positions == ({"symbol": "NQZ6", "quantity": Decimal(3), "average_price": Decimal(16500)},)


def test_what_closes_between_the_two_readings_is_not_called_open_profit(stand: ProjectXStand) -> None:
    stand.venue.positions(ACCOUNT)
    stand.venue.account_status(ACCOUNT)
    assert stand.service.paths()[-2:] == ["Position/searchOpen", "Account/search"]


def test_an_account_without_a_balance_says_nothing(stand: ProjectXStand) -> None:
    stand.service.accounts = [{"id": 101, "name": NAME}]
    with pytest.raises(Unclear):
        stand.venue.account_status(ACCOUNT)


def test_cancelling_an_order_that_never_was_is_no_error(stand: ProjectXStand) -> None:
    stand.venue.cancel_order(ACCOUNT, "9999")


@pytest.mark.parametrize(("code", "name", "final"), [(3, "Rejected", False), (6, "AccountRejected", True)])
def test_a_refused_cancellation_is_told(stand: ProjectXStand, code: int, name: str, final: bool) -> None:
    stand.venue.place_entry(stand.entry())
    (stop,) = stand.venue.working_orders(ACCOUNT)
    stand.service.refuse(CANCEL, code, "Live accounts not supported")
    with pytest.raises(NotSent, match=f"{name}: Live accounts not supported") as caught:
        stand.venue.cancel_order(ACCOUNT, stop.order_id)
    assert caught.value.final is final


@pytest.mark.parametrize("code", [4, 5, 99])
def test_an_unclear_cancellation_is_one_unless_the_order_is_at_rest(stand: ProjectXStand, code: int) -> None:
    stand.venue.place_entry(stand.entry())
    (stop,) = stand.venue.working_orders(ACCOUNT)
    stand.service.refuse(CANCEL, code, times=2)
    with pytest.raises(Unclear):
        stand.venue.cancel_order(ACCOUNT, stop.order_id)
    stand.book.cancel(int(stop.order_id))
    stand.venue.cancel_order(ACCOUNT, stop.order_id)


def test_flatten_cancels_first_and_closes_each_contract_by_a_call_that_only_reduces(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.book.place(NAME, "ESZ6", "SELL", Decimal(1))
    done = stand.venue.flatten(ACCOUNT)

    assert done == ["cancelled order 1002: SELL 3 NQZ6 STOP", "closed 3 of NQZ6", "closed -1 of ESZ6"]
    paths = stand.service.paths()
    assert paths.index("Order/cancel") < paths.index("Position/closeContract")
    assert len(stand.sent(PLACE)) == 1
    assert list(stand.book.positions(NAME)) == []


def test_what_fails_keeps_nothing_else_in_the_account(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.book.place(NAME, "ESZ6", "SELL", Decimal(1))
    stand.book.place(NAME, "ESZ6", "BUY", Decimal(1), kind="STOP", stop_price=Decimal(7000))
    stand.service.refuse(CANCEL, 6, "Follower accounts cannot cancel orders")
    stand.service.refuse(CLOSE_CONTRACT, 4)

    with pytest.raises(Unclear, match=r"AccountRejected: Follower accounts.*ContractNotActive") as caught:
        stand.venue.flatten(ACCOUNT)
    assert caught.value.raw["done"] == ["cancelled order 1004: BUY 1 ESZ6 STOP", "closed -1 of ESZ6"]
    assert stand.venue.flatten(ACCOUNT) == ["cancelled order 1002: SELL 3 NQZ6 STOP", "closed 3 of NQZ6"]


def test_positions_that_cannot_be_listed_keep_no_order_and_hide_none(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.absent.add(POSITIONS)
    with pytest.raises(Unclear) as caught:
        stand.venue.flatten(ACCOUNT)
    assert caught.value.raw["done"] == ["cancelled order 1002: SELL 3 NQZ6 STOP"]


def test_orders_that_cannot_be_listed_keep_no_position_open(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.absent |= {QUERY, SEARCH_OPEN}
    with pytest.raises(Unclear):
        stand.venue.flatten(ACCOUNT)
    assert stand.position() == 0


def test_a_cancellation_that_is_not_done_is_told_by_flatten(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.cancels_after = 1000
    with pytest.raises(Unclear, match="still working: order 1002"):
        stand.venue.flatten(ACCOUNT)
    assert stand.position() == 0


def test_a_position_that_is_gone_meanwhile_is_closed_too(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry(stop_price=None))
    stand.service.refuse(CLOSE_CONTRACT, 2)
    assert stand.venue.flatten(ACCOUNT) == ["closed 3 of NQZ6"]


def test_a_broker_out_of_reach_is_provably_not_reached_by_flatten(stand: ProjectXStand) -> None:
    stand.venue.positions(ACCOUNT)
    stand.service.misbehave(Fault.RATE_LIMIT, QUERY, seconds=30.0)
    with pytest.raises(NotSent) as caught:
        stand.venue.flatten(ACCOUNT)
    assert caught.value.retry_after is not None


def test_what_is_relied_on() -> None:
    assert ProjectX.capabilities.proves_absence
    assert ProjectX.capabilities.unique_tag
    assert not ProjectX.capabilities.reduce_only


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, None), (200, {"success": False, "errorCode": 9}), (200, {"success": True, "errorCode": 0, "order": None})],
)
def test_an_order_that_is_not_told_by_its_number_is_found_by_its_tag(
    stand: ProjectXStand, status: int, body: Any
) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.say(BY_ID, body, status=status)
    found = stand.venue.find_order(ACCOUNT, TAG, sent_at=datetime.now(UTC), order_id="1001")
    assert found is not None
    assert found.client_order_id == TAG


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, None), (200, {"order": {"id": 7, "status": 3}, "success": True, "errorCode": 0, "errorMessage": None})],
)
def test_an_order_is_not_said_to_be_at_rest_by_another_word(stand: ProjectXStand, status: int, body: Any) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.refuse(CANCEL, 3)
    stand.service.say(BY_ID, body, status=status)
    with pytest.raises(Unclear):
        stand.venue.cancel_order(ACCOUNT, "1002")
