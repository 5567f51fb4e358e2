"""A stand at a cTrader broker, for the tests of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from connectors.platforms import ctrader_session
from connectors.platforms.ctrader import CTrader
from connectors.tickets import VenueLogin
from domain.account import AccountKey
from domain.contract import Contract
from tests.brokers.book import OrderBook
from tests.brokers.ctrader import CTraderBroker
from tests.contract.venue_conformance import Stand

ACCOUNT, OTHER = AccountKey("FTMO", 1), AccountKey("FTMO", 2)
NUMBER, OTHER_NUMBER = "7712345", "7712346"
LOGGED_IN = ["application", "account"]
LOOKED_UP = ["symbols", "symbol"]


class AtCTrader:
    """Tests of a class that derives from this have a broker and a venue that is connected to it."""

    @pytest.fixture
    def broker(self) -> Iterator[CTraderBroker]:
        with CTraderBroker(OrderBook(NUMBER, OTHER_NUMBER)) as broker:
            yield broker

    @pytest.fixture
    def stand(self, broker: CTraderBroker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
        # What is not filled at once is waited for; a broker on the same machine fills at once or not at all.
        monkeypatch.setattr(ctrader_session, "SETTLING_SECONDS", 0.6)
        made: list[CTrader] = []

        def make(timeout: float = 0.4) -> CTrader:
            made.append(CTrader(login(broker, timeout=timeout), {ACCOUNT: NUMBER, OTHER: OTHER_NUMBER}))
            return made[-1]

        contract = Contract(root="NQ", symbol="US100.cash")
        yield Stand(make(1.2), broker, ACCOUNT, NUMBER, contract, "US100.cash", "order", make)
        for venue in made:
            venue.close()

    @pytest.fixture
    def venue(self, stand: Stand) -> CTrader:
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


def replaced(stand: Stand, lots: str) -> Contract:
    return Contract(root="NQ", symbol=stand.contract.symbol, lots=Decimal(lots))
