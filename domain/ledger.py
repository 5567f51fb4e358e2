"""A leg as the order ledger knows it: planned, sent, answered."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.account import AccountKey
from domain.contract import Contract
from domain.order_state import OrderState, Side

_ID_LENGTH = 20


class Purpose(StrEnum):
    ENTRY = "ENTRY"
    EXIT = "EXIT"


def client_order_id(identity: str, task_id: int, account: AccountKey, purpose: Purpose, leg: int) -> str:
    """Return the name under which a leg goes to its venue: 20 small letters and digits, the same at every call.

    ``identity`` is the ledger's own, so that a new database does not repeat the names of an old one: a venue may keep
    them for ever. 100 bits of a hash: two legs do not meet. Every platform in use takes 20 letters and digits.
    """
    text = f"{identity}|{task_id}|{account.firm_code}|{account.program_id}|{purpose}|{leg}"
    digest = hashlib.sha256(text.encode()).digest()
    return base64.b32encode(digest).decode().lower()[:_ID_LENGTH]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLeg:
    """A leg that was decided and is about to be written down. Contracts, points, dollars; UTC.

    An exit has no ``quantity`` yet: it is sized from what is open when it is sent, all of it unless ``asked_quantity``
    or ``asked_percent`` say less. ``lifetime``: seconds after which it is not sent any more.
    """

    account: AccountKey
    purpose: Purpose
    contract: Contract
    side: Side
    lifetime: float
    cause: str
    leg: int = 1
    quantity: Decimal | None = None
    asked_quantity: Decimal | None = None
    asked_percent: Decimal | None = None
    entry_price: Decimal | None = None
    stop_price: Decimal | None = None
    worst_case: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerOrder:
    """A leg on record. ``open_quantity``: what of an entry is open, or may be."""

    id: int
    task_id: int
    trade_id: str
    account: AccountKey
    purpose: Purpose
    leg: int
    client_order_id: str
    state: OrderState
    contract: Contract
    side: Side
    quantity: Decimal | None
    entry_price: Decimal | None
    stop_price: Decimal | None
    worst_case: Decimal | None
    filled: Decimal
    average_price: Decimal | None
    not_held: Decimal
    closed: Decimal
    open_quantity: Decimal
    venue_order_id: str | None
    attempts: int
    created_at: datetime
    sent_at: datetime | None
    expires_at: datetime
    updated_at: datetime
    cause: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLeg:
    """What an entry, or several of one product, may still cost their account, as its decisions count it.

    ``quantity``: contracts open, or that may be; 0 for a trade that is closed while no figures of the account have been
    seen since. ``risk``: dollars lost if its stop is hit, None where that is not known. ``settled``: it is in the
    account's figures, its open profit or loss part of them; False while it is planned, sent or closed unseen.
    """

    root: str
    quantity: Decimal
    risk: Decimal | None
    settled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """All that is open or pending on one account; ``unresolved``: how many orders nobody knows the fate of."""

    legs: tuple[OpenLeg, ...] = ()
    unresolved: int = 0

    def reserved(self, unrealized_pl: Decimal | None) -> Decimal | None:
        """Return the dollars that equity may still lose to what is open and pending, None where that is not known.

        Equity already holds the open profit or loss of settled legs, so to the stop it has that much more, or less, to
        lose: risk plus open profit. Where that is not known, the risk from the entry price counts.
        """
        if not self.legs:
            return Decimal(0)
        risks = [leg.risk for leg in self.legs]
        if any(risk is None for risk in risks):
            return None
        settled = sum((leg.risk or Decimal(0) for leg in self.legs if leg.settled), Decimal(0))
        pending = sum((leg.risk or Decimal(0) for leg in self.legs if not leg.settled), Decimal(0))
        if settled and unrealized_pl is not None:
            settled = max(Decimal(0), settled + unrealized_pl)
        return settled + pending

    def with_leg(self, leg: OpenLeg) -> Exposure:
        """Return the exposure with one more leg."""
        return Exposure(legs=(*self.legs, leg), unresolved=self.unresolved)
