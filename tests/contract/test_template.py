"""Venues by template: the documented example does what every venue promises; what a template may and may not say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.platforms.template import TemplateVenue
from connectors.tickets import VenueLogin
from connectors.venue import LiveVenue, NotSent, Unclear
from domain.account import AccountKey
from domain.contract import Contract
from domain.order_state import OrderState, Side
from tests.brokers.book import OrderBook
from tests.brokers.plain import KEY, TOKEN, PlainBroker
from tests.brokers.server import Call, Fault
from tests.contract.venue_conformance import DONE, EXIT_TAG, NEXT_TAG, TAG, Stand, VenueConformance
from tests.templates import SECRET, Change, drop, put, template

ACCOUNT, OTHER = AccountKey("LEELOO", 1), AccountKey("LEELOO", 2)
CONTRACT = Contract(root="NQ", symbol="NQZ6", tick_size=Decimal("0.25"))


def login(broker: PlainBroker, **changes: Any) -> VenueLogin:
    values: dict[str, Any] = {"url": broker.url, "key": KEY, "token": TOKEN, "user": "me", "secret": SECRET}
    return VenueLogin(firm_code="LEELOO", platform="template", **{**values, **changes})


@pytest.fixture
def broker() -> Iterator[PlainBroker]:
    with PlainBroker(OrderBook("ACC1", unique_tags=True)) as running:
        yield running


class Shop:
    """Makes venues at one broker and closes them."""

    def __init__(self, broker: PlainBroker) -> None:
        self.broker = broker
        self.made: list[TemplateVenue] = []

    def __call__(
        self, *changes: Change, accounts: dict[AccountKey, str] | None = None, lots: Any = None, **login_changes: Any
    ) -> TemplateVenue:
        venue = TemplateVenue(
            login(self.broker, **login_changes), accounts or {ACCOUNT: "ACC1"}, template(*changes), lots=lots
        )
        self.made.append(venue)
        return venue


@pytest.fixture
def shop(broker: PlainBroker) -> Iterator[Shop]:
    made = Shop(broker)
    yield made
    for venue in made.made:
        venue.close()


@pytest.fixture
def stand(shop: Shop, broker: PlainBroker) -> Stand:
    def make() -> LiveVenue:
        return shop(timeout=0.4)

    return Stand(
        venue=shop(),
        broker=broker,
        account=ACCOUNT,
        account_name="ACC1",
        contract=CONTRACT,
        held="NQZ6",
        order_path="/orders",
        make=make,
    )


def sent(broker: PlainBroker, method: str = "POST") -> list[Call]:
    return [call for call in broker.calls if call.method == method]


class TestTemplate(VenueConformance):
    """The promises of every venue, kept by the documented example."""


class TestAttachedStops:
    """A venue whose stops belong to the position, and which tells less of itself."""

    @pytest.fixture
    def broker(self) -> Iterator[PlainBroker]:
        with PlainBroker(OrderBook("ACC1")) as running:
            running.attached = True
            yield running

    @pytest.fixture
    def stand(self, stand: Stand, shop: Shop) -> Stand:
        less = drop("protection", "shrink", "exit.answer.state", "exit.duplicate", "entry.duplicate")
        answer = put("entry.answer", {"order_id": "order.id", "message": "error.text"})
        declared = put("capabilities", {"client_tag": True, "lookup_by_tag": True, "brackets": True})
        stand.venue = shop(less, answer, declared)
        return stand

    def test_stops_follow_the_position_by_themselves(self, broker: PlainBroker, stand: Stand) -> None:
        assert stand.venue.place_entry(stand.entry()).state is OrderState.ACCEPTED
        report = stand.venue.place_exit(stand.exit(1, remaining=Decimal(2)))
        assert (report.state, report.filled) == (OrderState.FILLED, Decimal(1))
        assert [order.quantity for order in stand.book.working("ACC1")] == [2]
        stand.venue.place_exit(stand.exit(2, NEXT_TAG))
        assert stand.book.working("ACC1") == []
        assert {call.method for call in broker.calls} == {"POST", "GET"}

    def test_a_partly_filled_exit_is_told_as_one(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry(quantity=4))
        stand.book.fill_share = Decimal("0.5")
        report = stand.venue.place_exit(stand.exit(4))
        assert (report.state, report.filled) == (OrderState.PARTIALLY_FILLED, Decimal(2))


class TestLogins:
    @pytest.mark.parametrize(
        ("changes", "accounts", "problem"),
        [
            ({"token": None}, {ACCOUNT: "ACC1"}, "uses {token}, the login has none"),
            ({"key": None}, {ACCOUNT: "ACC1"}, "uses {key}, the login has none"),
            ({}, {ACCOUNT: ".."}, "'..' cannot be the account"),
            ({}, {ACCOUNT: ""}, "'' cannot be the account"),
        ],
    )
    def test_a_login_that_does_not_fit_is_refused(
        self, shop: Shop, changes: dict[str, Any], accounts: dict[AccountKey, str], problem: str
    ) -> None:
        with pytest.raises(ValueError, match=re.escape(problem)):
            shop(accounts=accounts, **changes)

    def test_several_accounts_have_to_be_told_apart_by_every_call(self, shop: Shop) -> None:
        one_for_all = put("positions.path", "/v1/positions")
        with pytest.raises(ValueError, match=r"positions does not say \{account\}"):
            shop(one_for_all, accounts={ACCOUNT: "ACC1", OTHER: "ACC2"})
        shop(one_for_all, put("headers.X-Account", "{account}"), accounts={ACCOUNT: "ACC1", OTHER: "ACC2"})
        shop(one_for_all)


class TestSent:
    def test_an_entry_is_sent_as_it_is_written(self, broker: PlainBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry(quantity=3))
        (call,) = sent(broker)
        assert call.path == "/v1/accounts/ACC1/orders"
        assert call.body == {
            "clientId": TAG,
            "symbol": "NQZ6",
            "side": "B",
            "qty": 3,
            "type": "market",
            "stop": {"clientId": TAG + "S", "price": 16475, "type": "stop"},
        }

    def test_without_a_stop_none_is_sent(self, broker: PlainBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry(stop_price=None))
        assert "stop" not in sent(broker)[0].body

    def test_numbers_as_text(self, broker: PlainBroker, stand: Stand, shop: Shop) -> None:
        shop(put("numbers", "text")).place_entry(stand.entry())
        body = sent(broker)[0].body
        assert (body["qty"], body["stop"]["price"]) == ("3", "16475")

    def test_queries_and_headers(self, broker: PlainBroker, stand: Stand, shop: Shop) -> None:
        query = {"flag": True, "n": 5, "q": "{quantity}", "at": "{entry_price}", "stop": "{stop_price}", "c": "a&b=c"}
        headers = put("entry.headers", {"X-Id": "id {client_order_id}", "X-Stop": "{stop_price}"})
        venue = shop(put("entry.query", query), headers)
        venue.place_entry(stand.entry(stop_price=None))
        (call,) = sent(broker)
        assert call.query == {"flag": "true", "n": "5", "q": "3", "at": "16500", "c": "a&b=c"}
        assert call.headers["x-id"] == f"id {TAG}"
        assert "x-stop" not in call.headers

    @pytest.mark.parametrize("symbol", ['N"Q', "{secret}", "a/b?c#d", "\\u0022", 'x","qty":99,"y":"', "Ω"])
    def test_a_symbol_is_only_ever_a_symbol(self, broker: PlainBroker, stand: Stand, shop: Shop, symbol: str) -> None:
        contract = Contract(root="NQ", symbol=symbol)
        venue = shop(put("entry.query", {"s": "{symbol}"}))
        venue.place_entry(stand.entry(contract=contract))
        (call,) = sent(broker)
        assert (call.body["symbol"], call.body["qty"], call.query) == (symbol, 3, {"s": symbol})
        assert [(p.symbol, p.quantity) for p in venue.positions(ACCOUNT)] == [(symbol, Decimal(3))]

    @pytest.mark.parametrize("account", ['A"C', "{token}", "../ACC1", "a/b", "a?b", "a#b", "50%", "Ω x"])
    def test_an_account_is_only_ever_an_account(self, shop: Shop, stand: Stand, account: str) -> None:
        with PlainBroker(OrderBook(account)) as other:
            shop.broker = other
            shop(accounts={ACCOUNT: account}).place_entry(stand.entry())
            assert [order.account for order in other.book.entries(account)] == [account]

    def test_a_header_takes_no_line_break_from_a_value(self, broker: PlainBroker, stand: Stand, shop: Shop) -> None:
        venue = shop(put("entry.headers", {"X-Symbol": "{symbol}"}))
        with pytest.raises(NotSent, match="X-Symbol") as caught:
            venue.place_entry(stand.entry(contract=Contract(root="NQ", symbol="a\r\nX-Evil: 1")))
        assert caught.value.final
        assert sent(broker) == []

    def test_an_order_id_that_makes_no_address_is_not_asked_for(self, broker: PlainBroker, stand: Stand) -> None:
        with pytest.raises(NotSent, match="makes no address"):
            stand.venue.cancel_order(ACCOUNT, "..")
        assert sent(broker, "DELETE") == []

    def test_an_account_that_is_not_known_sends_nothing(self, broker: PlainBroker, stand: Stand) -> None:
        with pytest.raises(NotSent, match="LEELOO/2 has no account at plain") as caught:
            stand.venue.place_entry(stand.entry(account=OTHER))
        assert caught.value.final
        assert broker.calls == []

    def test_a_rate_limit_is_kept(self, broker: PlainBroker, shop: Shop) -> None:
        venue = shop(put("rate_limit", "2 per 1 second"))
        for _ in range(3):
            venue.positions(ACCOUNT)
        assert broker.calls[2].at - broker.calls[0].at >= 0.95


def order(**changes: Any) -> dict[str, Any]:
    return {"id": 7, "status": "NEW", "filled": 0, "price": 0, "clientId": TAG, "symbol": "NQZ6", **changes}


class TestAnswers:
    @pytest.mark.parametrize(
        ("answer", "state", "filled_of_3"),
        [
            ((200, {"ok": True, "order": order()}), OrderState.ACCEPTED, 0),
            ((201, {"ok": True, "order": order(filled=1)}), OrderState.PARTIALLY_FILLED, 1),
            ((200, {"ok": True, "order": order(filled=3)}), OrderState.FILLED, 3),
            ((200, {"ok": True, "order": order(status="DONE", filled=-3)}), OrderState.FILLED, 3),
            ((200, {"ok": True, "order": {"id": 7, "status": "DONE"}}), OrderState.FILLED, 3),
            ((200, {"ok": True, "order": order(status="CANCELLED", filled=2)}), OrderState.CANCELLED, 2),
            ((200, {"ok": True, "order": {"status": "REFUSED"}}), OrderState.REJECTED, 0),
            ((200, {"ok": False, "error": {"text": "no"}}), OrderState.REJECTED, 0),
            ((400, {"error": {"text": "no"}}), OrderState.REJECTED, 0),
            ((422, None), OrderState.REJECTED, 0),
        ],
    )
    def test_clear_answers(
        self, broker: PlainBroker, stand: Stand, answer: Any, state: OrderState, filled_of_3: int
    ) -> None:
        broker.answers["POST"] = [answer]
        report = stand.venue.place_entry(stand.entry())
        assert report.state is state
        assert report.filled == filled_of_3
        assert report.client_order_id == TAG
        assert report.average_price is None

    @pytest.mark.parametrize(
        "answer",
        [
            (200, None),
            (200, {}),
            (200, {"ok": True}),
            (200, {"order": order()}),
            (200, {"ok": True, "order": {"id": 7}}),
            (200, {"ok": True, "order": order(status="HELD")}),
            (200, {"ok": True, "order": {"status": "NEW"}}),
            (200, {"ok": True, "order": order(filled="many")}),
            (206, {"ok": True, "order": order()}),
            (206, {"ok": False}),
            (302, None),
            (408, {"error": {"text": "no"}}),
        ],
    )
    def test_an_answer_that_is_neither_yes_nor_no_is_unclear(
        self, broker: PlainBroker, stand: Stand, answer: Any
    ) -> None:
        broker.answers["POST"] = [answer]
        with pytest.raises(Unclear):
            stand.venue.place_entry(stand.entry())
        assert len(sent(broker)) == 1

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_refused_login_is_final(self, broker: PlainBroker, stand: Stand, status: int) -> None:
        broker.answers["POST"] = [(status, {"error": {"text": "who?"}})]
        with pytest.raises(NotSent, match="refuses the login") as caught:
            stand.venue.place_entry(stand.entry())
        assert caught.value.final

    def test_the_venues_reason_is_told(self, broker: PlainBroker, stand: Stand) -> None:
        broker.answers["POST"] = [(200, {"ok": False, "error": {"text": "market closed"}}), (400, {"why": "size"})]
        assert stand.venue.place_entry(stand.entry()).message == "market closed"
        assert stand.venue.place_entry(stand.entry()).message == "{'why': 'size'}"

    def test_a_request_that_something_on_the_way_repeats_is_no_refusal(self, broker: PlainBroker, stand: Stand) -> None:
        broker.misbehave(Fault.TWICE, "/orders")
        report = stand.venue.place_entry(stand.entry())
        assert (report.state, report.filled) == (OrderState.FILLED, Decimal(3))
        assert stand.market_orders() == 1

    @pytest.mark.parametrize("found", [(200, {"orders": []}), (401, None)])
    def test_an_id_that_is_taken_but_not_found_is_unclear(self, broker: PlainBroker, stand: Stand, found: Any) -> None:
        stand.venue.place_entry(stand.entry())
        broker.answers["GET"] = [found]
        with pytest.raises(Unclear, match="is in use"):
            stand.venue.place_entry(stand.entry())

    @pytest.mark.parametrize("message", ["token {} is not known", "{}"])
    def test_no_secret_comes_back(self, broker: PlainBroker, stand: Stand, message: str) -> None:
        told = {"error": {"text": message.format(TOKEN), "deep": [{"key": f"<{KEY}>", TOKEN: SECRET}]}}
        refused = (200, {"ok": True, "order": {"status": "REFUSED"}, **told})
        broker.answers["POST"] = [refused, (400, told), (408, told), (401, told), (503, told)]
        seen = [str(stand.venue.place_entry(stand.entry())) for _ in range(2)]
        for _ in range(3):
            with pytest.raises((NotSent, Unclear)) as caught:
                stand.venue.place_entry(stand.entry())
            seen.append(f"{caught.value} {getattr(caught.value, 'raw', '')}")
        assert len(sent(broker)) == 5
        for text in seen:
            assert TOKEN not in text
            assert KEY not in text
            assert "s3cret" not in text

    def test_a_broken_connection_names_no_secret(self, broker: PlainBroker, shop: Shop, stand: Stand) -> None:
        venue = shop()
        broker.stop()
        with pytest.raises(NotSent) as caught:
            venue.place_entry(stand.entry())
        assert "POST /v1/accounts/ACC1/orders" in str(caught.value)
        assert TOKEN not in str(caught.value)


class TestFind:
    def find(self, venue: TemplateVenue, order_id: str | None = None) -> Any:
        return venue.find_order(ACCOUNT, TAG, sent_at=datetime.now(UTC), order_id=order_id)

    def test_the_list_is_searched_by_tag(self, broker: PlainBroker, stand: Stand, shop: Shop) -> None:
        venue = shop(drop("find.query"))
        for tag in (TAG, NEXT_TAG):
            venue.place_entry(stand.entry(tag, stop_price=None))
        assert self.find(venue).order_id == "1001"

    def test_two_orders_under_one_id_are_for_a_person(self, broker: PlainBroker, stand: Stand) -> None:
        broker.answers["GET"] = [(200, {"orders": [order(), order(id=8)]})]
        with pytest.raises(Unclear, match="2 orders under"):
            stand.find()

    @pytest.mark.parametrize(
        "answer",
        [
            (200, {"orders": None}),
            (200, {}),
            (404, None),
            (200, {"orders": [order(status="DONE", filled=None)]}),
            (200, {"orders": [order(status="HELD")]}),
        ],
    )
    def test_an_unreadable_list_proves_nothing(self, broker: PlainBroker, stand: Stand, answer: Any) -> None:
        broker.answers["GET"] = [answer]
        with pytest.raises(Unclear):
            stand.find()

    def test_a_refused_login_is_final(self, broker: PlainBroker, stand: Stand) -> None:
        broker.answers["GET"] = [(403, None)]
        with pytest.raises(NotSent) as caught:
            stand.find()
        assert caught.value.final

    def test_a_venue_may_be_asked_for_one_order(self, broker: PlainBroker, stand: Stand, shop: Shop) -> None:
        declared = put("capabilities.complete_list", False)
        venue = shop(drop("find.orders"), declared)
        broker.answers["GET"] = [(200, order(status="DONE", filled=3)), (404, None), (200, order(clientId="other"))]
        assert self.find(venue).filled == 3
        assert self.find(venue) is None
        assert self.find(venue) is None

    def test_absence_is_told_as_the_template_says(self, broker: PlainBroker, shop: Shop) -> None:
        venue = shop(put("find.absent", {"equal": {"error": "NO_SUCH_ORDER"}}))
        broker.answers["GET"] = [(200, {"error": "NO_SUCH_ORDER"}), (404, {"error": "?"})]
        assert self.find(venue) is None
        with pytest.raises(Unclear):
            self.find(venue)

    def test_a_venue_that_knows_only_its_own_ids_is_asked_when_that_is_known(
        self, broker: PlainBroker, stand: Stand, shop: Shop
    ) -> None:
        declared = put("capabilities", {"client_tag": True, "brackets": True})
        venue = shop(
            drop("find.orders", "find.query", "find.tag"),
            declared,
            put("find.path", "/v1/accounts/{account}/{order_id}"),
        )
        with pytest.raises(NotSent, match="its own id only") as caught:
            self.find(venue)
        assert caught.value.final
        broker.answers["GET"] = [(200, order(status="DONE", filled=3))]
        assert self.find(venue, "7").filled == 3
        assert broker.calls[-1].path == "/v1/accounts/ACC1/7"

    def test_fills_are_counted_in_contracts(self, broker: PlainBroker, stand: Stand, shop: Shop) -> None:
        contract = Contract(root="EURUSD", symbol="EURUSD", lots=Decimal(100))
        report = stand.venue.place_entry(stand.entry(contract=contract, quantity=2))
        assert report.filled == 2
        assert stand.book.position("ACC1", "EURUSD") == 200
        assert stand.find().filled == 2
        assert self.find(shop(lots={"EURUSD": Decimal(100)})).filled == 2

    def test_lots_that_find_could_not_count_are_not_entered(
        self, broker: PlainBroker, stand: Stand, shop: Shop
    ) -> None:
        contract = Contract(root="EURUSD", symbol="EURUSD", lots=Decimal(100))
        with pytest.raises(NotSent, match=r"find\.answer\.symbol is needed") as caught:
            shop(drop("find.answer.symbol")).place_entry(stand.entry(contract=contract))
        assert caught.value.final
        assert broker.calls == []


STILL_WORKING = "protective order 1002 may still be working for 3: cancel: HTTP "


class TestExits:
    def test_protection_is_cut_before_the_exit_is_sent(self, broker: PlainBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        stand.venue.place_exit(stand.exit(1, remaining=Decimal(2)))
        assert [call.method for call in broker.calls] == ["POST", "GET", "GET", "PUT", "POST"]
        assert broker.calls[3].body == {"qty": 2}

    def test_protection_never_exceeds_what_is_held(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        stand.venue.place_exit(stand.exit(2, remaining=Decimal(5)))
        assert [o.quantity for o in stand.book.working("ACC1")] == [1]

    def test_protection_of_several_entries_is_cut_from_the_last(self, broker: PlainBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry(quantity=2))
        stand.venue.place_entry(stand.entry(NEXT_TAG, quantity=2))
        stand.venue.place_exit(stand.exit(1, entries=(TAG, NEXT_TAG), remaining=Decimal(3)))
        assert len(sent(broker, "PUT")) == 1
        assert {o.tag: int(o.quantity) for o in stand.book.working("ACC1")} == {TAG + "S": 2, NEXT_TAG + "S": 1}

    def test_protection_of_other_trades_stays(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        stand.venue.place_entry(stand.entry(NEXT_TAG))
        stand.venue.place_exit(stand.exit(3))
        assert [o.tag for o in stand.book.working("ACC1")] == [NEXT_TAG + "S"]

    def test_protection_of_a_trade_that_is_gone_goes_too(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        stand.book.place("ACC1", "NQZ6", "SELL", Decimal(3), closing=True)
        assert stand.venue.place_exit(stand.exit(3)).state is OrderState.CANCELLED
        assert stand.book.working("ACC1") == []

    @pytest.mark.parametrize(
        ("faults", "left", "told"),
        [
            ({"DELETE": [(400, {"error": "busy"})]}, 0, None),
            (
                {"DELETE": [(400, {"error": "busy"})] * 2},
                1,
                STILL_WORKING + "400",
            ),
            ({"DELETE": [(302, None)] * 2}, 1, STILL_WORKING + "302"),
            ({"GET": [None, (500, {})]}, 0, None),
            ({"GET": [None, (500, {}), (500, {})]}, 1, "protective orders of the trade may still be working"),
        ],
    )
    def test_an_exit_gets_through_where_its_protection_does_not_go(
        self, broker: PlainBroker, stand: Stand, faults: dict[str, Any], left: int, told: str | None
    ) -> None:
        stand.venue.place_entry(stand.entry())
        broker.answers = faults
        report = stand.venue.place_exit(stand.exit(3))
        assert report.state in DONE
        assert stand.position() == 0
        assert len(stand.book.working("ACC1")) == left
        assert (report.message or "").startswith(told or "") is True
        assert (report.message is None) is (told is None)

    def test_a_refused_exit_says_that_its_protection_is_cut_already(self, broker: PlainBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        stand.book.reject = "market closed"
        report = stand.venue.place_exit(stand.exit(3))
        assert report.state is OrderState.REJECTED
        assert report.message == "market closed; protective order 1002 cut to 0"

    def test_protection_that_stayed_is_left_to_a_position_that_stays(self, broker: PlainBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        broker.answers["DELETE"] = [(400, {"error": "busy"})]
        stand.book.reject = "market closed"
        assert stand.venue.place_exit(stand.exit(3)).state is OrderState.REJECTED
        assert len(stand.book.working("ACC1")) == 1

    def test_an_exit_that_was_not_sent_says_so_too(self, broker: PlainBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        broker.answers["POST"] = [(429, None)]
        with pytest.raises(NotSent, match="protective order 1002 cut to 0") as caught:
            stand.venue.place_exit(stand.exit(3))
        assert (caught.value.final, caught.value.retry_after) == (False, 1.0)

    @pytest.mark.parametrize(
        "answer", [(500, {}), (200, {"data": {}}), (404, None), (200, {"data": {"positions": [{}]}})]
    )
    def test_an_exit_whose_positions_are_not_known_was_not_sent_and_may_be_tried_again(
        self, broker: PlainBroker, stand: Stand, answer: Any
    ) -> None:
        stand.venue.place_entry(stand.entry())
        broker.answers["GET"] = [answer]
        with pytest.raises(NotSent) as caught:
            stand.venue.place_exit(stand.exit(3))
        assert not caught.value.final
        assert len(sent(broker)) == 1
        assert len(stand.book.working("ACC1")) == 1

    def test_without_positions_the_venue_limits_the_exit(self, broker: PlainBroker, stand: Stand, shop: Shop) -> None:
        venue = shop(drop("positions"), put("capabilities.reduce_only", True))
        venue.place_exit(stand.exit(3))
        assert sent(broker)[0].body["qty"] == 3
        for ask in (venue.positions, venue.flatten):
            with pytest.raises(NotSent, match="describes no positions") as caught:
                ask(ACCOUNT)
            assert caught.value.final

    def test_positions_of_one_symbol_add_up(self, broker: PlainBroker, stand: Stand) -> None:
        rows = [{"symbol": "NQZ6", "size": n, "direction": way} for n, way in ((3, "long"), (1, "short"), (2, "long"))]
        rows += [{"symbol": "ES", "size": 1, "direction": way} for way in ("long", "short")]
        broker.answers["GET"] = [(200, {"data": {"positions": rows}})] * 2
        assert [(p.symbol, p.quantity) for p in stand.venue.positions(ACCOUNT)] == [("NQZ6", Decimal(4))]
        stand.venue.place_exit(stand.exit(9, entries=()))
        assert sent(broker)[0].body["qty"] == 4

    def test_a_sign_beside_a_side_means_nothing(self, broker: PlainBroker, stand: Stand) -> None:
        broker.answers["GET"] = [(200, {"data": {"positions": [{"symbol": "NQZ6", "size": -2, "direction": "short"}]}})]
        assert stand.venue.positions(ACCOUNT)[0].quantity == -2

    def test_another_contract_is_not_closed(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry(contract=Contract(root="ES", symbol="ESZ6")))
        assert stand.venue.place_exit(stand.exit(3, entries=())).state is OrderState.CANCELLED

    def test_positions_may_have_a_sign_instead_of_a_side(self, broker: PlainBroker, stand: Stand, shop: Shop) -> None:
        venue = shop(drop("positions.side"))
        broker.answers["GET"] = [(200, {"data": {"positions": [{"symbol": "NQZ6", "size": -2}]}})]
        assert venue.positions(ACCOUNT)[0].quantity == -2

    @pytest.mark.parametrize("change", [{"direction": "flat"}, {"direction": None}, {"size": None}, {"size": "x"}])
    def test_a_position_that_cannot_be_read_is_unclear(
        self, broker: PlainBroker, stand: Stand, change: dict[str, Any]
    ) -> None:
        row = {"symbol": "NQZ6", "size": 2, "direction": "long", **change}
        broker.answers["GET"] = [(200, {"data": {"positions": [row]}})]
        with pytest.raises(Unclear):
            stand.venue.positions(ACCOUNT)


class TestTheRest:
    @pytest.mark.parametrize("name", ["find", "working_orders", "cancel"])
    def test_what_is_not_described_says_so(self, stand: Stand, shop: Shop, name: str) -> None:
        rest = ("find", "working_orders", "cancel", "shrink", "account_status", "protection", "entry.body.stop?")
        venue = shop(drop(*rest), put("capabilities", {}))
        calls: dict[str, Callable[[], object]] = {
            "find": lambda: venue.find_order(ACCOUNT, TAG, sent_at=datetime.now(UTC)),
            "working_orders": lambda: venue.working_orders(ACCOUNT),
            "cancel": lambda: venue.cancel_order(ACCOUNT, "7"),
        }
        with pytest.raises(NotSent, match=f"describes no {name}") as caught:
            calls[name]()
        assert caught.value.final
        assert venue.account_status(ACCOUNT) is None

    def test_a_question_whose_answer_does_not_say_yes_is_unclear(self, broker: PlainBroker, shop: Shop) -> None:
        venue = shop(put("positions.success", {"equal": {"ok": True}}))
        broker.answers["GET"] = [(200, {"data": {"positions": []}}), (200, {"ok": False, "data": {"positions": []}})]
        for _ in range(2):
            with pytest.raises(Unclear):
                venue.positions(ACCOUNT)

    def test_a_body_without_a_value_is_not_sent(self, broker: PlainBroker, shop: Shop) -> None:
        venue = shop(put("find.method", "POST"), put("find.body", "{order_id}"))
        with pytest.raises(NotSent, match="nothing of its body") as caught:
            venue.find_order(ACCOUNT, TAG, sent_at=datetime.now(UTC))
        assert caught.value.final
        assert broker.calls == []

    def test_capabilities_are_the_declared_ones(self, shop: Shop) -> None:
        capabilities = shop().capabilities
        assert capabilities.proves_absence
        assert capabilities.brackets
        assert not capabilities.reduce_only

    def test_working_orders_are_read(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry(side=Side.SELL))
        (stop,) = stand.venue.working_orders(ACCOUNT)
        assert (stop.order_id, stop.client_order_id, stop.symbol) == ("1002", TAG + "S", "NQZ6")
        assert (stop.side, stop.quantity, stop.kind) == (Side.BUY, Decimal(3), "stop")

    @pytest.mark.parametrize("change", [{"id": None}, {"side": "X"}, {"side": True}, {"qty": None}, {"symbol": None}])
    def test_a_working_order_that_cannot_be_read_is_unclear(
        self, broker: PlainBroker, stand: Stand, change: dict[str, Any]
    ) -> None:
        row = {"id": 1, "clientId": None, "symbol": "NQZ6", "side": "B", "qty": 1, "type": "stop", **change}
        broker.answers["GET"] = [(200, {"orders": [row]})]
        with pytest.raises(Unclear):
            stand.venue.working_orders(ACCOUNT)

    def test_words_for_sides_may_be_numbers(self, broker: PlainBroker, stand: Stand, shop: Shop) -> None:
        venue = shop(put("sides", {"buy": 0, "sell": 1}))
        broker.answers["POST"] = [(200, {"ok": True, "order": order()})]
        venue.place_entry(stand.entry(side=Side.SELL))
        assert sent(broker)[0].body["side"] == 1
        row = {"id": 1, "clientId": None, "symbol": "NQZ6", "side": 0, "qty": 1, "type": "stop"}
        broker.answers["GET"] = [(200, {"orders": [row]})]
        assert venue.working_orders(ACCOUNT)[0].side is Side.BUY

    @pytest.mark.parametrize(
        ("answer", "error", "final"),
        [
            ((400, {"why": "busy"}), NotSent, False),
            ((302, None), Unclear, False),
            ((408, None), Unclear, False),
            ((401, None), NotSent, True),
        ],
    )
    def test_a_cancellation_that_failed_is_told(
        self, broker: PlainBroker, stand: Stand, answer: Any, error: type[Exception], final: bool
    ) -> None:
        stand.venue.place_entry(stand.entry())
        broker.answers["DELETE"] = [answer]
        with pytest.raises(error) as caught:
            stand.venue.cancel_order(ACCOUNT, "1002")
        assert getattr(caught.value, "final", False) is final

    def test_how_a_venue_says_gone_may_be_told(self, broker: PlainBroker, shop: Shop) -> None:
        venue = shop(put("cancel.gone", {"status": [409], "equal": {"code": "CLOSED"}}))
        broker.answers["DELETE"] = [(409, {"code": "CLOSED"}), (409, {"code": "LATER"})]
        venue.cancel_order(ACCOUNT, "7")
        with pytest.raises(NotSent, match="LATER"):
            venue.cancel_order(ACCOUNT, "7")

    def test_flatten_cancels_nothing_where_positions_are_not_known(self, broker: PlainBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        broker.answers["GET"] = [(500, {})]
        with pytest.raises(Unclear):
            stand.venue.flatten(ACCOUNT)
        assert len(stand.book.working("ACC1")) == 1

    def test_flatten_tells_what_the_venue_does_not_close(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        stand.book.reject = "market closed"
        with pytest.raises(NotSent, match="plain does not close 3 NQZ6: market closed"):
            stand.venue.flatten(ACCOUNT)

    def test_flatten_tries_all_before_it_complains(self, broker: PlainBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        stand.venue.place_entry(stand.entry(NEXT_TAG, contract=Contract(root="ES", symbol="ESZ6"), side=Side.SELL))
        broker.answers = {"DELETE": [(400, {})], "POST": [(200, {"ok": False, "error": {"text": "closed"}})]}
        with pytest.raises(NotSent):
            stand.venue.flatten(ACCOUNT)
        assert [p.symbol for p in stand.venue.positions(ACCOUNT)] == ["NQZ6"]
        assert len(stand.venue.flatten(ACCOUNT)) == 2
        assert stand.venue.flatten(ACCOUNT) == []

    def test_figures_are_taken_from_where_the_template_says(self, broker: PlainBroker, shop: Shop) -> None:
        venue = shop(put("account_status.figures", {"equity": "a.0.e", "day_pl": "a.0.d", "connected": "up"}))
        broker.answers["GET"] = [(200, {"a": [{"e": "49000.5"}], "up": False}), (500, {}), (404, None)]
        assert venue.account_status(ACCOUNT) == {"equity": "49000.5", "connected": False}
        for _ in range(2):
            with pytest.raises(Unclear):
                venue.account_status(ACCOUNT)

    def test_an_exit_is_found_under_its_own_id(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        stand.venue.place_exit(stand.exit(2, remaining=Decimal(1)))
        assert (stand.find(EXIT_TAG).state, stand.find(EXIT_TAG).filled) == (OrderState.FILLED, 2)
