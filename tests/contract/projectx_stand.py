"""The live venue of ProjectX beside a broker that speaks its protocol, for the tests of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from connectors.platforms.projectx import ProjectX
from connectors.tickets import VenueLogin
from domain.account import AccountKey
from domain.contract import Contract
from tests.brokers.book import Order, OrderBook
from tests.brokers.projectx import KEY, USER, ProjectXBroker
from tests.brokers.projectx_readings import TICK
from tests.contract.venue_conformance import Stand

ACCOUNT, NAME = AccountKey("TOPSTEP", 1), "50KTC-V2-1"
NQ = Contract(root="NQ", symbol="NQZ6", month_code="Z", year=2026, tick_size=TICK)
# As many looks as in earnest, without the waiting.
LOOKS = (0.0, 0.02, 0.04)
PLACE = "/api/Order/place"
CANCEL = "/api/Order/cancel"
MODIFY = "/api/Order/modify"
QUERY = "/api/Order/v2/query"
SEARCH = "/api/Order/search"
SEARCH_OPEN = "/api/Order/searchOpen"
BY_ID = "/api/Order/searchById"
POSITIONS = "/api/Position/searchOpen"
CLOSE_CONTRACT = "/api/Position/closeContract"
LOGIN = "/api/Auth/loginKey"
VALIDATE = "/api/Auth/validate"


@dataclass
class ProjectXStand(Stand):
    """``service``: the broker with all that only ProjectX has. ``open_venue``: another venue, closed in the end."""

    service: ProjectXBroker
    open_venue: Callable[..., ProjectX]

    def stops(self) -> list[Order]:
        return [order for order in self.book.of(self.account_name) if order.kind == "STOP"]

    def sent(self, path: str) -> list[Any]:
        """Return the bodies of the calls to a path, to no other that begins with it."""
        return [call.body for call in list(self.service.calls) if call.path == path]


@contextmanager
def projectx_stand() -> Iterator[ProjectXStand]:
    """Run a broker with the account NAME and a second one, and a venue that knows the first."""
    made: list[ProjectX] = []
    with ProjectXBroker(OrderBook(NAME, "PRAC-V2-2")) as service:

        def open_venue(
            *, timeout: float = 1.0, account: str = NAME, calls_per_minute: int = 200, **changes: Any
        ) -> ProjectX:
            values = {"firm_code": "TOPSTEP", "platform": "projectx", "url": service.url, "user": USER, "key": KEY}
            login = VenueLogin(**{**values, **changes}, timeout=timeout)
            made.append(ProjectX(login, {ACCOUNT: account}, calls_per_minute=calls_per_minute, looks=LOOKS))
            return made[-1]

        yield ProjectXStand(
            venue=open_venue(timeout=5.0),
            broker=service,
            account=ACCOUNT,
            account_name=NAME,
            contract=NQ,
            held="NQZ6",
            order_path=PLACE,
            make=open_venue,
            service=service,
            open_venue=open_venue,
        )
        for venue in made:
            venue.close()
