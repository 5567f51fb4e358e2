"""What persons decide of orders, differences and halts: who, why, and what may be decided at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from domain.account import AccountKey
from domain.ledger import LedgerOrder
from domain.money import plain
from domain.order_state import OrderState

LONGEST_NAME = 100
LONGEST_REASON = 500
LONGEST_VENUE_ORDER_ID = 200
HIGHEST_ID = 2**63 - 1
RESOLVED_BY_HAND = "RESOLVED_BY_HAND"
SETTLED_BY_HAND = "SETTLED_BY_HAND"
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_LETTER = re.compile(r"(task|leg):(\d{1,19})", re.ASCII)


class Act(StrEnum):
    """What a person did, as it stands on record."""

    RETRY = "RETRY"
    DISCARD = "DISCARD"
    RESOLVE = "RESOLVE"
    ACCEPT = "ACCEPT"
    CLOSE_IN_LEDGER = "CLOSE_IN_LEDGER"
    HALT = "HALT"
    RELEASE = "RELEASE"
    TEST_SIGNAL = "TEST_SIGNAL"
    RESTORE = "RESTORE"


class Outcome(StrEnum):
    """What became of an order by a person's word. NOT_SENT: it never arrived at the venue."""

    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    NOT_SENT = "NOT_SENT"


class Settlement(StrEnum):
    """How a difference to the venue ends. ACCEPT: it is the owner's. CLOSE: the ledger's trades were closed there."""

    ACCEPT = "ACCEPT"
    CLOSE = "CLOSE"


@dataclass(frozen=True, slots=True)
class Signature:
    """Who does something, and why; neither may be missing. Raises ValueError for what is no printable text."""

    by: str
    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "by", _words("who does it", self.by, LONGEST_NAME))
        object.__setattr__(self, "reason", _words("the reason", self.reason, LONGEST_REASON))


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The end of an order whose fate nobody knew. ``filled`` in contracts, ``average_price`` in points.

    Raises ValueError where the parts contradict each other: see ``contradictions``.
    """

    outcome: Outcome
    filled: Decimal | None = None
    average_price: Decimal | None = None
    venue_order_id: str | None = None

    def __post_init__(self) -> None:
        wrong = contradictions(self.outcome, self.filled, self.average_price)
        if wrong:
            raise ValueError("; ".join(f"{name}: {words}" for name, words in wrong.items()))
        if self.venue_order_id is not None:
            _words("the venue's order id", self.venue_order_id, LONGEST_VENUE_ORDER_ID)

    @property
    def contracts(self) -> Decimal:
        """How much was filled; 0 where nothing is said."""
        return Decimal(0) if self.filled is None else self.filled


@dataclass(frozen=True, slots=True)
class LetterName:
    """Which dead letter is meant: ``task:12``, a task that failed for good, or ``leg:34``, an order never sent."""

    kind: str
    id: int

    @classmethod
    def of(cls, text: str) -> LetterName:
        """Raises ValueError for what names no dead letter."""
        match = _LETTER.fullmatch(text.strip().lower())
        if match is None or int(match[2]) > HIGHEST_ID:
            raise ValueError(f"{text!r} names no dead letter: accepted is task:12 or leg:34")
        return cls(match[1], int(match[2]))

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    """Which orders are looked at. ``only_open``: what may still fill, and entries that are not closed again."""

    account: AccountKey | None = None
    trade_id: str | None = None
    state: OrderState | None = None
    only_open: bool = False
    limit: int = 100


def contradictions(outcome: Outcome, filled: Decimal | None, price: Decimal | None) -> dict[str, str]:
    """Return what is wrong with a resolution in itself, by the name of the part."""
    wrong = {}
    if outcome is Outcome.FILLED and (filled is None or filled <= 0):
        wrong["filled"] = "of a filled order the contracts that were filled, above 0"
    elif outcome in {Outcome.REJECTED, Outcome.NOT_SENT} and filled:
        wrong["filled"] = f"nothing is filled of an order that is {outcome}"
    elif filled is not None and filled < 0:
        wrong["filled"] = "0 contracts or more"
    if price is not None and (price <= 0 or not filled):
        wrong["price"] = "a price above 0, and only together with what was filled at it"
    return wrong


def objection(order: LedgerOrder, resolution: Resolution) -> str | None:
    """Return why an order cannot have ended so, None where it can."""
    filled, quantity = resolution.contracts, order.quantity or Decimal(0)
    of = f"order {order.id} is for {plain(quantity)} contracts"
    if filled > quantity:
        return f"{of}: {plain(filled)} cannot be filled of it"
    if filled < order.filled:
        return f"{of}, and {plain(order.filled)} are known to be filled: it cannot be {plain(filled)}"
    if order.contract.month_code is not None and filled != filled.to_integral_value():
        return f"{of}: of a future only whole ones are filled, not {plain(filled)}"
    if resolution.outcome is Outcome.FILLED and filled < quantity:
        return f"{of}: where {plain(filled)} were filled and the rest will not come, its outcome is cancelled"
    if resolution.outcome is Outcome.CANCELLED and filled == quantity:
        return f"{of}: where all of them were filled, its outcome is filled"
    return None


def _words(what: str, text: str, longest: int) -> str:
    words = text.strip()
    if not 0 < len(words) <= longest or _UNPRINTABLE.search(words):
        raise ValueError(f"{what} must be given in 1 to {longest} printable characters")
    return words
