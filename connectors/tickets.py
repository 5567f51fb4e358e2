"""What a live venue is handed: one entry or one exit, complete to the last figure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from domain.account import AccountKey
from domain.contract import Contract
from domain.order_state import Side
from domain.venue_login import VenueLogin

__all__ = ["EntryTicket", "ExitTicket", "VenueLogin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryTicket:
    """A market order that opens ``quantity`` contracts. Prices in points.

    ``client_order_id``: 20 letters and digits, the same for this leg for ever. ``stop_price`` travels with the entry as
    a protective order where the venue can; ``entry_price`` is the signal's, for venues that take a distance.
    """

    account: AccountKey
    client_order_id: str
    contract: Contract
    side: Side
    quantity: Decimal
    stop_price: Decimal | None = None
    entry_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitTicket:
    """A market order that closes ``quantity`` contracts of one trade and never more than the account holds.

    ``side`` is the closing one. ``entries``: client order ids of the trade's entries, whose protective orders have to
    go with what is closed; ``remaining``: contracts of the trade that stay open, which those must go on protecting.
    """

    account: AccountKey
    client_order_id: str
    contract: Contract
    side: Side
    quantity: Decimal
    entries: tuple[str, ...] = ()
    remaining: Decimal = Decimal(0)
