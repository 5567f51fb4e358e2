"""The Tradovate venue: what every venue must do, and what is special about Tradovate."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from connectors.platforms.tradovate import Tradovate
from connectors.tickets import VenueLogin
from domain.account import AccountKey
from domain.contract import Contract
from tests.brokers.tradovate import TradovateServer
from tests.brokers.tradovate_sessions import KEY, PASSWORD, SECRET, USER
from tests.contract.venue_conformance import Stand, VenueConformance

ACCOUNT = AccountKey("APEX", 1)
NQ = Contract(root="NQ", symbol="NQZ6", month_code="Z", year=2026, tick_size=Decimal("0.25"))


def login(broker: TradovateServer, **changes: Any) -> VenueLogin:
    values: dict[str, Any] = {
        "firm_code": "APEX",
        "platform": "tradovate",
        "url": f"{broker.url}/v1",
        "user": USER,
        "password": PASSWORD,
        "key": KEY,
        "secret": SECRET,
        "timeout": 5.0,
    }
    return VenueLogin(**{**values, **changes})


@pytest.fixture
def stand() -> Iterator[Stand]:
    with TradovateServer() as broker:
        venue = Tradovate(login(broker), {ACCOUNT: "APEX123"})
        yield Stand(
            venue=venue,
            broker=broker,
            account=ACCOUNT,
            account_name="APEX123",
            contract=NQ,
            held="NQZ6",
            order_path="/order/placeo",
            make=lambda: Tradovate(login(broker, timeout=0.5), {ACCOUNT: "APEX123"}),
        )
        venue.close()


class TestTradovate(VenueConformance):
    pass
