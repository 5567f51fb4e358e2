"""A broker's own books, apart from any protocol: orders that arrive, fill and rest, and positions that follow."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass
class Order:
    """One order. ``status``: WORKING, FILLED, PARTIAL (partly filled, still working), CANCELLED, REJECTED."""

    id: int
    account: str
    symbol: str
    side: str
    quantity: Decimal
    kind: str
    tag: str | None
    stop_price: Decimal | None = None
    status: str = "WORKING"
    filled: Decimal = Decimal(0)
    reason: str | None = None
    parent: int | None = None
    closing: bool = False
    arrived_at: float = field(default_factory=time.time)


class Refused(Exception):
    """The broker's clear no."""


class OrderBook:
    """Accounts, orders and positions. Market orders fill at once, stops rest; everything can be told to go otherwise.

    ``fill_share``: the part of a market order that fills at once. ``reject``: the reason for refusing every new order.
    ``unique_tags``: an order whose tag is in the book already is refused. ``keeps_tags``: orders remember theirs.
    """

    def __init__(self, *accounts: str, price: Decimal = Decimal(16500), unique_tags: bool = False) -> None:
        self.lock = threading.RLock()
        self.accounts = accounts or ("ACC1",)
        self.orders: list[Order] = []
        self.balance = {account: Decimal(50000) for account in self.accounts}
        self.price = price
        self.fill_share = Decimal(1)
        self.reject: str | None = None
        self.unique_tags = unique_tags
        self.keeps_tags = True
        self._ids = itertools.count(1001)

    def place(
        self,
        account: str,
        symbol: str,
        side: str,
        quantity: Decimal,
        *,
        kind: str = "MARKET",
        tag: str | None = None,
        stop_price: Decimal | None = None,
        parent: int | None = None,
        closing: bool = False,
    ) -> Order:
        """Take an order. Raises Refused, with the order kept as REJECTED, where the book is told to refuse."""
        with self.lock:
            order = Order(
                id=next(self._ids),
                account=account,
                symbol=symbol,
                side=side,
                quantity=quantity,
                kind=kind,
                tag=tag if self.keeps_tags else None,
                stop_price=stop_price,
                parent=parent,
                closing=closing,
            )
            reason = self.reject
            if account not in self.accounts:
                reason = f"unknown account {account}"
            if self.unique_tags and tag is not None and any(known.tag == tag for known in self.of(account)):
                raise Refused(f"the tag {tag} is in use")
            self.orders.append(order)
            if reason is not None:
                order.status, order.reason = "REJECTED", reason
                raise Refused(reason)
            if kind == "MARKET":
                self.fill(order, (quantity * self.fill_share).to_integral_value() if self.fill_share < 1 else quantity)
            return order

    def fill(self, order: Order, quantity: Decimal | None = None) -> None:
        """Fill an order, wholly unless told how much."""
        with self.lock:
            more = order.quantity - order.filled if quantity is None else quantity
            order.filled += more
            order.status = "FILLED" if order.filled == order.quantity else ("PARTIAL" if order.filled else "WORKING")

    def cancel(self, order_id: int) -> bool:
        """Cancel a resting order; False where it does not rest."""
        with self.lock:
            order = self.by_id(order_id)
            if order is None or order.status not in {"WORKING", "PARTIAL"}:
                return False
            order.status = "CANCELLED"
            return True

    def of(self, account: str) -> list[Order]:
        with self.lock:
            return [order for order in self.orders if order.account == account]

    def by_id(self, order_id: int) -> Order | None:
        with self.lock:
            return next((order for order in self.orders if order.id == order_id), None)

    def tagged(self, tag: str) -> list[Order]:
        """Return every order that was taken under a tag, refused ones not among them."""
        with self.lock:
            return [order for order in self.orders if order.tag == tag and order.status != "REJECTED"]

    def working(self, account: str) -> list[Order]:
        with self.lock:
            return [order for order in self.of(account) if order.status in {"WORKING", "PARTIAL"}]

    def position(self, account: str, symbol: str) -> Decimal:
        """Return what the account holds: above 0 long, below 0 short."""
        return dict(self.positions(account)).get(symbol, Decimal(0))

    def positions(self, account: str) -> Iterator[tuple[str, Decimal]]:
        with self.lock:
            held: dict[str, Decimal] = {}
            for order in self.of(account):
                signed = order.filled if order.side == "BUY" else -order.filled
                held[order.symbol] = held.get(order.symbol, Decimal(0)) + signed
        return iter([(symbol, quantity) for symbol, quantity in held.items() if quantity != 0])

    def entries(self, account: str) -> list[Order]:
        """Return the market orders that opened something, as the book saw them arrive."""
        with self.lock:
            return [o for o in self.of(account) if o.kind == "MARKET" and not o.closing and o.status != "REJECTED"]
