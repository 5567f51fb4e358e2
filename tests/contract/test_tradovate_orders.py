"""What Tradovate has on record: orders by number and client id, when absence may be believed, positions, flattening."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.platforms.tradovate import Tradovate
from connectors.platforms.tradovate_records import made_by
from connectors.platforms.tradovate_wire import order_record
from connectors.venue import NotSent, Unclear
from domain.order_state import OrderState
from tests.brokers.server import Fault
from tests.contract.tradovate_stand import ACCOUNT, TradovateStand, login, standing
from tests.contract.venue_conformance import EXIT_TAG, NEXT_TAG, TAG


@pytest.fixture
def stand() -> Iterator[TradovateStand]:
    with standing() as stand:
        yield stand


def find(stand: TradovateStand, tag: str = TAG, *, ago: timedelta = timedelta(0), order_id: str | None = None) -> Any:
    return stand.venue.find_order(ACCOUNT, tag, sent_at=datetime.now(UTC) - ago, order_id=order_id)


def test_an_order_is_found_with_its_price(stand: TradovateStand) -> None:
    stand.venue.place_entry(stand.entry())
    found = find(stand)
    assert (found.state, found.filled, found.average_price) == (OrderState.FILLED, 3, Decimal(16500))


def test_an_order_whose_number_is_known_is_found_without_the_lists(stand: TradovateStand) -> None:
    sent = stand.venue.place_entry(stand.entry())
    stand.broker.calls.clear()
    assert find(stand, order_id=sent.order_id, ago=timedelta(days=9)).state is OrderState.FILLED
    assert stand.broker.calls_to("/list") == []


def test_a_number_that_is_not_on_record_any_more_is_looked_for_by_tag(stand: TradovateStand) -> None:
    stand.venue.place_entry(stand.entry())
    assert find(stand, order_id="77").state is OrderState.FILLED


def test_an_order_that_was_taken_and_refused_afterwards_says_why(stand: TradovateStand) -> None:
    stand.book.fill_share = Decimal(0)
    sent = stand.venue.place_entry(stand.entry())
    order = stand.book.by_id(int(sent.order_id or 0))
    assert order is not None
    order.status = "REJECTED"
    stand.broker.reports = [
        {"id": 1, "commandId": order.id, "commandStatus": "RiskRejected", "rejectReason": "Success", "text": "Margin"},
        {"id": 2, "commandId": order.id, "commandStatus": "RiskRejected", "rejectReason": "TradingLocked"},
        {"id": 3, "commandId": 99, "commandStatus": "RiskRejected", "rejectReason": "NoQuote"},
    ]
    found = find(stand)
    assert (found.state, found.message) == (OrderState.REJECTED, "Margin: TradingLocked")


def test_two_orders_under_one_id_are_told(stand: TradovateStand) -> None:
    stand.broker.misbehave(Fault.TWICE, "/order/placeoso")
    stand.venue.place_entry(stand.entry())
    first, second = [order.id for order in stand.book.tagged(TAG)]
    found = find(stand)
    assert (found.order_id, found.filled) == (str(first), 3)
    assert f"2 orders bear the id {TAG}: {first}, {second}" in found.message


def test_another_accounts_order_is_not_found(stand: TradovateStand) -> None:
    other = Tradovate(login(stand.broker), {ACCOUNT: "APEX999"})
    other.place_entry(stand.entry())
    other.close()
    assert find(stand) is None


def test_absence_is_not_vouched_for_beyond_the_trading_day(stand: TradovateStand) -> None:
    with pytest.raises(Unclear, match="reach back"):
        find(stand, ago=timedelta(days=1))


@pytest.mark.parametrize("name", ["commands", "orders"])
def test_absence_is_not_vouched_for_by_a_list_that_may_be_cut_off(stand: TradovateStand, name: str) -> None:
    rows = [{"id": number, "orderId": number, "accountId": 1} for number in range(1000)]
    stand.broker.answers["command/list" if name == "commands" else "order/list"] = (200, rows)
    with pytest.raises(Unclear, match="cut off"):
        find(stand)


def test_absence_is_not_vouched_for_while_an_order_has_no_known_origin(stand: TradovateStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.broker.commands.clear()
    with pytest.raises(Unclear, match="whose order"):
        find(stand, NEXT_TAG)
    for order in stand.book.orders:
        order.arrived_at -= 120
    assert find(stand, NEXT_TAG) is None


def test_an_order_that_only_its_command_tells_of_is_unclear(stand: TradovateStand) -> None:
    stand.broker.command(4242, "New", clOrdId=TAG)
    with pytest.raises(Unclear, match="4242"):
        find(stand)


@pytest.mark.parametrize("answer", [(200, {"errorText": "Access is denied"}), (404, None), (200, [1]), (403, [])])
def test_an_error_is_never_read_as_an_empty_list(stand: TradovateStand, answer: Any) -> None:
    for path, act in (
        ("command/list", lambda: find(stand)),
        ("order/list", lambda: find(stand)),
        ("position/list", lambda: stand.venue.positions(ACCOUNT)),
    ):
        stand.venue.positions(ACCOUNT)
        stand.broker.answers[path] = answer
        with pytest.raises(Unclear):
            act()


@pytest.mark.parametrize(
    ("status", "filled", "state", "told"),
    [
        ("PendingNew", 0, OrderState.ACCEPTED, 0),
        ("Working", 0, OrderState.ACCEPTED, 0),
        ("Working", 1, OrderState.PARTIALLY_FILLED, 1),
        ("Suspended", 0, OrderState.ACCEPTED, 0),
        ("Unknown", 0, OrderState.ACCEPTED, 0),
        ("PendingCancel", 2, OrderState.PARTIALLY_FILLED, 2),
        ("PendingReplace", 0, OrderState.ACCEPTED, 0),
        ("Filled", 3, OrderState.FILLED, 3),
        ("Filled", 1, OrderState.FILLED, 3),
        ("Completed", 3, OrderState.FILLED, 3),
        ("Completed", 1, OrderState.CANCELLED, 1),
        ("Completed", 0, OrderState.CANCELLED, 0),
        ("Canceled", 0, OrderState.CANCELLED, 0),
        ("Canceled", 2, OrderState.CANCELLED, 2),
        ("Expired", 0, OrderState.CANCELLED, 0),
        ("Rejected", 0, OrderState.REJECTED, 0),
        ("Rejected", 1, OrderState.CANCELLED, 1),
    ],
)
def test_what_tradovates_words_mean(status: str, filled: int, state: OrderState, told: int) -> None:
    order = {"id": 1, "accountId": 2, "contractId": 3, "action": "Buy", "ordStatus": status}
    fills = [{"qty": 1, "price": Decimal(100 + number)} for number in range(filled)]
    report = order_record(order, {"orderQty": 3}, fills).report(TAG)
    assert (report.state, report.filled) == (state, Decimal(told))
    if filled == told:
        assert report.average_price == (None if filled == 0 else Decimal(100) + Decimal(filled - 1) / 2)
    else:
        assert report.average_price is None


def test_an_exit_is_found_by_its_own_id(stand: TradovateStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.venue.place_exit(stand.exit(3))
    assert find(stand, EXIT_TAG).state is OrderState.FILLED


def test_working_orders_are_told_with_tag_contract_and_what_is_left(stand: TradovateStand) -> None:
    stand.book.fill_share = Decimal("0.5")
    stand.venue.place_entry(stand.entry(quantity=4))
    entry, stop = stand.venue.working_orders(ACCOUNT)
    assert (entry.client_order_id, entry.symbol, entry.quantity, entry.kind) == (TAG, "NQZ6", Decimal(2), "Market")
    assert (stop.client_order_id, stop.symbol, stop.quantity, stop.kind) == (f"{TAG}S", "NQZ6", Decimal(4), "Stop")


def test_a_stop_that_was_made_smaller_keeps_its_tag(stand: TradovateStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.venue.place_exit(stand.exit(1, remaining=Decimal(2)))
    [stop] = stand.venue.working_orders(ACCOUNT)
    assert (stop.client_order_id, stop.quantity) == (f"{TAG}S", Decimal(2))


def test_the_orders_of_one_id_come_oldest_first() -> None:
    made = [{"orderId": number, "commandType": "New", "clOrdId": TAG} for number in (8, 1, 8, 16)]
    assert made_by([*made, {"orderId": 3, "commandType": "New", "clOrdId": NEXT_TAG}], TAG) == [1, 8, 16]


def test_a_version_that_was_refused_never_held(stand: TradovateStand) -> None:
    stand.venue.place_entry(stand.entry())
    stop = stand.book.working("APEX123")[0]
    refused = stand.broker.command(stop.id, "Modify", isAutomated=True)
    refused["commandStatus"] = "ExecutionRejected"
    stand.broker.versions.append({"id": refused["id"], "orderId": stop.id, "orderQty": 1, "orderType": "Stop"})
    assert [order.quantity for order in stand.venue.working_orders(ACCOUNT)] == [3]


def test_a_position_has_its_contracts_name_and_price(stand: TradovateStand) -> None:
    stand.venue.place_entry(stand.entry(side=stand.exit(1).side))
    [held] = stand.venue.positions(ACCOUNT)
    assert (held.symbol, held.quantity, held.average_price) == ("NQZ6", Decimal(-3), Decimal(16500))


def test_of_two_entities_of_one_contract_the_latest_is_true(stand: TradovateStand) -> None:
    rows = [
        {"accountId": 70001, "contractId": 3001, "timestamp": "2026-01-02T10:00:00Z", "netPos": 2, "netPrice": 1},
        {"accountId": 70001, "contractId": 3001, "timestamp": "2026-01-01T10:00:00Z", "netPos": 5, "netPrice": 1},
        {"accountId": 70002, "contractId": 3001, "timestamp": "2026-01-03T10:00:00Z", "netPos": 7, "netPrice": 1},
    ]
    stand.venue.positions(ACCOUNT)
    stand.broker.answers["position/list"] = (200, rows)
    assert [held.quantity for held in stand.venue.positions(ACCOUNT)] == [2]


def test_contracts_are_asked_for_once(stand: TradovateStand) -> None:
    stand.venue.place_entry(stand.entry())
    for _ in range(3):
        stand.venue.positions(ACCOUNT)
    assert len(stand.broker.calls_to("/contract/item")) == 1


def test_the_accounts_figures_are_told_under_our_names(stand: TradovateStand) -> None:
    assert stand.venue.account_status(ACCOUNT) == {
        "equity": Decimal("50125.5"),
        "balance": 50000,
        "unrealized_pl": Decimal("125.5"),
        "realized_pl": Decimal("-40.25"),
    }


def test_figures_that_are_refused_are_unclear(stand: TradovateStand) -> None:
    stand.venue.positions(ACCOUNT)
    stand.broker.answers["cashbalance/getcashbalancesnapshot"] = (200, {"errorText": "Access is denied"})
    with pytest.raises(Unclear, match="Access is denied"):
        stand.venue.account_status(ACCOUNT)


def test_a_cancel_that_is_refused_while_the_order_works_says_why(stand: TradovateStand) -> None:
    stand.venue.place_entry(stand.entry())
    stop = stand.book.working("APEX123")[0]
    stand.broker.answers["order/cancelorder"] = (200, {"failureReason": "TradingLocked", "failureText": "locked"})
    with pytest.raises(NotSent, match="TradingLocked: locked") as caught:
        stand.venue.cancel_order(ACCOUNT, str(stop.id))
    assert not caught.value.final
    stand.broker.answers["order/cancelorder"] = (408, None)
    with pytest.raises(Unclear, match="408"):
        stand.venue.cancel_order(ACCOUNT, str(stop.id))
    with pytest.raises(NotSent, match="'x1'") as caught:
        stand.venue.cancel_order(ACCOUNT, "x1")
    assert caught.value.final


def test_flatten_closes_this_account_and_no_other(stand: TradovateStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.book.place("APEX999", "NQZ6", "BUY", Decimal(1))
    stand.book.place("APEX999", "NQZ6", "SELL", Decimal(1), kind="STOP", stop_price=Decimal(16000))
    done = stand.venue.flatten(ACCOUNT)
    assert done == [f"cancelled order {stand.book.tagged(TAG + 'S')[0].id} (Sell)", "closed the position of 3 NQZ6"]
    assert stand.book.position("APEX999", "NQZ6") == 1
    assert len(stand.book.working("APEX999")) == 1
    assert stand.sent("/order/liquidateposition") == [
        {"accountId": 70001, "contractId": 3001, "admin": False, "isAutomated": True}
    ]


@pytest.mark.parametrize(
    ("answer", "raised"),
    [((200, {"failureReason": "TradingLocked"}), NotSent), ((500, None), Unclear), ((408, None), Unclear)],
)
def test_flatten_goes_on_past_what_fails_and_tells_it(
    stand: TradovateStand, answer: tuple[int, Any], raised: type[NotSent | Unclear]
) -> None:
    stand.venue.place_entry(stand.entry())
    stand.broker.answers["order/cancelorder"] = answer
    with pytest.raises(raised, match="closed the position of 3 NQZ6; not done: "):
        stand.venue.flatten(ACCOUNT)
    assert stand.position() == 0


def test_a_position_that_cannot_be_closed_is_told(stand: TradovateStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.broker.answers["order/liquidateposition"] = (200, {"failureReason": "LiquidationOnly"})
    with pytest.raises(NotSent, match="the position of 3 NQZ6 cannot be closed: LiquidationOnly"):
        stand.venue.flatten(ACCOUNT)
