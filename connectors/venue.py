"""What a live venue can do, what it says, and how it fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from connectors.tickets import EntryTicket, ExitTicket
from domain.account import AccountKey
from domain.contract import Contract
from domain.order_state import OrderState, Side

# Behind an entry's client order id this names its protective order.
STOP_OF = "S"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What may be relied on at a venue; nothing is guessed beyond it.

    ``client_tag``: an order carries our client order id. ``unique_tag``: a second order with the same one is refused.
    ``lookup_by_tag``: an order is found by it. ``complete_list``: the list of orders has every order of the account, so
    that one which is missing ``settling_seconds`` after its call was certainly never taken. ``brackets``: the
    protective stop travels with the entry. ``reduce_only``: the venue itself keeps an exit from turning a position.
    ``single_session``: a second login may end the first one's session, so one process at a time may speak to it.
    """

    client_tag: bool
    unique_tag: bool
    lookup_by_tag: bool
    complete_list: bool
    settling_seconds: float | None
    brackets: bool
    reduce_only: bool
    single_session: bool = False

    @property
    def proves_absence(self) -> bool:
        return self.client_tag and self.lookup_by_tag and self.complete_list and self.settling_seconds is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """A venue's clear word on one order. ``filled`` in contracts of the decision, ``average_price`` in points.

    ``message`` is the venue's reason where it refused. ``raw`` is what it said, as far as it is worth keeping.
    ``not_held``: of an exit, the contracts that the account did not hold when it was to be closed.
    """

    state: OrderState
    order_id: str | None
    client_order_id: str | None = None
    filled: Decimal = Decimal(0)
    average_price: Decimal | None = None
    message: str | None = None
    not_held: Decimal = Decimal(0)
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingOrder:
    """An order that waits in the market. ``symbol`` in the venue's own spelling."""

    order_id: str
    client_order_id: str | None
    symbol: str
    side: Side
    quantity: Decimal
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What an account holds of one contract: above 0 long, below 0 short, in the venue's lots."""

    symbol: str
    quantity: Decimal
    average_price: Decimal | None = None


class NotSent(Exception):
    """The order certainly never reached the venue, or the venue said clearly that it did not take it for now.

    ``final``: no use in trying again, something has to be put right first. ``retry_after``: seconds to wait at least.
    """

    def __init__(self, message: str, *, final: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.final = final
        self.retry_after = retry_after


class Unclear(Exception):
    """No clear answer: whether the venue took the order is not known. ``raw``: what came back, if anything."""

    def __init__(self, message: str, raw: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.raw = dict(raw or {})


class LiveVenue(Protocol):
    """One login at one platform. Every method may be called from many threads at a time.

    Every method raises NotSent when the venue was certainly not reached and Unclear when there was no clear answer.
    What was refused is no exception: ``place_entry`` and ``place_exit`` then report REJECTED. Neither ever sends a
    second time what may have arrived.
    """

    capabilities: Capabilities

    def place_entry(self, ticket: EntryTicket) -> OrderReport:
        """Send an entry with its protective stop."""
        ...

    def place_exit(self, ticket: ExitTicket) -> OrderReport:
        """Close ``ticket.quantity``, less where the account holds less; cancel or shrink the trade's protective orders.

        Reports CANCELLED with ``filled`` 0 and no order id where the account holds nothing to close: nothing was sent.
        """
        ...

    def find_order(
        self,
        account: AccountKey,
        client_order_id: str,
        *,
        sent_at: datetime,
        order_id: str | None = None,
        contract: Contract | None = None,
        entries: Sequence[str] = (),
    ) -> OrderReport | None:
        """Return what became of an order, None where the venue's record does not have it.

        ``sent_at``: when it was sent, in UTC, for venues that list orders by time; ``order_id`` where it is known;
        ``contract``: what it trades, by which lots become contracts again; ``entries``: of an exit, the client order
        ids of its trade's entries. With ``STOP_OF`` behind an entry's id its protective order is meant, wherever that
        can be told: FILLED once it has closed the position; None where it cannot be told.
        """
        ...

    def working_orders(self, account: AccountKey) -> list[WorkingOrder]: ...

    def positions(self, account: AccountKey) -> list[Position]: ...

    def cancel_order(self, account: AccountKey, order_id: str) -> None:
        """Cancel a working order; one that is gone already is no error."""
        ...

    def flatten(self, account: AccountKey) -> list[str]:
        """Cancel every working order and close every position; return a sentence for each. May be repeated."""
        ...

    def account_status(self, account: AccountKey) -> dict[str, Any] | None:
        """Return the account's figures as ``connectors.account_status.read_status`` reads them."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...
