"""A Tradovate venue and its broker, as the tests of both its sessions and its orders stand them up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connectors.platforms.tradovate import Tradovate
from connectors.tickets import VenueLogin
from domain.account import AccountKey
from domain.contract import Contract
from tests.brokers.tradovate import TradovateServer
from tests.brokers.tradovate_sessions import KEY, PASSWORD, SECRET, USER
from tests.contract.venue_conformance import Stand

ACCOUNT = AccountKey("APEX", 1)
NQ = Contract(root="NQ", symbol="NQZ6", month_code="Z", year=2026, tick_size=Decimal("0.25"))
LOGIN_PATH = "/auth/accesstokenrequest"
RENEW_PATH = "/auth/renewaccesstoken"


@dataclass
class TradovateStand(Stand):
    venue: Tradovate
    broker: TradovateServer

    def sent(self, path: str) -> list[Any]:
        """The bodies that were sent to a path."""
        return [call.body for call in self.broker.calls_to(path)]

    def counted(self) -> tuple[int, int]:
        """How many logins and renewals there were."""
        return len(self.sent(LOGIN_PATH)), len(self.sent(RENEW_PATH))


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


@contextmanager
def standing(account: str = "APEX123", **changes: Any) -> Iterator[TradovateStand]:
    """Stand a venue up; ``changes`` to its login."""
    with TradovateServer() as broker:
        venue = Tradovate(login(broker, **changes), {ACCOUNT: account})
        yield TradovateStand(
            venue=venue,
            broker=broker,
            account=ACCOUNT,
            account_name="APEX123",
            contract=NQ,
            held="NQZ6",
            order_path="/order/placeo",
            make=lambda: Tradovate(login(broker, timeout=0.5), {ACCOUNT: account}),
        )
        venue.close()
