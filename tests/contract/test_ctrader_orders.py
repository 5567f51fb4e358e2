"""Entries and exits at cTrader, against a broker on a real WebSocket."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from connectors.venue import NotSent, Unclear
from domain.contract import Contract
from domain.order_state import OrderState, Side
from tests.brokers.ctrader import CTraderBroker, payloads
from tests.brokers.ctrader_books import NETTED, Bad, Listed
from tests.brokers.server import Fault
from tests.contract.ctrader_stand import ACCOUNT, NUMBER, AtCTrader, asked, replaced, until
from tests.contract.venue_conformance import EXIT_TAG, NEXT_TAG, TAG, Stand


class TestEntry(AtCTrader):
    def test_it_says_all_that_the_protocol_wants(self, broker: CTraderBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        assert payloads(broker.calls_to("order")) == [
            {
                "ctidTraderAccountId": int(NUMBER),
                "symbolId": 275,
                "orderType": 1,
                "tradeSide": 1,
                "volume": 300,
                "clientOrderId": TAG,
                "label": TAG,
                "comment": f"{TAG} lots=1",
                "relativeStopLoss": 2_500_000,
            }
        ]

    @pytest.mark.parametrize(
        ("symbol", "quantity", "lots", "volume"),
        [
            ("US100.cash", 3, "1", 300),
            ("US100.cash", 2, "0.3", 60),
            ("US100.cash", 1, "0.01", 1),
            ("US100.cash", 3, "0.07", 21),
            ("EURUSD", 1, "0.01", 100_000),
            ("EURUSD", 3, "1.25", 37_500_000),
            ("US30.cash", 1, "0.1", 10),
            ("US30.cash", 1, "10", 1_000),
        ],
    )
    def test_contracts_become_volume_and_fills_contracts_again(
        self, broker: CTraderBroker, stand: Stand, symbol: str, quantity: int, lots: str, volume: int
    ) -> None:
        contract = Contract(root="X", symbol=symbol, lots=Decimal(lots))
        report = stand.venue.place_entry(stand.entry(quantity=quantity, contract=contract, stop_price=None))

        assert payloads(broker.calls_to("order"))[0]["volume"] == volume
        assert (report.state, report.filled) == (OrderState.FILLED, Decimal(quantity))
        assert stand.find().filled == quantity
        (held,) = stand.venue.positions(ACCOUNT)
        assert (held.symbol, held.quantity) == (symbol, quantity * Decimal(lots))

    @pytest.mark.parametrize(
        ("symbol", "lots", "says"),
        [
            ("US100.cash", "0.005", "not a multiple of 0.01 lots"),
            ("US30.cash", "0.15", "not a multiple of 0.1 lots"),
            ("EURUSD", "0.011", "not a multiple of 0.01 lots"),
            ("US100.cash", "0", "not a multiple"),
            ("US100.cash", "-1", "not a multiple"),
            ("US30.cash", "10.1", "more than the most, 10"),
        ],
    )
    def test_a_size_the_symbol_does_not_allow_is_refused_here(
        self, broker: CTraderBroker, stand: Stand, symbol: str, lots: str, says: str
    ) -> None:
        contract = Contract(root="X", symbol=symbol, lots=Decimal(lots))
        with pytest.raises(NotSent, match=says) as caught:
            stand.venue.place_entry(stand.entry(quantity=1, contract=contract))
        assert caught.value.final
        assert "order" not in asked(broker)

    def test_a_symbol_may_have_no_most(self, broker: CTraderBroker, stand: Stand) -> None:
        broker.desk.symbols[0].max_volume = 0
        broker.desk.refusal = Bad("TRADING_BAD_VOLUME", "the venue's own word")
        assert stand.venue.place_entry(stand.entry()).state is OrderState.REJECTED

    def test_a_size_below_the_least_is_refused_here(self, broker: CTraderBroker, stand: Stand) -> None:
        broker.desk.symbols[0].min_volume = 50
        with pytest.raises(NotSent, match=r"fewer than the least, 0\.5") as caught:
            stand.venue.place_entry(stand.entry(quantity=1, contract=replaced(stand, "0.49")))
        assert caught.value.final
        assert stand.venue.place_entry(stand.entry(quantity=1, contract=replaced(stand, "0.5"))).filled == 1

    @pytest.mark.parametrize(
        ("symbol", "side", "entry", "stop", "distance"),
        [
            ("US100.cash", Side.BUY, "16500", "16475", 2_500_000),
            ("US100.cash", Side.SELL, "16500", "16525", 2_500_000),
            # Two digits: what is finer is cut off, never rounded to a wider stop.
            ("US100.cash", Side.BUY, "16500", "16487.655", 1_234_000),
            ("US100.cash", Side.BUY, "16500.019", "16500", 1_000),
            ("EURUSD", Side.BUY, "1.08500", "1.08377", 123),
            ("EURUSD", Side.SELL, "1.08500", "1.0862399", 123),
        ],
    )
    def test_the_stop_goes_out_as_a_distance(
        self, broker: CTraderBroker, stand: Stand, symbol: str, side: Side, entry: str, stop: str, distance: int
    ) -> None:
        ticket = stand.entry(
            side=side,
            contract=Contract(root="X", symbol=symbol),
            entry_price=Decimal(entry),
            stop_price=Decimal(stop),
        )
        assert stand.venue.place_entry(ticket).state is OrderState.FILLED
        assert payloads(broker.calls_to("order"))[0]["relativeStopLoss"] == distance

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"entry_price": None}, "needs the entry's price"),
            ({"stop_price": Decimal(16500)}, "wrong side"),
            ({"stop_price": Decimal(16501)}, "wrong side"),
            ({"stop_price": Decimal(16499), "side": Side.SELL}, "wrong side"),
            ({"stop_price": Decimal("16499.995")}, "closer than US100.cash can say"),
            ({"client_order_id": "p" * 51}, "1 to 50 characters"),
            ({"client_order_id": ""}, "1 to 50 characters"),
            ({"contract": Contract(root="NQ", symbol="US100")}, "no symbol US100; there is US100.cash"),
            ({"contract": Contract(root="NQ", symbol="GER40.cash")}, "no symbol GER40.cash$"),
        ],
    )
    def test_what_cannot_be_asked_for_is_not_sent(
        self, broker: CTraderBroker, stand: Stand, changes: dict[str, Any], says: str
    ) -> None:
        with pytest.raises(NotSent, match=says) as caught:
            stand.venue.place_entry(stand.entry(**changes))
        assert caught.value.final
        assert "order" not in asked(broker)

    def test_an_entry_without_a_stop_asks_for_none(self, broker: CTraderBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry(stop_price=None))
        assert "relativeStopLoss" not in payloads(broker.calls_to("order"))[0]

    def test_of_two_symbols_of_one_name_the_enabled_one_is_meant(self, broker: CTraderBroker, stand: Stand) -> None:
        old = Listed(9, "US100.cash", 2, 1000, 1, 100_000, 1, enabled=False)
        broker.desk.symbols.insert(0, old)
        stand.venue.place_entry(stand.entry())
        assert payloads(broker.calls_to("order"))[0]["symbolId"] == 275

        old.enabled = True
        broker.tell(2120, {"ctidTraderAccountId": int(NUMBER), "symbolId": [9]})
        time.sleep(0.05)
        with pytest.raises(NotSent, match="more than one symbol"):
            stand.venue.place_entry(stand.entry(NEXT_TAG))

    def test_the_fill_comes_with_its_price(self, stand: Stand) -> None:
        report = stand.venue.place_entry(stand.entry())
        assert (report.filled, report.average_price, report.client_order_id) == (Decimal(3), Decimal(16500), TAG)

    def test_a_fill_without_the_requests_id_is_known_by_the_orders(self, broker: CTraderBroker, stand: Stand) -> None:
        broker.tagged_events = 1
        assert stand.venue.place_entry(stand.entry()).state is OrderState.FILLED
        assert stand.venue.place_exit(stand.exit(3)).state is OrderState.FILLED

    def test_events_without_the_requests_id_are_known_by_the_client_order_id(
        self, broker: CTraderBroker, stand: Stand
    ) -> None:
        broker.tagged_events = 0
        assert stand.venue.place_entry(stand.entry()).state is OrderState.FILLED

    def test_another_ones_fill_is_not_taken_for_it(self, broker: CTraderBroker, stand: Stand) -> None:
        venue = stand.make()
        broker.misbehave(Fault.HANG, "order")
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(venue.place_entry, stand.entry())
            until(lambda: "order" in asked(broker))
            assert stand.venue.place_entry(stand.entry(NEXT_TAG)).state is OrderState.FILLED
            with pytest.raises(Unclear):
                waiting.result()

    def test_answers_in_another_order_reach_those_who_asked(self, broker: CTraderBroker, stand: Stand) -> None:
        stand.venue.positions(ACCOUNT)
        broker.misbehave(Fault.DELAY, "order", seconds=0.2)
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(stand.venue.place_entry, stand.entry(quantity=2))
            until(lambda: "order" in asked(broker))
            fast = stand.venue.place_entry(stand.entry(NEXT_TAG, quantity=1))
            assert not slow.done()
            assert (slow.result().filled, fast.filled) == (Decimal(2), Decimal(1))
        assert stand.find().order_id == slow.result().order_id
        assert stand.find(NEXT_TAG).order_id == fast.order_id

    def test_what_is_only_accepted_so_far_is_told_as_that(self, broker: CTraderBroker, stand: Stand) -> None:
        stand.book.fill_share = Decimal("0.1")
        began = time.monotonic()
        report = stand.venue.place_entry(stand.entry())
        assert time.monotonic() - began < 0.8
        assert (report.state, report.filled) == (OrderState.ACCEPTED, Decimal(0))
        stand.venue.cancel_order(ACCOUNT, report.order_id or "")
        assert (stand.find().state, stand.find().filled) == (OrderState.CANCELLED, 0)

    def test_an_order_that_is_refused_after_it_was_accepted_is_refused(
        self, broker: CTraderBroker, stand: Stand
    ) -> None:
        broker.desk.refusal, broker.desk.late = Bad("NO_QUOTES", ""), True
        report = stand.venue.place_entry(stand.entry())
        assert (report.state, report.message) == (OrderState.REJECTED, "NO_QUOTES")

    @pytest.mark.parametrize(
        "code", ["MARKET_CLOSED", "SYMBOL_HAS_HOLIDAY", "NOT_ENOUGH_MONEY", "TRADING_BAD_STOPS", "A_NEW_CODE"]
    )
    def test_a_clear_no_is_a_refusal(self, broker: CTraderBroker, stand: Stand, code: str) -> None:
        broker.desk.refusal = Bad(code, "in words")
        report = stand.venue.place_entry(stand.entry())
        assert (report.state, report.message, report.order_id) == (OrderState.REJECTED, f"{code}: in words", None)

    @pytest.mark.parametrize(
        "code", ["UNKNOWN_ERROR", "TIMEOUT_ERROR", "CANT_ROUTE_REQUEST", "CH_SERVER_NOT_REACHABLE"]
    )
    def test_a_no_that_leaves_it_open_is_unclear(self, broker: CTraderBroker, stand: Stand, code: str) -> None:
        broker.desk.refusal = Bad(code, "in words")
        with pytest.raises(Unclear, match=code) as caught:
            stand.venue.place_entry(stand.entry())
        assert caught.value.raw["errorCode"] == code
        stand.venue.positions(ACCOUNT)
        assert broker.connections == 1

    @pytest.mark.parametrize(
        "code", ["REQUEST_FREQUENCY_EXCEEDED", "SERVER_IS_UNDER_MAINTENANCE", "POSITION_LOCKED", "PENDING_EXECUTION"]
    )
    def test_a_not_now_was_not_sent(self, broker: CTraderBroker, stand: Stand, code: str) -> None:
        broker.desk.refusal = Bad(code, "in words")
        with pytest.raises(NotSent, match=code) as caught:
            stand.venue.place_entry(stand.entry())
        assert (caught.value.final, caught.value.retry_after) == (False, 1.0)

    def test_orders_that_are_blocked_hold_up_no_exit(self, broker: CTraderBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        broker.misbehave(Fault.RATE_LIMIT, "order", seconds=60)
        for _ in range(2):
            with pytest.raises(NotSent) as caught:
                stand.venue.place_entry(stand.entry(NEXT_TAG))
            assert caught.value.retry_after == pytest.approx(60, abs=2)
        assert len(broker.calls_to("order")) == 2
        assert stand.venue.place_exit(stand.exit(3)).state is OrderState.FILLED


class TestExit(AtCTrader):
    def test_it_names_position_and_volume(self, broker: CTraderBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        report = stand.venue.place_exit(stand.exit(2, remaining=Decimal(1)))
        asked_for = {"ctidTraderAccountId": int(NUMBER), "positionId": 5001, "volume": 200}
        assert payloads(broker.calls_to("close")) == [asked_for]
        assert (report.state, report.filled, report.average_price) == (OrderState.FILLED, Decimal(2), Decimal(16500))
        assert (report.client_order_id, report.message) == (EXIT_TAG, None)

    def test_a_trade_of_several_entries_is_closed_from_the_oldest_on(self, broker: CTraderBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry(quantity=2))
        stand.venue.place_entry(stand.entry(NEXT_TAG, quantity=2))
        report = stand.venue.place_exit(stand.exit(3, entries=(NEXT_TAG, TAG)))

        closed = [(call["positionId"], call["volume"]) for call in payloads(broker.calls_to("close"))]
        assert closed == [(5001, 200), (5002, 100)]
        assert (report.state, report.filled) == (OrderState.FILLED, Decimal(3))
        assert report.order_id is not None
        assert len(report.order_id.split("+")) == 2
        assert stand.position() == 1

    def test_what_the_older_one_covers_leaves_the_younger_one_alone(self, broker: CTraderBroker, stand: Stand) -> None:
        self._two_entries(stand)
        stand.venue.place_exit(stand.exit(2, entries=(TAG, NEXT_TAG)))
        assert [call["positionId"] for call in payloads(broker.calls_to("close"))] == [5001]

    def test_another_trade_in_the_same_symbol_is_left_alone(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry(NEXT_TAG, quantity=2))
        report = stand.venue.place_exit(stand.exit(2))
        assert (report.state, report.filled) == (OrderState.CANCELLED, Decimal(0))
        assert report.message == "the account holds nothing of this trade"
        assert stand.position() == 2

    @pytest.mark.parametrize(("symbol", "left"), [("US100.cash", 0), ("EURUSD", 2)])
    def test_on_a_netted_account_the_symbols_position_is_the_trades(
        self, broker: CTraderBroker, stand: Stand, symbol: str, left: int
    ) -> None:
        broker.desk.kind = NETTED
        stand.venue.place_entry(stand.entry(NEXT_TAG, quantity=2))
        contract = Contract(root="X", symbol=symbol)
        stand.venue.place_exit(stand.exit(2, contract=contract))
        assert stand.position() == left

    def test_a_netted_position_on_the_other_side_is_left_alone(self, broker: CTraderBroker, stand: Stand) -> None:
        broker.desk.kind = NETTED
        stand.venue.place_entry(stand.entry(NEXT_TAG, side=Side.SELL))
        assert stand.venue.place_exit(stand.exit(3)).state is OrderState.CANCELLED
        assert stand.position() == -3

    def test_contracts_of_several_lots_are_closed_in_lots_and_told_in_contracts(
        self, broker: CTraderBroker, stand: Stand
    ) -> None:
        contract = replaced(stand, "0.3")
        stand.venue.place_entry(stand.entry(contract=contract))
        report = stand.venue.place_exit(stand.exit(2, contract=contract))
        assert payloads(broker.calls_to("close"))[0]["volume"] == 60
        assert report.filled == 2

    def test_a_broken_step_is_closed_whole(self, broker: CTraderBroker, stand: Stand) -> None:
        contract = Contract(root="YM", symbol="US30.cash", lots=Decimal("0.15"))
        stand.venue.place_entry(stand.entry(quantity=4, contract=contract))
        stand.venue.place_exit(stand.exit(1, contract=contract))
        assert payloads(broker.calls_to("close"))[0]["volume"] == 20

    def test_a_position_that_goes_meanwhile_needs_no_closing(self, broker: CTraderBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        broker.desk.refusal = Bad("POSITION_NOT_FOUND", "Position not found with id 5001")
        report = stand.venue.place_exit(stand.exit(3))
        assert (report.state, report.filled) == (OrderState.CANCELLED, Decimal(0))

    def test_a_position_that_is_being_worked_on_is_tried_again(self, broker: CTraderBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        broker.desk.refusal = Bad("POSITION_LOCKED", "")
        with pytest.raises(NotSent) as caught:
            stand.venue.place_exit(stand.exit(3))
        assert not caught.value.final
        began = time.monotonic()
        assert stand.venue.place_exit(stand.exit(3)).state is OrderState.FILLED
        assert time.monotonic() - began < 0.5

    def test_a_refused_closing_says_why(self, broker: CTraderBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        broker.desk.refusal = Bad("MARKET_CLOSED", "Market is closed")
        report = stand.venue.place_exit(stand.exit(3))
        assert (report.state, report.message) == (OrderState.REJECTED, "MARKET_CLOSED: Market is closed")

    @pytest.mark.parametrize("fault", [Fault.HANG, Fault.RESET, Fault.SERVER_ERROR])
    def test_positions_that_cannot_be_read_close_nothing(
        self, broker: CTraderBroker, stand: Stand, fault: Fault
    ) -> None:
        venue = stand.make()
        venue.place_entry(stand.entry())
        broker.misbehave(fault, "reconcile")
        with pytest.raises(NotSent):
            venue.place_exit(stand.exit(3))
        assert "close" not in asked(broker)

    def test_when_a_later_one_is_not_sent_what_was_closed_is_told(self, broker: CTraderBroker, stand: Stand) -> None:
        self._two_entries(stand)
        broker.misbehave(Fault.DELAY, "close", seconds=0)
        broker.misbehave(Fault.RATE_LIMIT, "close", seconds=1)
        report = stand.venue.place_exit(stand.exit(4, entries=(TAG, NEXT_TAG)))
        assert (report.state, report.filled) == (OrderState.CANCELLED, Decimal(2))
        assert "position 5002 was not closed" in (report.message or "")

    def test_when_a_later_one_is_not_answered_it_is_unclear_with_what_was_closed(
        self, broker: CTraderBroker, stand: Stand
    ) -> None:
        self._two_entries(stand)
        broker.misbehave(Fault.DELAY, "close", seconds=0)
        broker.misbehave(Fault.TAKEN_SERVER_ERROR, "close")
        with pytest.raises(Unclear, match="closing position 5002") as caught:
            stand.venue.place_exit(stand.exit(4, entries=(TAG, NEXT_TAG)))
        assert (caught.value.raw["positionId"], len(caught.value.raw["answered"])) == (5002, 1)
        found = stand.find(EXIT_TAG)
        assert (found.state, found.filled) == (OrderState.FILLED, 4)

    def test_when_one_is_refused_the_other_is_closed_all_the_same(self, broker: CTraderBroker, stand: Stand) -> None:
        self._two_entries(stand)
        broker.desk.refusal = Bad("TRADING_DISABLED", "no")
        report = stand.venue.place_exit(stand.exit(4, entries=(TAG, NEXT_TAG)))
        assert (report.state, report.filled) == (OrderState.CANCELLED, Decimal(2))
        assert report.message == "TRADING_DISABLED: no"
        assert stand.position() == 2

    def _two_entries(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry(quantity=2))
        stand.venue.place_entry(stand.entry(NEXT_TAG, quantity=2))
