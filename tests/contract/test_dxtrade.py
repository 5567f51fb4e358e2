"""DXtrade over its REST interface: what every venue promises, and what is special to it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.platforms.dxtrade import DXtrade
from connectors.platforms.dxtrade_session import Limits
from connectors.tickets import VenueLogin
from connectors.venue import LiveVenue, NotSent, Unclear
from domain.account import AccountKey
from domain.contract import Contract
from domain.order_state import OrderState, Side
from tests.brokers.book import OrderBook
from tests.brokers.dxtrade import PASSWORD, USER, DXtradeBroker
from tests.brokers.server import Call, Fault
from tests.contract.venue_conformance import DONE, EXIT_TAG, NEXT_TAG, TAG, Stand, VenueConformance

ACCOUNT = AccountKey("FTMO", 1)
CONTRACT = Contract(root="NQ", symbol="US100.cash", tick_size=Decimal("0.01"))
LOOSE = Limits(login="1000 per 1 second", data="1000 per 1 second", trading="1000 per 1 second")


def login(broker: DXtradeBroker, **changes: Any) -> VenueLogin:
    values: dict[str, Any] = {"url": broker.base, "user": USER, "password": PASSWORD}
    return VenueLogin(firm_code="FTMO", platform="dxtrade", **{**values, **changes})


def venue_at(broker: DXtradeBroker, *, limits: Limits | None = LOOSE, **changes: Any) -> DXtrade:
    return DXtrade(login(broker, **changes), {ACCOUNT: "default:ACC1"}, limits=limits)


@pytest.fixture
def broker() -> Iterator[DXtradeBroker]:
    with DXtradeBroker(OrderBook("ACC1")) as running:
        yield running


@pytest.fixture
def venue(broker: DXtradeBroker) -> Iterator[DXtrade]:
    made = venue_at(broker)
    yield made
    made.close()


@pytest.fixture
def stand(broker: DXtradeBroker, venue: DXtrade) -> Stand:
    def make() -> LiveVenue:
        return venue_at(broker, timeout=0.4)

    return Stand(
        venue=venue,
        broker=broker,
        account=ACCOUNT,
        account_name="ACC1",
        contract=CONTRACT,
        held="US100.cash",
        order_path="/orders",
        make=make,
    )


def posted(broker: DXtradeBroker) -> list[Call]:
    return [call for call in broker.calls_to("/orders") if call.method == "POST"]


class TestDXtrade(VenueConformance):
    """The promises of every venue."""


class TestOrders:
    def test_an_entry_with_a_stop_is_one_group_and_the_stop_has_no_size_of_its_own(
        self, broker: DXtradeBroker, stand: Stand
    ) -> None:
        stand.venue.place_entry(stand.entry(side=Side.SELL))
        (call,) = posted(broker)
        common = {"instrument": "US100.cash", "tif": "GTC"}
        entry = {"orderCode": TAG, "type": "MARKET", "quantity": 3, "positionEffect": "OPEN", "side": "SELL"}
        stop = {"orderCode": TAG + "S", "type": "STOP", "positionEffect": "CLOSE", "side": "BUY", "stopPrice": 16525}
        assert call.path == "/dxsca-web/accounts/default%3AACC1/orders"
        assert call.body == {"orders": [entry | common, stop | common], "contingencyType": "IF-THEN"}

    def test_an_entry_without_a_stop_is_one_order(self, broker: DXtradeBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry(stop_price=None))
        (call,) = posted(broker)
        assert "orders" not in call.body
        assert stand.position() == 3

    def test_quantities_are_units(self, broker: DXtradeBroker, stand: Stand) -> None:
        contract = Contract(root="EURUSD", symbol="EUR/USD", lots=Decimal(100000))
        stand.venue.place_entry(stand.entry(contract=contract, quantity=2, stop_price=None))
        assert posted(broker)[0].body["quantity"] == 200000
        assert stand.find().filled == 2
        assert stand.venue.positions(ACCOUNT)[0].quantity == 200000

        stand.venue.place_exit(stand.exit(1, contract=contract))
        assert stand.book.position("ACC1", "EUR/USD") == 100000
        assert stand.find(EXIT_TAG).filled == 1

    def test_another_process_knows_the_units_by_symbol(self, broker: DXtradeBroker, stand: Stand) -> None:
        contract = Contract(root="EURUSD", symbol="EUR/USD", lots=Decimal(100000))
        stand.venue.place_entry(stand.entry(contract=contract, quantity=2, stop_price=None))
        other = DXtrade(login(broker), {ACCOUNT: "ACC1"}, limits=LOOSE, lots={"EUR/USD": Decimal(100000)})
        found = other.find_order(ACCOUNT, TAG, sent_at=datetime.now(UTC))
        assert found is not None
        assert found.filled == 2
        other.close()

    @pytest.mark.parametrize("code", ["ACC1", "default:ACC1"])
    @pytest.mark.parametrize("domain", [None, "default", "firm"])
    def test_an_account_code_without_a_clearing_is_the_default_ones(
        self, broker: DXtradeBroker, code: str, domain: str | None
    ) -> None:
        broker.domain = domain or "default"
        venue = DXtrade(login(broker, domain=domain), {ACCOUNT: code}, limits=LOOSE)
        assert venue.positions(ACCOUNT) == []
        venue.close()

    def test_an_account_without_a_code_sends_nothing(self, broker: DXtradeBroker, stand: Stand) -> None:
        with pytest.raises(NotSent, match="FTMO/2") as caught:
            stand.venue.place_entry(stand.entry(account=AccountKey("FTMO", 2)))
        assert caught.value.final
        assert broker.calls == []

    def test_a_group_is_refused_where_accounts_have_no_positions_of_their_own(
        self, broker: DXtradeBroker, stand: Stand
    ) -> None:
        broker.position_based = False
        report = stand.venue.place_entry(stand.entry())
        assert (report.state, report.message) == (OrderState.REJECTED, "Incorrect request <0> (error 33)")
        assert stand.book.orders == []

    @pytest.mark.parametrize(
        "answer", [(200, {}), (204, None), (200, {"orderResponses": []}), (302, None), (408, None)]
    )
    def test_an_answer_that_is_neither_yes_nor_no_is_unclear(
        self, broker: DXtradeBroker, stand: Stand, answer: Any
    ) -> None:
        broker.answers["POST"] = [answer]
        with pytest.raises(Unclear):
            stand.venue.place_entry(stand.entry())
        assert len(posted(broker)) == 1

    def test_a_missing_word_on_the_stop_is_told(self, broker: DXtradeBroker, stand: Stand) -> None:
        broker.acknowledges_stops = False
        report = stand.venue.place_entry(stand.entry())
        assert report.state is OrderState.ACCEPTED
        assert "1 of 2 orders" in (report.message or "")

    def test_an_order_that_is_refused_after_it_was_taken_is_found_as_refused(
        self, broker: DXtradeBroker, stand: Stand
    ) -> None:
        broker.late_refusals = True
        stand.book.reject = "insufficient margin"
        assert stand.venue.place_entry(stand.entry(stop_price=None)).state is OrderState.ACCEPTED
        found = stand.find()
        assert (found.state, found.message, found.filled) == (OrderState.REJECTED, "insufficient margin", 0)

    def test_a_request_that_something_on_the_way_repeats_is_no_refusal(
        self, broker: DXtradeBroker, stand: Stand
    ) -> None:
        stand.book.unique_tags = True
        broker.misbehave(Fault.TWICE, "/orders")
        report = stand.venue.place_entry(stand.entry())
        assert (report.state, report.filled) == (OrderState.FILLED, Decimal(3))
        assert stand.market_orders() == 1

    def test_a_code_that_is_taken_but_not_found_is_unclear(self, broker: DXtradeBroker, stand: Stand) -> None:
        stand.book.unique_tags = True
        stand.venue.place_entry(stand.entry())
        broker.history_lags = True
        with pytest.raises(Unclear, match="already exists"):
            stand.venue.place_entry(stand.entry())

    def test_two_orders_under_one_code_are_for_a_person(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        stand.venue.place_entry(stand.entry())
        with pytest.raises(Unclear, match="several orders"):
            stand.find()


class TestLookups:
    def test_an_order_is_found_in_the_history_by_its_code(self, broker: DXtradeBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        stand.find()
        (call,) = broker.calls_to("/orders/history")
        assert call.query["with-client-id"] == TAG

    def test_a_history_without_client_ids_is_searched_by_the_systems_codes(
        self, broker: DXtradeBroker, stand: Stand
    ) -> None:
        broker.names_client_ids = False
        sent = stand.venue.place_entry(stand.entry())
        assert stand.find().order_id == sent.order_id

    def test_a_history_that_filters_nothing_is_searched(self, broker: DXtradeBroker, stand: Stand) -> None:
        broker.filters_history = False
        stand.venue.place_entry(stand.entry())
        assert stand.find().filled == 3
        assert stand.find(NEXT_TAG) is None

    def test_what_the_history_does_not_have_yet_is_found_among_working_orders(
        self, broker: DXtradeBroker, stand: Stand
    ) -> None:
        broker.history_lags = True
        stand.book.fill_share = Decimal("0.5")
        stand.venue.place_entry(stand.entry(quantity=4))
        assert (stand.find().state, stand.find().filled) == (OrderState.PARTIALLY_FILLED, 2)


class TestExits:
    def enter(self, stand: Stand, *tags: str, quantity: int = 3, **changes: Any) -> None:
        for tag in tags:
            stand.venue.place_entry(stand.entry(tag, quantity, **changes))

    def open_of(self, broker: DXtradeBroker, tag: str) -> Decimal:
        (entry,) = broker.book.tagged(tag)
        return broker.held(entry.id)

    def test_a_closing_order_names_its_position_and_the_stop_goes_by_itself(
        self, broker: DXtradeBroker, stand: Stand
    ) -> None:
        self.enter(stand, TAG)
        stand.venue.place_exit(stand.exit(3))
        (entry,) = broker.book.tagged(TAG)
        body = posted(broker)[1].body
        assert (body["positionEffect"], body["positionCode"], body["quantity"]) == ("CLOSE", str(entry.id), 3)
        assert [call.method for call in broker.calls_to("/orders") if call.method == "DELETE"] == []
        assert stand.venue.working_orders(ACCOUNT) == []

    def test_an_exit_closes_its_own_trade_and_no_other(self, broker: DXtradeBroker, stand: Stand) -> None:
        self.enter(stand, NEXT_TAG, TAG)
        stand.venue.place_exit(stand.exit(3))
        assert self.open_of(broker, TAG) == 0
        assert self.open_of(broker, NEXT_TAG) == 3
        assert [order.tag for order in broker.book.working("ACC1")] == [NEXT_TAG + "S"]

    def test_an_exit_larger_than_its_trade_does_not_touch_another(self, broker: DXtradeBroker, stand: Stand) -> None:
        self.enter(stand, NEXT_TAG, TAG)
        stand.venue.place_exit(stand.exit(5))
        assert self.open_of(broker, TAG) == 0
        assert self.open_of(broker, NEXT_TAG) == 3

    def test_a_trade_that_its_stop_has_closed_is_not_closed_at_anothers_cost(
        self, broker: DXtradeBroker, stand: Stand
    ) -> None:
        self.enter(stand, NEXT_TAG, TAG)
        broker.fill_stop(TAG + "S")
        report = stand.venue.place_exit(stand.exit(3))
        assert (report.state, report.filled) == (OrderState.CANCELLED, Decimal(0))
        assert self.open_of(broker, NEXT_TAG) == 3

    @pytest.mark.parametrize(
        "cause", ["the entry had no stop", "the history has no stops", "the lookup fails", "the stop names no position"]
    )
    def test_an_exit_gets_through_where_the_trades_position_is_not_known(
        self, broker: DXtradeBroker, stand: Stand, cause: str
    ) -> None:
        self.enter(stand, TAG, stop_price=None if cause == "the entry had no stop" else Decimal(16475))
        broker.hides_stops = cause == "the history has no stops"
        broker.names_positions = cause != "the stop names no position"
        if cause == "the lookup fails":
            broker.misbehave(Fault.SERVER_ERROR, "/history")
        assert stand.venue.place_exit(stand.exit(3)).state in DONE
        assert stand.position() == 0

    def test_what_is_known_to_be_the_trades_goes_first(self, broker: DXtradeBroker, stand: Stand) -> None:
        other = "pr0123456789abcdefgo"
        self.enter(stand, other, NEXT_TAG, stop_price=None)
        self.enter(stand, TAG)
        stand.venue.place_exit(stand.exit(4, entries=(TAG, NEXT_TAG)))
        assert self.open_of(broker, TAG) == 0
        assert self.open_of(broker, other) + self.open_of(broker, NEXT_TAG) == 5

    def test_an_exit_of_several_positions_is_several_orders_told_as_one(
        self, broker: DXtradeBroker, stand: Stand
    ) -> None:
        self.enter(stand, TAG, NEXT_TAG)
        report = stand.venue.place_exit(stand.exit(5, entries=(TAG, NEXT_TAG)))
        assert report.state in DONE
        assert stand.position() == 1
        assert [call.body["orderCode"] for call in posted(broker)[2:]] == [EXIT_TAG, EXIT_TAG + "P2"]

        found = stand.find(EXIT_TAG)
        assert (found.state, found.filled, found.order_id) == (OrderState.FILLED, 5, report.order_id)
        assert found.average_price == 16500

    def test_a_part_that_is_not_sent_is_said(self, broker: DXtradeBroker, stand: Stand) -> None:
        self.enter(stand, TAG, NEXT_TAG, quantity=2)
        closed = (409, {"errorCode": 1020, "description": "market closed"})
        broker.answers["POST"] = [None, closed]
        report = stand.venue.place_exit(stand.exit(4, entries=(TAG, NEXT_TAG)))
        assert report.state is OrderState.ACCEPTED
        assert report.message == "2 units of US100.cash stay open: market closed (error 1020)"
        assert stand.find(EXIT_TAG).filled == 2

    def test_a_part_that_has_to_wait_is_said_too(self, broker: DXtradeBroker, stand: Stand) -> None:
        self.enter(stand, TAG, NEXT_TAG, quantity=2)
        broker.answers["POST"] = [None, (429, None)]
        report = stand.venue.place_exit(stand.exit(4, entries=(TAG, NEXT_TAG)))
        assert report.state is OrderState.ACCEPTED
        assert (report.message or "").startswith("2 units of US100.cash stay open: POST")

    def test_a_refused_first_part_ends_the_exit(self, broker: DXtradeBroker, stand: Stand) -> None:
        self.enter(stand, TAG, NEXT_TAG)
        stand.book.reject = "market closed"
        report = stand.venue.place_exit(stand.exit(6, entries=(TAG, NEXT_TAG)))
        assert report.state is OrderState.REJECTED
        assert len(posted(broker)) == 3

    def test_an_exit_of_no_known_entry_closes_what_is_there(self, stand: Stand) -> None:
        self.enter(stand, TAG)
        stand.venue.place_exit(stand.exit(3, entries=()))
        assert stand.position() == 0

    def test_another_contract_is_not_closed(self, stand: Stand) -> None:
        self.enter(stand, TAG, contract=Contract(root="ES", symbol="US500.cash"))
        assert stand.venue.place_exit(stand.exit(3)).state is OrderState.CANCELLED

    def test_a_position_of_nothing_is_none(self, broker: DXtradeBroker, stand: Stand) -> None:
        stand.venue.positions(ACCOUNT)
        row = {"positionCode": "1", "symbol": "US100.cash", "quantity": 0, "side": "BUY"}
        broker.answers["GET"] = [(200, {"positions": [row]})]
        assert stand.venue.place_exit(stand.exit(3)).state is OrderState.CANCELLED
        assert broker.calls_to("/orders") == []

    def test_accounts_without_position_codes_are_closed_without_one(self, broker: DXtradeBroker, stand: Stand) -> None:
        broker.position_based = False
        self.enter(stand, TAG, stop_price=None)
        stand.venue.place_exit(stand.exit(3))
        assert "positionCode" not in posted(broker)[1].body
        assert stand.position() == 0

    @pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.TAKEN_GARBAGE])
    def test_an_exit_whose_positions_are_not_known_was_not_sent_and_may_be_tried_again(
        self, broker: DXtradeBroker, stand: Stand, fault: Fault
    ) -> None:
        self.enter(stand, TAG)
        broker.misbehave(fault, "/positions")
        with pytest.raises(NotSent) as caught:
            stand.venue.place_exit(stand.exit(3))
        assert not caught.value.final
        stand.venue.place_exit(stand.exit(3))
        assert stand.position() == 0

    def test_hedged_positions_are_told_as_their_difference_and_left_by_their_own_side(
        self, broker: DXtradeBroker, stand: Stand
    ) -> None:
        self.enter(stand, TAG)
        self.enter(stand, NEXT_TAG, quantity=1, side=Side.SELL)
        (held,) = stand.venue.positions(ACCOUNT)
        assert (held.quantity, held.average_price) == (Decimal(2), Decimal(16500))
        stand.venue.place_exit(stand.exit(1, entries=(NEXT_TAG,), side=Side.BUY))
        assert self.open_of(broker, TAG) == 3
        assert self.open_of(broker, NEXT_TAG) == 0


class TestWorkingOrders:
    @pytest.mark.parametrize("assigned", [False, True])
    def test_a_stop_has_the_size_of_its_position(self, broker: DXtradeBroker, stand: Stand, assigned: bool) -> None:
        broker.assigns_quantity = assigned
        stand.venue.place_entry(stand.entry())
        stand.venue.place_exit(stand.exit(1, remaining=Decimal(2)))
        (stop,) = stand.venue.working_orders(ACCOUNT)
        assert stop.quantity == 2
        assert (stop.side, stop.kind, stop.client_order_id) == (Side.SELL, "STOP", TAG + "S")

    @pytest.mark.parametrize("name", ["order_id", "client_order_id"])
    def test_an_order_is_cancelled_by_either_id_under_the_version_of_the_list(
        self, broker: DXtradeBroker, stand: Stand, name: str
    ) -> None:
        stand.venue.place_entry(stand.entry())
        (stop,) = stand.venue.working_orders(ACCOUNT)
        stand.venue.cancel_order(ACCOUNT, getattr(stop, name))
        assert stand.book.working("ACC1") == []

    def test_a_list_that_has_changed_meanwhile_is_read_again(self, broker: DXtradeBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        broker.stale = 2
        stand.venue.cancel_order(ACCOUNT, TAG + "S")
        assert stand.book.working("ACC1") == []

    def test_a_list_without_a_version_is_changed_whatever_its_version(
        self, broker: DXtradeBroker, stand: Stand
    ) -> None:
        broker.tells_versions = False
        stand.venue.place_entry(stand.entry())
        stand.venue.cancel_order(ACCOUNT, TAG + "S")
        assert stand.book.working("ACC1") == []

    @pytest.mark.parametrize(("status", "calls"), [(404, 1), (409, 3)])
    def test_an_order_that_ended_meanwhile_is_no_error_one_that_still_waits_is(
        self, broker: DXtradeBroker, stand: Stand, status: int, calls: int
    ) -> None:
        stand.venue.place_entry(stand.entry())
        broker.answers["DELETE"] = [(status, {"errorCode": 1, "description": "no"})] * 3
        if status == 404:
            stand.venue.cancel_order(ACCOUNT, TAG + "S")
        else:
            with pytest.raises(NotSent, match="no"):
                stand.venue.cancel_order(ACCOUNT, TAG + "S")
        assert len([call for call in broker.calls if call.method == "DELETE"]) == calls

    def test_each_stop_has_the_size_of_its_own_position(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        stand.venue.place_entry(stand.entry(NEXT_TAG, quantity=1))
        assert [order.quantity for order in stand.venue.working_orders(ACCOUNT)] == [3, 1]

    def test_what_is_over_does_not_wait(self, broker: DXtradeBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        (order,) = broker.book.working("ACC1")
        broker.answers["GET"] = [(200, {"orders": [broker._row(order), broker._row(order) | {"status": "CANCELED"}]})]
        assert len(stand.venue.working_orders(ACCOUNT)) == 1

    def test_an_order_that_will_not_be_cancelled_is_told(self, broker: DXtradeBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        broker.stale = 100
        with pytest.raises(NotSent, match="Precondition failed"):
            stand.venue.cancel_order(ACCOUNT, TAG + "S")


class TestFlatten:
    def test_stops_of_what_could_not_be_closed_stay(self, broker: DXtradeBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        stand.book.reject = "market closed"
        with pytest.raises(NotSent, match="market closed"):
            stand.venue.flatten(ACCOUNT)
        assert [order.kind for order in stand.book.working("ACC1")] == ["STOP"]

    @pytest.mark.parametrize("path", ["/positions", "/orders"])
    def test_a_failing_call_stops_nothing_else_and_takes_no_protection(
        self, broker: DXtradeBroker, stand: Stand, path: str
    ) -> None:
        stand.venue.place_entry(stand.entry())
        broker.misbehave(Fault.SERVER_ERROR, path)
        with pytest.raises(Unclear):
            stand.venue.flatten(ACCOUNT)
        assert stand.position() == (3 if path == "/positions" else 0)
        assert len(stand.book.working("ACC1")) == (1 if path == "/positions" else 0)
        stand.venue.flatten(ACCOUNT)
        assert stand.position() == 0

    def test_every_position_is_closed_under_a_code_of_its_own(self, broker: DXtradeBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        stand.venue.place_entry(stand.entry(NEXT_TAG, side=Side.SELL, quantity=1))
        sentences = stand.venue.flatten(ACCOUNT)
        codes = {call.body["orderCode"] for call in posted(broker)[2:]}
        assert len(codes) == 2
        assert [sentence.split(" with ")[0] for sentence in sentences] == ["closed 3 US100.cash", "closed 1 US100.cash"]
        assert stand.venue.positions(ACCOUNT) == []


class TestSession:
    def test_many_threads_log_in_once(self, broker: DXtradeBroker, stand: Stand) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: stand.venue.positions(ACCOUNT), range(16)))
        assert broker.logins == 1

    def test_a_token_that_is_refused_is_renewed_once_and_the_order_sent_once(
        self, broker: DXtradeBroker, stand: Stand
    ) -> None:
        stand.venue.positions(ACCOUNT)
        broker.forget_sessions()
        assert stand.venue.place_entry(stand.entry()).state in DONE
        assert (broker.logins, stand.market_orders()) == (2, 1)

    def test_a_new_token_that_is_refused_too_is_final(self, broker: DXtradeBroker, stand: Stand) -> None:
        broker.tokens = _Forgetful()
        with pytest.raises(NotSent, match="401 after a new login") as caught:
            stand.venue.place_entry(stand.entry())
        assert caught.value.final
        assert (broker.logins, len(posted(broker))) == (2, 2)

    def test_a_token_is_renewed_before_its_time_is_over(self, broker: DXtradeBroker, stand: Stand) -> None:
        broker.timeout = "00:00:00.2"
        stand.venue.positions(ACCOUNT)
        time.sleep(0.19)
        stand.venue.positions(ACCOUNT)
        assert broker.logins == 2
        assert len(broker.calls_to("/positions")) == 2

    def test_a_token_lives_from_its_last_use(self, broker: DXtradeBroker, stand: Stand) -> None:
        broker.timeout = "00:00:00.4"
        for _ in range(3):
            stand.venue.positions(ACCOUNT)
            time.sleep(0.19)
        assert broker.logins == 1

    def test_a_refusal_of_the_old_token_leaves_the_new_one(self, broker: DXtradeBroker, venue: DXtrade) -> None:
        venue.positions(ACCOUNT)
        venue._session._forget("a token from before")
        venue.positions(ACCOUNT)
        assert broker.logins == 1

    def test_a_question_that_is_refused_has_no_answer(self, broker: DXtradeBroker) -> None:
        venue = DXtrade(login(broker), {ACCOUNT: "elsewhere"}, limits=LOOSE)
        with pytest.raises(Unclear, match="Entity not found"):
            venue.positions(ACCOUNT)
        venue.close()

    @pytest.mark.parametrize(
        ("changes", "complaint"),
        [({"password": "wrong-pass"}, "Incorrect username"), ({"domain": "other"}, "Incorrect username")],
    )
    def test_a_refused_login_is_final_and_keeps_the_password_to_itself(
        self, broker: DXtradeBroker, stand: Stand, changes: dict[str, Any], complaint: str
    ) -> None:
        venue = venue_at(broker, **changes)
        with pytest.raises(NotSent, match=complaint) as caught:
            venue.place_entry(stand.entry())
        assert caught.value.final
        assert str(changes.get("password", PASSWORD)) not in str(caught.value)
        assert broker.logins == 1
        venue.close()

    def test_an_interface_that_is_not_open_says_so(self, broker: DXtradeBroker, stand: Stand) -> None:
        broker.closed = True
        with pytest.raises(NotSent, match="API access is not permitted"):
            stand.venue.place_entry(stand.entry())

    @pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.TAKEN_GARBAGE, Fault.RESET, Fault.RATE_LIMIT])
    def test_a_login_that_fails_for_now_sent_no_order_and_is_tried_again(
        self, broker: DXtradeBroker, stand: Stand, fault: Fault
    ) -> None:
        broker.misbehave(fault, "/login", seconds=0.1)
        with pytest.raises(NotSent) as caught:
            stand.venue.place_entry(stand.entry())
        assert not caught.value.final
        assert posted(broker) == []
        assert stand.venue.place_entry(stand.entry()).state in DONE

    def test_a_login_that_hangs_is_waited_for_once_by_all(self, broker: DXtradeBroker, stand: Stand) -> None:
        venue = venue_at(broker, timeout=0.4)
        broker.misbehave(Fault.HANG, "/login", times=8, seconds=2.0)

        def ask(_: int) -> None:
            with suppress(NotSent):
                venue.positions(ACCOUNT)

        began = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(ask, range(8)))
        assert time.monotonic() - began < 0.75
        assert broker.logins == 0
        venue.close()

    @pytest.mark.parametrize("missing", ["user", "password"])
    def test_a_login_without_user_or_password_is_refused_at_once(self, broker: DXtradeBroker, missing: str) -> None:
        with pytest.raises(ValueError, match="needs a user and a password"):
            venue_at(broker, **{missing: None})

    def test_the_documented_limits_are_kept(self, broker: DXtradeBroker, stand: Stand) -> None:
        venue = venue_at(broker, limits=None)
        venue.account_status(ACCOUNT)
        with ThreadPoolExecutor(2) as pool:
            entries = pool.submit(lambda: [venue.place_entry(stand.entry(tag)) for tag in (TAG, NEXT_TAG)])
            questions = pool.submit(lambda: [venue.positions(ACCOUNT) for _ in range(3)])
        assert len(entries.result()) + len(questions.result()) == 5
        sent = [call.at for call in posted(broker)]
        asked = [call.at for call in broker.calls_to("/metrics") + broker.calls_to("/positions")]
        assert sent[1] - sent[0] >= 0.95
        assert asked[1] - asked[0] < 0.95
        assert all(third - first >= 0.95 for first, third in zip(asked, asked[2:], strict=False))
        venue.close()


class _Forgetful(set[str]):
    """Tokens that no broker knows a moment later."""

    def add(self, token: str) -> None:
        pass


class TestFigures:
    def test_equity_balance_and_open_profit_are_told(self, broker: DXtradeBroker, venue: DXtrade) -> None:
        broker.book.balance["ACC1"] = Decimal("49321.5")
        assert venue.account_status(ACCOUNT) == {
            "equity": Decimal("49321.5"),
            "balance": Decimal("49321.5"),
            "unrealized_pl": 0,
        }

    def test_figures_of_another_account_are_not_taken(
        self, broker: DXtradeBroker, venue: DXtrade, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        others = [{"account": f"default:{name}", "equity": 1, "balance": 1} for name in ("ACC2", "ACC3")]
        monkeypatch.setattr(broker, "_of_account", lambda *_: (200, {"metrics": others}))
        assert venue.account_status(ACCOUNT) is None
