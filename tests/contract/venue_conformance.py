"""What every live venue must do, whatever its protocol: each platform's test module subclasses VenueConformance."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol

import pytest

from connectors.account_status import read_status
from connectors.deadline import not_after
from connectors.tickets import EntryTicket, ExitTicket
from connectors.venue import LiveVenue, NotSent, Unclear
from domain.account import AccountKey
from domain.contract import Contract
from domain.order_state import OrderState, Side
from tests.brokers.book import OrderBook
from tests.brokers.server import Fault

TAG = "pr0123456789abcdefgh"
NEXT_TAG = "pr0123456789abcdefgi"
EXIT_TAG = "pr0123456789abcdefgx"
DONE = {OrderState.ACCEPTED, OrderState.FILLED}


class Broker(Protocol):
    book: OrderBook

    def misbehave(self, fault: Fault, path: str = "", *, times: int = 1, seconds: float = 5.0) -> None: ...
    def behave(self) -> None: ...
    def stop(self) -> None: ...
    def restart(self) -> None: ...


@dataclass
class Stand:
    """A venue under test with its broker. ``order_path``: what a call that places an entry has in its path.

    ``held``: the contract as the book knows it. ``account_name``: the account as the book knows it. ``make``: another
    venue for the same login, as a second process would have it; its time-out is short.
    """

    venue: LiveVenue
    broker: Broker
    account: AccountKey
    account_name: str
    contract: Contract
    held: str
    order_path: str
    make: Callable[[], LiveVenue]

    @property
    def book(self) -> OrderBook:
        return self.broker.book

    def entry(self, tag: str = TAG, quantity: int = 3, side: Side = Side.BUY, **changes: Any) -> EntryTicket:
        values: dict[str, Any] = {
            "account": self.account,
            "client_order_id": tag,
            "contract": self.contract,
            "side": side,
            "quantity": Decimal(quantity),
            "stop_price": Decimal(16475) if side is Side.BUY else Decimal(16525),
            "entry_price": Decimal(16500),
        }
        return EntryTicket(**{**values, **changes})

    def exit(self, quantity: int, tag: str = EXIT_TAG, side: Side = Side.SELL, **changes: Any) -> ExitTicket:
        values: dict[str, Any] = {
            "account": self.account,
            "client_order_id": tag,
            "contract": self.contract,
            "side": side,
            "quantity": Decimal(quantity),
            "entries": (TAG,),
        }
        return ExitTicket(**{**values, **changes})

    def position(self) -> Decimal:
        return self.book.position(self.account_name, self.held)

    def find(self, tag: str = TAG) -> Any:
        return self.venue.find_order(self.account, tag, sent_at=datetime.now(UTC))

    def settled(self, tag: str = TAG) -> Any:
        """What the venue says of an order once it has come to rest."""
        for _ in range(100):
            found = self.find(tag)
            if found is not None and found.state is not OrderState.ACCEPTED:
                return found
            time.sleep(0.02)
        return found

    def market_orders(self) -> int:
        return len([o for o in self.book.of(self.account_name) if o.kind == "MARKET" and o.status != "REJECTED"])


class VenueConformance:
    """Subclasses give the fixture ``stand``."""

    @pytest.mark.parametrize("side", list(Side))
    def test_an_entry_reaches_the_book_once_with_its_size_side_and_stop(self, stand: Stand, side: Side) -> None:
        report = stand.venue.place_entry(stand.entry(side=side))

        assert report.state in DONE
        assert report.order_id
        assert stand.market_orders() == 1
        assert stand.position() == (3 if side is Side.BUY else -3)
        if stand.venue.capabilities.brackets:
            stops = [order.stop_price for order in stand.book.working(stand.account_name)]
            assert stops == [Decimal(16475) if side is Side.BUY else Decimal(16525)]

    def test_an_entry_is_found_by_its_tag_with_what_was_filled(self, stand: Stand) -> None:
        sent = stand.venue.place_entry(stand.entry())
        found = stand.settled()

        assert found.order_id == sent.order_id
        assert (found.state, found.filled) == (OrderState.FILLED, 3)
        assert found.client_order_id == TAG

    def test_what_was_never_sent_is_not_found(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        assert stand.find(NEXT_TAG) is None

    def test_a_partial_fill_is_told_as_one(self, stand: Stand) -> None:
        stand.book.fill_share = Decimal("0.5")
        stand.venue.place_entry(stand.entry(quantity=4))
        found = stand.settled()
        assert (found.state, found.filled) == (OrderState.PARTIALLY_FILLED, 2)

    def test_a_refusal_says_the_venues_reason_and_leaves_no_position(self, stand: Stand) -> None:
        stand.book.reject = "insufficient margin"
        report = stand.venue.place_entry(stand.entry())
        assert report.state is OrderState.REJECTED
        assert "insufficient margin" in (report.message or "")
        assert stand.position() == 0

    @pytest.mark.parametrize(
        "fault",
        [
            Fault.TAKEN_RESET,
            Fault.TAKEN_CLOSE,
            Fault.TAKEN_HANG,
            Fault.TAKEN_SERVER_ERROR,
            Fault.TAKEN_GARBAGE,
            Fault.TAKEN_HALF,
        ],
    )
    def test_an_order_whose_answer_was_lost_is_unclear_sent_once_and_found(self, stand: Stand, fault: Fault) -> None:
        venue = stand.make()
        stand.broker.misbehave(fault, stand.order_path, seconds=4.0)
        with pytest.raises(Unclear):
            venue.place_entry(stand.entry())

        assert stand.market_orders() == 1
        assert stand.settled().state is OrderState.FILLED
        venue.close()

    @pytest.mark.parametrize("fault", [Fault.RESET, Fault.SERVER_ERROR, Fault.HANG])
    def test_an_order_that_was_lost_on_its_way_is_unclear_too_and_not_sent_again(
        self, stand: Stand, fault: Fault
    ) -> None:
        venue = stand.make()
        stand.broker.misbehave(fault, stand.order_path, seconds=4.0)
        with pytest.raises(Unclear):
            venue.place_entry(stand.entry())
        assert stand.market_orders() == 0
        assert stand.find() is None
        venue.close()

    def test_a_broker_that_is_not_there_was_provably_not_reached(self, stand: Stand) -> None:
        venue = stand.make()
        stand.broker.stop()
        with pytest.raises(NotSent) as caught:
            venue.place_entry(stand.entry())
        assert not caught.value.final
        venue.close()

    def test_a_restarted_broker_is_logged_in_to_again(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        stand.broker.restart()
        # The first call may meet the dead connection or the dead session; neither may double an order.
        for _ in range(3):
            try:
                stand.venue.positions(stand.account)
                break
            except (NotSent, Unclear):
                time.sleep(0.05)
        assert stand.venue.place_entry(stand.entry(NEXT_TAG)).state in DONE
        assert stand.market_orders() == 2

    def test_an_exit_closes_what_it_says_and_takes_the_protection_with_it(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        report = stand.venue.place_exit(stand.exit(3))

        assert report.state in DONE
        assert stand.position() == 0
        assert stand.book.working(stand.account_name) == []

    def test_a_partial_exit_leaves_the_rest_protected_and_no_more_than_the_rest(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        stand.venue.place_exit(stand.exit(1, remaining=Decimal(2)))

        assert stand.position() == 2
        if stand.venue.capabilities.brackets:
            assert [order.quantity for order in stand.book.working(stand.account_name)] == [2]

    def test_an_exit_never_turns_a_position(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry(quantity=2))
        stand.venue.place_exit(stand.exit(5))
        assert stand.position() == 0

    def test_an_exit_of_the_wrong_side_changes_nothing(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry(quantity=2))
        report = stand.venue.place_exit(stand.exit(2, side=Side.BUY))
        assert (report.state, report.filled) == (OrderState.CANCELLED, Decimal(0))
        assert stand.position() == 2

    def test_an_exit_of_nothing_sends_nothing(self, stand: Stand) -> None:
        report = stand.venue.place_exit(stand.exit(2))
        assert (report.state, report.filled) == (OrderState.CANCELLED, Decimal(0))
        assert stand.market_orders() == 0

    def test_a_short_trade_is_left_by_buying(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry(side=Side.SELL))
        stand.venue.place_exit(stand.exit(3, side=Side.BUY))
        assert stand.position() == 0

    def test_positions_and_working_orders_are_told(self, stand: Stand) -> None:
        assert stand.venue.positions(stand.account) == []
        stand.venue.place_entry(stand.entry(side=Side.SELL))

        (held,) = stand.venue.positions(stand.account)
        # The ledger's own name of it, or reconciliation would compare apples with pears.
        assert (held.symbol, held.quantity) == (stand.contract.symbol, Decimal(-3))
        if stand.venue.capabilities.brackets:
            # Where the stop belongs to the position itself it is no order of its own.
            for order in stand.venue.working_orders(stand.account):
                assert (order.side, order.quantity) == (Side.BUY, Decimal(3))

    def test_a_stop_that_closed_the_position_is_found_by_the_entrys_name(self, stand: Stand) -> None:
        if not stand.venue.capabilities.brackets:
            return
        stand.venue.place_entry(stand.entry())
        waiting = stand.find(TAG + "S")
        assert waiting is None or (waiting.state, waiting.filled) == (OrderState.ACCEPTED, Decimal(0))
        (stop,) = stand.book.working(stand.account_name)
        stand.book.fill(stop)

        found = stand.find(TAG + "S")
        assert (found.state, found.filled) == (OrderState.FILLED, Decimal(3))

    def test_flatten_leaves_nothing_and_may_be_repeated(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        assert stand.venue.flatten(stand.account)
        assert stand.position() == 0
        assert stand.book.working(stand.account_name) == []
        assert stand.venue.flatten(stand.account) == []

    def test_a_working_order_can_be_cancelled_and_cancelling_again_is_no_error(self, stand: Stand) -> None:
        stand.book.fill_share = Decimal("0.5")
        report = stand.venue.place_entry(stand.entry(quantity=4))
        assert report.order_id is not None
        stand.venue.cancel_order(stand.account, report.order_id)
        stand.venue.cancel_order(stand.account, report.order_id)
        found = stand.settled()
        assert (found.state, found.filled) == (OrderState.CANCELLED, 2)

    def test_the_accounts_figures_can_be_read(self, stand: Stand) -> None:
        status = stand.venue.account_status(stand.account)
        assert status is not None
        now = datetime.now(UTC)
        update = read_status(status, asked_at=now, received_at=now)
        assert Decimal(50000) in (update.equity, update.balance)

    def test_a_rate_limit_is_waited_for_and_the_order_was_not_sent(self, stand: Stand) -> None:
        stand.broker.misbehave(Fault.RATE_LIMIT, stand.order_path, seconds=0.3)
        with pytest.raises(NotSent) as caught:
            stand.venue.place_entry(stand.entry())
        assert caught.value.retry_after is not None
        assert not caught.value.final
        assert stand.market_orders() == 0

        assert stand.venue.place_entry(stand.entry()).state in DONE

    def test_an_order_that_was_held_up_too_long_does_not_leave(self, stand: Stand) -> None:
        with not_after(time.monotonic() - 0.001), pytest.raises(NotSent, match="held up on this machine"):
            stand.venue.place_entry(stand.entry())
        assert stand.market_orders() == 0

    def test_one_call_that_hangs_delays_no_other(self, stand: Stand) -> None:
        stand.venue.positions(stand.account)
        stand.broker.misbehave(Fault.TAKEN_HANG, stand.order_path, seconds=1.2)
        slow = threading.Thread(target=lambda: _swallow(lambda: stand.venue.place_entry(stand.entry())))
        slow.start()
        time.sleep(0.1)

        began = time.monotonic()
        stand.venue.place_entry(stand.entry(NEXT_TAG))
        took = time.monotonic() - began

        assert slow.is_alive()
        assert took < 0.8
        slow.join()

    def test_many_threads_share_one_login(self, stand: Stand) -> None:
        venue = stand.make()
        tags = [f"pr{number:018d}" for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            states = list(pool.map(lambda tag: venue.place_entry(stand.entry(tag, quantity=1)).state, tags))
        assert set(states) <= DONE
        assert sorted(order.tag or "" for order in stand.book.entries(stand.account_name)) == tags
        venue.close()

    def test_a_tag_used_twice_is_taken_once_where_the_venue_says_so(self, stand: Stand) -> None:
        if not stand.venue.capabilities.unique_tag:
            assert not stand.book.unique_tags
            return
        stand.venue.place_entry(stand.entry())
        report = stand.venue.place_entry(stand.entry())
        assert report.state in {OrderState.REJECTED, *DONE}
        assert stand.market_orders() == 1


def _swallow(act: Callable[[], Any]) -> None:
    with suppress(NotSent, Unclear):
        act()
