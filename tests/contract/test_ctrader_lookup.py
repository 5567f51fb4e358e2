"""Finding out what became of an order at cTrader, against a broker on a real WebSocket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.platforms import ctrader_session
from connectors.venue import NotSent, OrderReport, Unclear
from domain.order_state import OrderState
from tests.brokers.ctrader import CTraderBroker, payloads
from tests.brokers.ctrader_books import NETTED
from tests.brokers.server import Fault
from tests.contract.ctrader_stand import ACCOUNT, NUMBER, AtCTrader, replaced
from tests.contract.venue_conformance import EXIT_TAG, NEXT_TAG, TAG, Stand


class TestFindingAnEntry(AtCTrader):
    def test_it_is_found_by_any_process_with_contracts_and_price(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry(contract=replaced(stand, "0.3")))
        found = stand.make().find_order(ACCOUNT, TAG, sent_at=datetime.now(UTC))
        assert found is not None
        assert (found.state, found.filled, found.average_price) == (OrderState.FILLED, Decimal(3), Decimal(16500))

    def test_it_is_found_after_its_position_is_closed(self, stand: Stand) -> None:
        sent = stand.venue.place_entry(stand.entry())
        stand.venue.place_exit(stand.exit(3))
        found = stand.find()
        assert (found.state, found.filled, found.order_id) == (OrderState.FILLED, 3, sent.order_id)

    def test_it_is_told_in_full_after_a_part_of_it_is_closed(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        stand.venue.place_exit(stand.exit(1))
        assert stand.find().filled == 3

    def test_one_that_was_taken_twice_is_told_with_both_fills(self, broker: CTraderBroker, stand: Stand) -> None:
        broker.misbehave(Fault.TWICE, "order")
        stand.venue.place_entry(stand.entry())
        assert stand.find().filled == 6

    def test_it_is_found_by_its_number(self, stand: Stand) -> None:
        sent = stand.venue.place_entry(stand.entry())
        found = stand.venue.find_order(
            ACCOUNT, TAG, sent_at=datetime.now(UTC) - timedelta(days=30), order_id=sent.order_id
        )
        assert found is not None
        assert (found.state, found.filled, found.order_id) == (OrderState.FILLED, Decimal(3), sent.order_id)

    @pytest.mark.parametrize(("number", "error"), [("999", Unclear), ("x", NotSent), ("12+", NotSent)])
    def test_a_number_that_is_none_of_the_venues(
        self, stand: Stand, number: str, error: type[NotSent | Unclear]
    ) -> None:
        with pytest.raises(error):
            stand.venue.find_order(ACCOUNT, TAG, sent_at=datetime.now(UTC), order_id=number)

    def test_a_number_that_is_not_answered_for_is_unclear(self, broker: CTraderBroker, stand: Stand) -> None:
        broker.misbehave(Fault.SERVER_ERROR, "details")
        with pytest.raises(Unclear, match="UNKNOWN_ERROR"):
            stand.venue.find_order(ACCOUNT, TAG, sent_at=datetime.now(UTC), order_id="1001")

    def test_it_is_found_by_its_label_when_the_venue_gave_it_an_id_of_its_own(self, stand: Stand) -> None:
        stand.book.keeps_tags = False
        stand.venue.place_entry(stand.entry())
        assert stand.find().filled == 3

    def test_while_the_list_lags_an_open_position_keeps_it_from_being_lost(
        self, broker: CTraderBroker, stand: Stand
    ) -> None:
        broker.desk.unseen_for = 60
        stand.venue.place_entry(stand.entry())
        with pytest.raises(Unclear, match="position 5001"):
            stand.find()
        broker.desk.unseen_for = 0
        assert stand.find().filled == 3

    def test_it_is_found_by_its_positions_orders_when_the_list_does_not_reach_back(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        for order in stand.book.of(NUMBER):
            order.arrived_at -= 3600
        assert stand.find().filled == 3

    def test_what_closed_its_position_is_not_taken_for_it(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        (order,) = stand.book.entries(NUMBER)
        order.arrived_at -= 3600
        stand.venue.place_exit(stand.exit(1))
        assert stand.find().filled == 3

    def test_one_that_still_waits_is_found_while_the_list_lags(self, broker: CTraderBroker, stand: Stand) -> None:
        broker.desk.unseen_for = 60
        stand.book.fill_share = Decimal("0.5")
        stand.venue.place_entry(stand.entry(quantity=4))
        found = stand.find()
        assert (found.state, found.filled) == (OrderState.PARTIALLY_FILLED, Decimal(2))

    @pytest.mark.parametrize(("page", "seconds_apart"), [(1, 1.5), (2, 0.6)])
    def test_a_list_that_is_cut_is_read_in_pieces(
        self, broker: CTraderBroker, stand: Stand, page: int, seconds_apart: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ctrader_session, "HISTORICAL", frozenset())
        for number in range(3):
            stand.venue.place_entry(stand.entry(f"pr{number:018d}"))
        for number, order in enumerate(stand.book.entries(NUMBER)):
            order.arrived_at -= number * seconds_apart
        broker.desk.held.clear()
        broker.desk.page = page
        other = stand.make()
        found = other.find_order(ACCOUNT, f"pr{2:018d}", sent_at=datetime.now(UTC))
        assert found is not None
        assert other.find_order(ACCOUNT, NEXT_TAG, sent_at=datetime.now(UTC)) is None

    def test_a_list_that_cannot_be_read_whole_proves_nothing(
        self, broker: CTraderBroker, stand: Stand, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ctrader_session, "HISTORICAL", frozenset())
        for number in range(3):
            stand.venue.place_entry(stand.entry(f"pr{number:018d}"))
        broker.desk.page = 1
        with pytest.raises(Unclear, match="within a second"):
            stand.find(NEXT_TAG)

    def test_an_order_long_ago_is_looked_for_within_a_week_from_then(self, broker: CTraderBroker, stand: Stand) -> None:
        sent_at = datetime.now(UTC) - timedelta(days=40)
        assert stand.venue.find_order(ACCOUNT, TAG, sent_at=sent_at) is None
        (window,) = payloads(broker.calls_to("history"))
        sent_ms = sent_at.timestamp() * 1000
        assert window["fromTimestamp"] < sent_ms - 60_000
        assert window["toTimestamp"] > sent_ms + 60_000
        assert window["toTimestamp"] - window["fromTimestamp"] < 7 * 86_400_000

    def test_a_comment_that_was_lost_is_no_reason_to_guess_contracts(self, broker: CTraderBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        for ticket in broker.desk.tickets.values():
            ticket.comment = None
        with pytest.raises(Unclear, match="how many lots"):
            stand.find()

    def test_an_order_that_was_lost_is_told_as_such_though_another_trade_was_closed(
        self, broker: CTraderBroker, stand: Stand
    ) -> None:
        stand.venue.place_entry(stand.entry())
        broker.misbehave(Fault.SERVER_ERROR, "order")
        with pytest.raises(Unclear):
            stand.venue.place_entry(stand.entry(NEXT_TAG))
        stand.make().place_exit(stand.exit(3))
        assert stand.find(NEXT_TAG) is None
        with pytest.raises(Unclear, match="cannot be told"):
            stand.make().find_order(ACCOUNT, NEXT_TAG, sent_at=datetime.now(UTC))


class TestFindingAnExit(AtCTrader):
    def lost(self, broker: CTraderBroker, stand: Stand, fault: Fault = Fault.TAKEN_SERVER_ERROR) -> datetime:
        stand.venue.place_entry(stand.entry())
        sent_at = datetime.now(UTC)
        broker.misbehave(fault, "close")
        with pytest.raises(Unclear):
            stand.venue.place_exit(stand.exit(2))
        return sent_at

    def found(self, venue: Any, sent_at: datetime, entries: tuple[str, ...] = ()) -> OrderReport | None:
        report: OrderReport | None = venue.find_order(ACCOUNT, EXIT_TAG, sent_at=sent_at, entries=entries)
        return report

    def test_the_process_that_sent_it_finds_it_by_the_positions_label(
        self, broker: CTraderBroker, stand: Stand
    ) -> None:
        found = self.found(stand.venue, self.lost(broker, stand))
        assert found is not None
        assert (found.state, found.filled, found.average_price) == (OrderState.FILLED, Decimal(2), Decimal(16500))
        assert found.client_order_id == EXIT_TAG

    def test_another_process_finds_it_when_it_is_told_the_entries(self, broker: CTraderBroker, stand: Stand) -> None:
        found = self.found(stand.make(), self.lost(broker, stand), (TAG,))
        assert found is not None
        assert (found.state, found.filled) == (OrderState.FILLED, Decimal(2))

    def test_another_process_that_is_not_told_them_does_not_guess(self, broker: CTraderBroker, stand: Stand) -> None:
        sent_at = self.lost(broker, stand)
        with pytest.raises(Unclear, match="cannot be told") as caught:
            self.found(stand.make(), sent_at)
        assert len(caught.value.raw["orders"]) == 1

    @pytest.mark.parametrize("entries", [(), (TAG,)])
    @pytest.mark.parametrize("again", [False, True])
    def test_one_that_was_never_taken_is_found_by_nobody(
        self, broker: CTraderBroker, stand: Stand, *, again: bool, entries: tuple[str, ...]
    ) -> None:
        sent_at = self.lost(broker, stand, Fault.SERVER_ERROR)
        venue = stand.make() if again else stand.venue
        assert self.found(venue, sent_at, entries) is None
        assert stand.position() == 3

    def test_another_trades_closing_is_not_taken_for_it(self, broker: CTraderBroker, stand: Stand) -> None:
        sent_at = self.lost(broker, stand, Fault.SERVER_ERROR)
        stand.venue.place_entry(stand.entry(NEXT_TAG))
        stand.venue.place_exit(stand.exit(3, "pr0123456789abcdefgz", entries=(NEXT_TAG,)))
        assert self.found(stand.venue, sent_at) is None
        assert self.found(stand.make(), sent_at, (TAG,)) is None

    def test_an_earlier_closing_of_the_same_trade_is_not_taken_for_it(
        self, broker: CTraderBroker, stand: Stand
    ) -> None:
        stand.venue.place_entry(stand.entry())
        stand.venue.place_exit(stand.exit(1, "pr0123456789abcdefgz"))
        for order in stand.book.of(NUMBER):
            order.arrived_at -= 60
        broker.misbehave(Fault.SERVER_ERROR, "close")
        sent_at = datetime.now(UTC)
        with pytest.raises(Unclear):
            stand.venue.place_exit(stand.exit(1))
        assert self.found(stand.venue, sent_at) is None
        assert self.found(stand.make(), sent_at, (TAG,)) is None

    @pytest.mark.parametrize("found", [False, True])
    def test_one_just_before_it_is_not_taken_for_it_once_it_is_known(
        self, broker: CTraderBroker, stand: Stand, *, found: bool
    ) -> None:
        stand.venue.place_entry(stand.entry())
        if found:
            broker.misbehave(Fault.TAKEN_SERVER_ERROR, "close")
            with pytest.raises(Unclear):
                stand.venue.place_exit(stand.exit(1, NEXT_TAG))
            assert stand.find(NEXT_TAG).filled == 1
        else:
            stand.venue.place_exit(stand.exit(1, NEXT_TAG))
        broker.misbehave(Fault.SERVER_ERROR, "close")
        with pytest.raises(Unclear):
            stand.venue.place_exit(stand.exit(1))
        assert stand.find(EXIT_TAG) is None

    @pytest.mark.parametrize("stop_out", [False, True])
    def test_what_the_venue_closed_is_not_taken_for_it(
        self, broker: CTraderBroker, stand: Stand, *, stop_out: bool
    ) -> None:
        sent_at = self.lost(broker, stand, Fault.SERVER_ERROR)
        broker.desk.lose(5001, stop_out=stop_out)
        assert stand.position() == 0
        assert self.found(stand.venue, sent_at) is None
        assert self.found(stand.make(), sent_at) is None

    def test_on_a_netted_account_the_label_does_not_tell(self, broker: CTraderBroker, stand: Stand) -> None:
        broker.desk.kind = NETTED
        sent_at = self.lost(broker, stand)
        with pytest.raises(Unclear, match="cannot be told"):
            self.found(stand.make(), sent_at, (TAG,))

    def test_a_closing_by_nobodys_label_leaves_it_open(self, broker: CTraderBroker, stand: Stand) -> None:
        sent_at = self.lost(broker, stand)
        for ticket in broker.desk.tickets.values():
            ticket.label = ticket.comment = None
        with pytest.raises(Unclear, match="cannot be told"):
            self.found(stand.make(), sent_at, (TAG,))

    def test_it_is_found_by_its_numbers(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry(quantity=2))
        stand.venue.place_entry(stand.entry(NEXT_TAG, quantity=2))
        sent = stand.venue.place_exit(stand.exit(3, entries=(TAG, NEXT_TAG)))
        found = stand.make().find_order(ACCOUNT, EXIT_TAG, sent_at=datetime.now(UTC), order_id=sent.order_id)
        assert found is not None
        assert (found.state, found.filled, found.order_id) == (OrderState.FILLED, Decimal(3), sent.order_id)
