"""cTrader's Open API, against a broker that speaks it over a real WebSocket."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.account_status import read_status
from connectors.platforms import ctrader_connection, ctrader_session
from connectors.platforms.ctrader import CTrader
from connectors.tickets import VenueLogin
from connectors.venue import NotSent, OrderReport, Unclear
from domain.account import AccountKey
from domain.contract import Contract
from domain.order_state import OrderState, Side
from tests.brokers.book import OrderBook
from tests.brokers.ctrader import NAMES, CTraderBroker, payloads
from tests.brokers.ctrader_desk import NETTED, Bad, Listed
from tests.brokers.server import Fault
from tests.contract.venue_conformance import EXIT_TAG, NEXT_TAG, TAG, Stand, VenueConformance

ACCOUNT, OTHER = AccountKey("FTMO", 1), AccountKey("FTMO", 2)
NUMBER, OTHER_NUMBER = "7712345", "7712346"
LOGGED_IN = ["application", "account"]
LOOKED_UP = ["symbols", "symbol"]


@pytest.fixture
def broker() -> Iterator[CTraderBroker]:
    with CTraderBroker(OrderBook(NUMBER, OTHER_NUMBER)) as broker:
        yield broker


@pytest.fixture
def stand(broker: CTraderBroker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    # What is not filled at once is waited for; a broker on the same machine fills at once or not at all.
    monkeypatch.setattr(ctrader_session, "SETTLING_SECONDS", 0.2)
    made: list[CTrader] = []

    def make(timeout: float = 0.4) -> CTrader:
        made.append(CTrader(login(broker, timeout=timeout), {ACCOUNT: NUMBER, OTHER: OTHER_NUMBER}))
        return made[-1]

    contract = Contract(root="NQ", symbol="US100.cash")
    yield Stand(make(1.2), broker, ACCOUNT, NUMBER, contract, "US100.cash", "order", make)
    for venue in made:
        venue.close()


@pytest.fixture
def venue(stand: Stand) -> CTrader:
    assert isinstance(stand.venue, CTrader)
    return stand.venue


def login(broker: CTraderBroker, **changes: Any) -> VenueLogin:
    values: dict[str, Any] = {
        "firm_code": "FTMO",
        "platform": "ctrader",
        "url": broker.url,
        "key": broker.client_id,
        "secret": broker.client_secret,
        "token": broker.token,
    }
    return VenueLogin(**{**values, **changes})


def asked(broker: CTraderBroker) -> list[str]:
    """What the broker was asked, in order, heartbeats aside."""
    return [call.path for call in broker.calls if call.path != "heartbeat"]


def until(holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("it never came about")


class TestCTrader(VenueConformance):
    """What every venue must do."""


class TestSession:
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
        broker.drop_clients()
        until(lambda: not broker.clients)
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


class TestLogin:
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
                venue.place_entry(stand.entry())
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


class TestEntry:
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


def replaced(stand: Stand, lots: str) -> Contract:
    return Contract(root="NQ", symbol=stand.contract.symbol, lots=Decimal(lots))


class TestExit:
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


class TestFindingAnEntry:
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


class TestFindingAnExit:
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


class TestAccount:
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
