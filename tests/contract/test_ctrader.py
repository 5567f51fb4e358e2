"""cTrader's Open API, against a broker that speaks it over a real WebSocket: connection, login, account."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.account_status import read_status
from connectors.platforms import ctrader_connection, ctrader_session
from connectors.platforms.ctrader import CTrader
from connectors.tickets import VenueLogin
from connectors.venue import NotSent, Unclear
from domain.order_state import OrderState, Side
from tests.brokers.ctrader import NAMES, CTraderBroker, payloads
from tests.brokers.ctrader_books import Bad
from tests.brokers.server import Fault
from tests.contract.ctrader_stand import (
    ACCOUNT,
    LOGGED_IN,
    LOOKED_UP,
    NUMBER,
    OTHER,
    OTHER_NUMBER,
    AtCTrader,
    asked,
    login,
    until,
)
from tests.contract.venue_conformance import NEXT_TAG, TAG, Stand, VenueConformance


class TestCTrader(AtCTrader, VenueConformance):
    """What every venue must do."""


def readers() -> int:
    """Return how many connections are listened to in this process."""
    return sum(thread.name == "ctrader-reader" for thread in threading.enumerate())


class TestSession(AtCTrader):
    def test_nothing_is_sent_before_the_first_use_and_each_login_once(
        self, broker: CTraderBroker, stand: Stand
    ) -> None:
        assert broker.connections == 0

        stand.venue.place_entry(stand.entry())
        stand.venue.place_entry(stand.entry(NEXT_TAG))
        assert asked(broker) == [*LOGGED_IN, *LOOKED_UP, "order", "order"]

        stand.venue.positions(OTHER)
        assert asked(broker)[6:] == ["account", "reconcile"]
        assert broker.connections == 1
        first, second = payloads(broker.calls)[:2]
        assert first == {"clientId": broker.client_id, "clientSecret": broker.client_secret}
        assert second == {"ctidTraderAccountId": int(NUMBER), "accessToken": broker.token}

    def test_each_request_has_an_id_of_its_own(self, broker: CTraderBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        ids = [call.body["clientMsgId"] for call in broker.calls]
        assert len(set(ids)) == len(ids)

    def test_a_connection_that_does_nothing_beats(
        self, broker: CTraderBroker, stand: Stand, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ctrader_connection, "HEARTBEAT_SECONDS", 0.03)
        stand.venue.positions(ACCOUNT)
        until(lambda: len(broker.heartbeats()) >= 3)
        assert broker.heartbeats()[0].body == {"payloadType": 51, "payload": {}}

    def test_beats_are_often_enough_for_the_venue(self) -> None:
        assert ctrader_connection.HEARTBEAT_SECONDS <= 10

    def test_a_broker_that_fell_silent_is_left(
        self, broker: CTraderBroker, stand: Stand, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ctrader_connection, "HEARTBEAT_SECONDS", 0.03)
        monkeypatch.setattr(ctrader_connection, "SILENCE_SECONDS", 0.1)
        stand.venue.positions(ACCOUNT)
        until(lambda: not broker.clients)
        stand.venue.positions(ACCOUNT)
        assert broker.connections == 2

    def test_a_broker_that_beats_is_kept(
        self, broker: CTraderBroker, stand: Stand, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ctrader_connection, "HEARTBEAT_SECONDS", 0.03)
        monkeypatch.setattr(ctrader_connection, "SILENCE_SECONDS", 0.2)
        stand.venue.positions(ACCOUNT)
        for _ in range(10):
            broker.tell(51, {})
            time.sleep(0.04)
        assert (broker.connections, len(broker.clients)) == (1, 1)

    def test_a_lost_connection_is_opened_again_at_the_next_use(self, broker: CTraderBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        reading = readers()
        broker.drop_clients()
        # Noticed here, not there alone: who sends before that cannot know what became of it.
        until(lambda: readers() < reading)
        stand.venue.place_entry(stand.entry(NEXT_TAG))
        # Sizes may have changed meanwhile: they are asked for again.
        assert asked(broker) == [*LOGGED_IN, *LOOKED_UP, "order"] * 2

    def test_an_answer_of_another_kind_is_none(self, stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(NAMES, 2124, ("reconcile", 2122))
        with pytest.raises(Unclear, match="message 2122 in answer to RECONCILE_REQ"):
            stand.venue.positions(ACCOUNT)

    def test_what_waits_when_the_connection_is_lost_is_unclear_at_once(
        self, broker: CTraderBroker, stand: Stand
    ) -> None:
        venue = stand.make(30.0)  # type: ignore[call-arg]
        venue.positions(ACCOUNT)
        broker.misbehave(Fault.HANG, "order")
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(venue.place_entry, stand.entry())
            until(lambda: "order" in asked(broker))
            began = time.monotonic()
            broker.drop_clients()
            with pytest.raises(Unclear, match="lost"):
                waiting.result()
        assert time.monotonic() - began < 2

    def test_a_connection_on_which_nothing_comes_back_takes_no_more_requests(
        self, broker: CTraderBroker, stand: Stand
    ) -> None:
        venue = stand.make()
        venue.positions(ACCOUNT)
        broker.misbehave(Fault.HANG, "order")
        with pytest.raises(Unclear):
            venue.place_entry(stand.entry())
        venue.place_entry(stand.entry(NEXT_TAG))
        assert broker.connections == 2

    def test_what_is_under_way_on_such_a_connection_may_still_be_answered(
        self, broker: CTraderBroker, stand: Stand
    ) -> None:
        venue = stand.make()
        venue.positions(ACCOUNT)
        broker.misbehave(Fault.HANG, "reconcile")
        broker.misbehave(Fault.DELAY, "trader", seconds=0.3)
        with ThreadPoolExecutor(2) as pool:
            hanging = pool.submit(venue.positions, ACCOUNT)
            until(lambda: asked(broker).count("reconcile") == 2)
            time.sleep(0.2)
            slow = pool.submit(venue.account_status, ACCOUNT)
            with pytest.raises(Unclear):
                hanging.result()
            assert venue.positions(ACCOUNT) == []
            assert broker.connections == 2
            assert slow.result() is not None

    @pytest.mark.parametrize(
        ("event", "again"),
        [
            ((2164, {"ctidTraderAccountId": int(NUMBER)}), ["account"]),
            ((2147, {"ctidTraderAccountIds": [int(NUMBER)], "reason": "token was refreshed"}), ["account"]),
            ((2148, {"reason": "maintenance"}), LOGGED_IN),
            ((2164, {"ctidTraderAccountId": int(OTHER_NUMBER)}), []),
        ],
    )
    def test_a_session_that_the_broker_ends_is_begun_again(
        self, broker: CTraderBroker, stand: Stand, event: tuple[int, Any], again: list[str]
    ) -> None:
        stand.venue.positions(ACCOUNT)
        before = len(asked(broker))
        broker.tell(*event)
        time.sleep(0.05)
        stand.venue.positions(ACCOUNT)
        assert asked(broker)[before:] == [*again, "reconcile"]

    def test_an_order_to_a_forgotten_session_was_not_taken_and_the_next_logs_in(
        self, broker: CTraderBroker, stand: Stand
    ) -> None:
        stand.venue.place_entry(stand.entry())
        broker.clients[0].accounts.clear()
        with pytest.raises(NotSent, match="not authorized") as caught:
            stand.venue.place_entry(stand.entry(NEXT_TAG))
        assert not caught.value.final
        assert stand.venue.place_entry(stand.entry(NEXT_TAG)).state is OrderState.FILLED
        assert stand.market_orders() == 2

    def test_changed_symbols_are_asked_for_again(self, broker: CTraderBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        broker.desk.symbols[0].lot_size = 1000
        broker.tell(2120, {"ctidTraderAccountId": int(NUMBER), "symbolId": [275]})
        time.sleep(0.05)
        stand.venue.place_entry(stand.entry(NEXT_TAG))
        assert [order["volume"] for order in payloads(broker.calls_to("order"))] == [300, 3000]

    def test_no_proxy_from_the_environment_is_used(self, stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        assert stand.venue.positions(ACCOUNT) == []

    def test_many_who_find_nobody_there_do_not_queue_up(self, stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
        tries: list[str] = []

        def nobody(url: str, *_: object) -> ctrader_connection.Connection:
            tries.append(url)
            time.sleep(0.3)
            raise NotSent("nobody there")

        monkeypatch.setattr(ctrader_session, "connect", nobody)
        venue = stand.make()

        def failing(number: int) -> bool:
            with pytest.raises(NotSent, match="nobody there") as caught:
                venue.place_entry(stand.entry(f"pr{number:018d}"))
            return caught.value.final

        with ThreadPoolExecutor(6) as pool:
            assert list(pool.map(failing, range(6))) == [False] * 6
        assert len(tries) == 1
        failing(6)
        assert len(tries) == 2

    def test_requests_are_counted_for_the_whole_login(self, stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ctrader_session, "REQUESTS", "4 per 60 second")
        venue = stand.make()
        venue.positions(ACCOUNT)
        venue.positions(ACCOUNT)
        with pytest.raises(NotSent, match="rate limit") as caught:
            venue.cancel_order(ACCOUNT, "1")
        assert caught.value.retry_after is not None

    def test_looking_back_has_a_limit_of_its_own(self, stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ctrader_session, "HISTORICAL_REQUESTS", "1 per 60 second")
        venue = stand.make()
        assert venue.find_order(ACCOUNT, TAG, sent_at=datetime.now(UTC)) is None
        with pytest.raises(NotSent, match="rate limit"):
            venue.find_order(ACCOUNT, TAG, sent_at=datetime.now(UTC), order_id="1")
        assert venue.place_entry(stand.entry()).state is OrderState.FILLED

    def test_no_frame_is_logged(self, stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("DEBUG")
        stand.venue.positions(ACCOUNT)
        stand.venue.close()
        assert [one for one in caplog.records if one.name.startswith(("connectors", "websockets.client"))] == []

    def test_threads_end_with_the_venue_which_may_be_closed_twice_and_used_again(
        self, broker: CTraderBroker, stand: Stand, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        end = ctrader_connection.Connection._end

        def slowly(connection: ctrader_connection.Connection) -> None:
            time.sleep(0.1)
            end(connection)

        monkeypatch.setattr(ctrader_connection.Connection, "_end", slowly)
        before = set(threading.enumerate())
        stand.venue.positions(ACCOUNT)
        stand.venue.close()
        assert not [one for one in set(threading.enumerate()) - before if one.name == "ctrader-reader"]
        stand.venue.close()
        until(lambda: not broker.clients)
        until(lambda: not [one for one in set(threading.enumerate()) - before if one.name != "Thread-timer"])
        assert stand.venue.positions(ACCOUNT) == []


LOCAL: dict[str, Any] = {"firm_code": "FTMO", "platform": "ctrader", "key": "k", "secret": "s", "token": "t"}
SECRETS = ("app-secret-1", "access-token-1", "app-id-1", "another-secret", "another-token")


class TestLogin(AtCTrader):
    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"secret": "another-secret"}, "CH_CLIENT_AUTH_FAILURE"),
            ({"token": "another-token"}, "CH_ACCESS_TOKEN_INVALID"),
            ({"token": None}, "no token"),
            ({"key": None}, "no key"),
            ({"secret": ""}, "no secret"),
            ({"url": "https://127.0.0.1:5036"}, "expected wss://host:port"),
            ({"url": "ws://127.0.0.1:port"}, "no address"),
        ],
    )
    def test_a_wrong_login_is_final_and_no_secret_is_told(
        self, broker: CTraderBroker, stand: Stand, changes: dict[str, Any], says: str
    ) -> None:
        given = login(broker, timeout=1.0, **changes)
        venue = CTrader(given, {ACCOUNT: NUMBER})
        with pytest.raises(NotSent, match=says) as caught:
            venue.place_entry(stand.entry())
        assert caught.value.final
        assert stand.market_orders() == 0
        told = f"{told_by(caught.value)} {venue!r} {given!r}"
        assert [secret for secret in SECRETS if secret in told] == []
        if "token" not in changes:
            until(lambda: not broker.clients)
        venue.close()

    @pytest.mark.parametrize("number", ["", "77x", "-5"])
    def test_an_account_without_its_number_is_final(self, broker: CTraderBroker, stand: Stand, number: str) -> None:
        venue = CTrader(login(broker), {ACCOUNT: number})
        with pytest.raises(NotSent, match=r"FTMO/1.*digits") as caught:
            venue.place_entry(stand.entry())
        assert caught.value.final
        assert broker.connections == 0

    def test_an_account_the_login_does_not_have_is_final(self, broker: CTraderBroker, stand: Stand) -> None:
        venue = CTrader(login(broker), {ACCOUNT: "7700000"})
        with pytest.raises(NotSent, match="CH_CTID_TRADER_ACCOUNT_NOT_FOUND") as caught:
            venue.place_entry(stand.entry())
        assert caught.value.final
        venue.close()

    @pytest.mark.parametrize("path", LOGGED_IN)
    @pytest.mark.parametrize("fault", [Fault.HANG, Fault.RESET, Fault.SERVER_ERROR, Fault.TAKEN_GARBAGE])
    def test_a_login_without_a_clear_answer_sent_nothing(
        self, broker: CTraderBroker, stand: Stand, path: str, fault: Fault
    ) -> None:
        venue = stand.make()
        broker.misbehave(fault, path, times=2)
        with pytest.raises(NotSent) as caught:
            venue.place_entry(stand.entry())
        assert not caught.value.final
        with pytest.raises(NotSent):
            venue.positions(ACCOUNT)
        assert venue.place_entry(stand.entry()).state is OrderState.FILLED

    @pytest.mark.parametrize("path", LOOKED_UP)
    def test_a_symbol_without_a_clear_answer_sent_nothing(self, broker: CTraderBroker, stand: Stand, path: str) -> None:
        venue = stand.make()
        broker.misbehave(Fault.HANG, path)
        with pytest.raises(NotSent) as caught:
            venue.place_entry(stand.entry())
        assert not caught.value.final
        assert "order" not in asked(broker)

    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
            b"no HTTP at all\r\n\r\n",
            b"",
        ],
    )
    def test_an_address_where_something_else_answers_sends_nothing(self, stand: Stand, answer: bytes) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]

            def speak() -> None:
                connection, _ = server.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(answer)

            speaking = threading.Thread(target=speak)
            speaking.start()
            venue = CTrader(VenueLogin(**LOCAL, url=f"ws://127.0.0.1:{port}", timeout=1.0), {ACCOUNT: NUMBER})
            with pytest.raises(NotSent) as caught:
                venue.cancel_order(ACCOUNT, "1")
            speaking.join()
        assert not caught.value.final

    def test_a_tls_address_of_a_broker_without_tls_sends_nothing(self, broker: CTraderBroker, stand: Stand) -> None:
        venue = CTrader(login(broker, url=broker.url.replace("ws:", "wss:"), timeout=0.3), {ACCOUNT: NUMBER})
        with pytest.raises(NotSent):
            venue.place_entry(stand.entry())
        assert broker.calls == []


def told_by(error: BaseException | None) -> str:
    texts = []
    while error is not None:
        texts += [str(error), repr(error), repr(vars(error))]
        error = error.__cause__ or error.__context__
    return " ".join(texts)


class TestAccount(AtCTrader):
    def test_equity_is_the_balance_with_the_open_profit_after_costs(self, broker: CTraderBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        stand.venue.place_entry(stand.entry(NEXT_TAG))
        broker.desk.profits = {5001: Decimal("-120.55"), 5002: Decimal("20.5")}
        assert stand.venue.account_status(ACCOUNT) == {
            "balance": Decimal(50000),
            "unrealized_pl": Decimal("-100.05"),
            "equity": Decimal("49899.95"),
        }

    def test_a_profit_that_is_realised_while_it_is_read_is_counted_once(
        self, broker: CTraderBroker, stand: Stand
    ) -> None:
        broker.desk.closes_meanwhile = 1
        status = stand.venue.account_status(ACCOUNT)
        assert status is not None
        now = datetime.now(UTC)
        assert read_status(status, asked_at=now, received_at=now).equity == 52000

    def test_figures_that_never_rest_are_not_told(self, broker: CTraderBroker, stand: Stand) -> None:
        broker.desk.closes_meanwhile = 9
        with pytest.raises(Unclear, match="changed during each"):
            stand.venue.account_status(ACCOUNT)

    def test_long_and_short_of_a_hedged_account_are_both_told(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry(quantity=3))
        stand.book.price = Decimal(16600)
        stand.venue.place_entry(stand.entry(NEXT_TAG, quantity=1))
        stand.venue.place_entry(stand.entry("pr0123456789abcdefgz", quantity=2, side=Side.SELL))
        held = {(position.quantity, position.average_price) for position in stand.venue.positions(ACCOUNT)}
        assert held == {(Decimal(4), Decimal(16525)), (Decimal(-2), Decimal(16600))}

    def test_a_symbol_that_is_no_longer_listed_is_told_by_its_number(
        self, broker: CTraderBroker, stand: Stand, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stand.venue.place_entry(stand.entry())
        monkeypatch.setattr(broker.desk, "light_symbols", list)
        other = stand.make()
        assert [position.symbol for position in other.positions(ACCOUNT)] == ["275"]
        assert other.place_exit(stand.exit(3)).state is OrderState.FILLED

    def test_a_waiting_order_is_told_with_what_is_left_of_it(self, stand: Stand) -> None:
        stand.book.fill_share = Decimal("0.5")
        sent = stand.venue.place_entry(stand.entry(quantity=4))
        (order,) = stand.venue.working_orders(ACCOUNT)
        assert (order.order_id, order.client_order_id, order.symbol) == (sent.order_id, TAG, "US100.cash")
        assert (order.side, order.quantity, order.kind) == (Side.BUY, Decimal(2), "MARKET")

    def test_a_cancel_that_is_refused_is_no_silent_success(self, broker: CTraderBroker, stand: Stand) -> None:
        stand.book.fill_share = Decimal("0.5")
        sent = stand.venue.place_entry(stand.entry(quantity=4))
        broker.desk.refusal = Bad("UNABLE_TO_CANCEL_ORDER", "no")
        with pytest.raises(NotSent, match="UNABLE_TO_CANCEL_ORDER"):
            stand.venue.cancel_order(ACCOUNT, sent.order_id or "")

    @pytest.mark.parametrize(("code", "refused"), [("UNABLE_TO_CANCEL_ORDER", True), ("ORDER_NOT_FOUND", False)])
    def test_a_cancel_may_be_refused_by_an_event(
        self, broker: CTraderBroker, stand: Stand, monkeypatch: pytest.MonkeyPatch, code: str, *, refused: bool
    ) -> None:
        stand.book.fill_share = Decimal("0.5")
        sent = stand.venue.place_entry(stand.entry(quantity=4))
        broker.desk.refusal, broker.desk.late = Bad(code, "no"), True
        monkeypatch.setattr(ctrader_session, "SETTLING_SECONDS", 1.0)
        began = time.monotonic()
        if refused:
            with pytest.raises(NotSent, match=code):
                stand.venue.cancel_order(ACCOUNT, sent.order_id or "")
        else:
            stand.venue.cancel_order(ACCOUNT, sent.order_id or "")
        assert time.monotonic() - began < 0.8

    def test_a_cancel_that_changes_nothing_is_unclear(
        self, broker: CTraderBroker, stand: Stand, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stand.book.fill_share = Decimal("0.5")
        sent = stand.venue.place_entry(stand.entry(quantity=4))
        monkeypatch.setattr(stand.book, "cancel", lambda number: True)
        with pytest.raises(Unclear, match="not known"):
            stand.venue.cancel_order(ACCOUNT, sent.order_id or "")

    def test_flatten_says_what_it_did(self, stand: Stand) -> None:
        stand.book.fill_share = Decimal("0.5")
        sent = stand.venue.place_entry(stand.entry(quantity=4))
        stand.book.fill_share = Decimal(1)
        assert stand.venue.flatten(ACCOUNT) == [
            f"order {sent.order_id} cancelled",
            "position 5001: BUY 2 US100.cash closed",
        ]

    def test_flatten_closes_what_was_filled_while_it_cancelled(
        self, broker: CTraderBroker, stand: Stand, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stand.book.fill_share = Decimal("0.5")
        stand.venue.place_entry(stand.entry(quantity=4))
        stand.book.fill_share = Decimal(1)
        cancel = stand.book.cancel

        def filled_meanwhile(number: int) -> bool:
            (order,) = stand.book.entries(NUMBER)
            if number == order.id:
                stand.book.fill(order, Decimal(1))
                broker.desk.held[5001].volume += 100
            return cancel(number)

        monkeypatch.setattr(stand.book, "cancel", filled_meanwhile)
        stand.venue.flatten(ACCOUNT)
        assert stand.position() == 0

    @pytest.mark.parametrize(
        ("code", "error"), [("MARKET_CLOSED", NotSent), ("POSITION_LOCKED", NotSent), ("UNKNOWN_ERROR", Unclear)]
    )
    def test_flatten_closes_the_rest_when_one_cannot_be_closed(
        self, broker: CTraderBroker, stand: Stand, code: str, error: type[NotSent | Unclear]
    ) -> None:
        stand.venue.place_entry(stand.entry())
        stand.venue.place_entry(stand.entry(NEXT_TAG, quantity=1))
        broker.desk.refusal = Bad(code, "no")
        with pytest.raises(error, match=rf"position 5002.* closed; failed: .*{code}"):
            stand.venue.flatten(ACCOUNT)
        assert stand.position() == 3

    def test_a_position_that_goes_while_flattening_is_no_failure(self, broker: CTraderBroker, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        broker.desk.refusal = Bad("POSITION_NOT_FOUND", "no")
        assert stand.venue.flatten(ACCOUNT) == ["position 5001: BUY 3 US100.cash was gone already"]

    def test_an_order_of_a_kind_that_is_not_known_keeps_nothing_from_being_closed(
        self, broker: CTraderBroker, stand: Stand, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stand.venue.place_entry(stand.entry())
        trade = {"symbolId": 275, "volume": 100, "tradeSide": 1}
        foreign = {"orderId": 9, "orderType": 77, "orderStatus": 1, "tradeData": trade}
        told = broker.desk.reconcile
        monkeypatch.setattr(broker.desk, "reconcile", lambda account: {**told(account), "order": [foreign]})
        (order,) = stand.venue.working_orders(ACCOUNT)
        assert (order.order_id, order.kind) == ("9", "UNKNOWN")
        foreign["orderStatus"] = 66
        assert stand.venue.place_exit(stand.exit(3)).state is OrderState.FILLED

    def test_protective_orders_and_closed_positions_are_none(
        self, broker: CTraderBroker, stand: Stand, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trade = {"symbolId": 275, "volume": 100, "tradeSide": 1}
        protective = {"orderId": 9, "orderType": 4, "orderStatus": 1, "closingOrder": True, "tradeData": trade}
        closed = {"positionId": 8, "positionStatus": 2, "tradeData": trade}
        told = {"order": [protective], "position": [closed]}
        monkeypatch.setattr(broker.desk, "reconcile", lambda account: told)
        assert stand.venue.working_orders(ACCOUNT) == []
        assert stand.venue.positions(ACCOUNT) == []

    def test_a_symbol_that_is_not_described_is_flattened_all_the_same(
        self, broker: CTraderBroker, stand: Stand, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stand.venue.place_entry(stand.entry())
        monkeypatch.setattr(broker.desk, "full_symbols", lambda ids: [])
        assert stand.make().flatten(ACCOUNT) == ["position 5001: BUY volume 300 of symbol 275 closed"]

    def test_accounts_of_a_login_are_kept_apart(self, stand: Stand) -> None:
        stand.venue.place_entry(stand.entry())
        assert stand.venue.positions(OTHER) == []
        assert stand.venue.find_order(OTHER, TAG, sent_at=datetime.now(UTC)) is None
