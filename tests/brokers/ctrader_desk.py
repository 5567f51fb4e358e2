"""A cTrader broker's trading desk over an order book: what requests change, and the events that follow."""

from __future__ import annotations

import itertools
import time
from decimal import Decimal

from tests.brokers.book import Order, OrderBook
from tests.brokers.ctrader_books import (
    ACCEPTED,
    CANCEL_REJECTED,
    CANCELLED,
    FILLED,
    NAMES,
    NETTED,
    OPPOSITE,
    PARTIAL_FILL,
    REJECTED,
    REPLACED,
    Bad,
    Books,
    Fields,
    Held,
    Listed,
    Ticket,
)


class Desk(Books):
    """Acts on requests; every act returns the execution events that follow from it, the answer to it first.

    ``refusal``: what the next order or closing is refused with, ``late`` after it was accepted.
    """

    def __init__(self, book: OrderBook) -> None:
        super().__init__(book)
        self.refusal: Bad | None = None
        self.late = False
        self._ids = itertools.count(5001)

    def new_order(self, account: str, asked: Fields) -> list[Fields]:
        symbol = self._symbol(asked["symbolId"])
        self._refuse()
        self._check(symbol, asked["volume"], asked.get("relativeStopLoss"))
        side = NAMES[asked["tradeSide"]]
        lots = Decimal(asked["volume"]) / symbol.lot_size
        order = self.book.place(account, symbol.name, side, lots, tag=asked.get("clientOrderId"))
        held = self._merged(account, symbol, side) or self._opened(account, symbol, side, asked)
        self.tickets[order.id] = Ticket(
            asked.get("label"), asked.get("comment"), held.id, asked.get("relativeStopLoss")
        )
        events = [self.event(account, ACCEPTED, order, None, status=1, executed=0)]
        if self.late and self.refusal is not None:
            order.status, order.filled = "REJECTED", Decimal(0)
            rejected = self.event(account, REJECTED, order, None, executed=0)
            return [*events, {**rejected, "errorCode": self.refusal.code}]
        if order.filled:
            held.volume += int(order.filled * symbol.lot_size)
            self.held[held.id] = held
            kind = FILLED if order.status == "FILLED" else PARTIAL_FILL
            events.append(self.event(account, kind, order, held))
            events += self._protect(held, order, asked.get("relativeStopLoss"))
        return events

    def close_position(self, account: str, asked: Fields) -> list[Fields]:
        held = self.held.get(asked["positionId"])
        if held is None or held.account != account:
            raise Bad("POSITION_NOT_FOUND", f"Position not found with id {asked['positionId']}")
        self._refuse()
        self._check(held.symbol, asked["volume"], None)
        if asked["volume"] > held.volume:
            raise Bad("TRADING_BAD_VOLUME", "the position is smaller")
        lots = Decimal(asked["volume"]) / held.symbol.lot_size
        order = self.book.place(account, held.symbol.name, OPPOSITE[held.side], lots, closing=True)
        self.tickets[order.id] = Ticket(held.label, held.comment, held.id)
        events = [self.event(account, ACCEPTED, order, held, status=1, executed=0)]
        held.volume -= int(order.filled * held.symbol.lot_size)
        self.version += 1
        if held.volume == 0:
            del self.held[held.id]
        events.append(self.event(account, FILLED if order.status == "FILLED" else PARTIAL_FILL, order, held))
        if held.stop is not None:
            held.stop.quantity = Decimal(held.volume) / held.symbol.lot_size
            if held.volume == 0:
                self.book.cancel(held.stop.id)
            events.append(self.event(account, REPLACED if held.volume else CANCELLED, held.stop, held))
        return events

    def lose(self, position: int, *, stop_out: bool) -> None:
        """Close a position by its stop, or because the account has no margin left."""
        held = self.held.pop(position)
        order = held.stop
        if order is None or stop_out:
            lots = Decimal(held.volume) / held.symbol.lot_size
            order = self.book.place(held.account, held.symbol.name, OPPOSITE[held.side], lots, closing=True)
            self.tickets[order.id] = Ticket(held.label, held.comment, held.id, stop_out=True)
        else:
            self.book.fill(order)
        order.arrived_at = time.time()
        self.version += 1

    def cancel_order(self, account: str, asked: Fields) -> list[Fields]:
        self._refuse()
        order = self.book.by_id(asked["orderId"])
        if order is not None and self.late and self.refusal is not None:
            return [{**self.event(account, CANCEL_REJECTED, order, None), "errorCode": self.refusal.code}]
        if order is None or order.account != account or not self.book.cancel(order.id):
            raise Bad("ORDER_NOT_FOUND", f"Order not found with id {asked['orderId']}")
        return [self.event(account, CANCELLED, order, self.held.get(self.tickets[order.id].position))]

    def _symbol(self, symbol_id: int) -> Listed:
        found = [symbol for symbol in self.symbols if symbol.id == symbol_id]
        if not found:
            raise Bad("SYMBOL_NOT_FOUND", f"no symbol {symbol_id}")
        return found[0]

    def _refuse(self) -> None:
        if self.refusal is not None and not self.late:
            refusal, self.refusal = self.refusal, None
            raise refusal

    def _check(self, symbol: Listed, volume: int, relative_stop: int | None) -> None:
        if volume % symbol.step_volume or not symbol.min_volume <= volume <= symbol.max_volume:
            raise Bad("TRADING_BAD_VOLUME", f"volume {volume}")
        if relative_stop is not None and relative_stop % 10 ** (5 - symbol.digits):
            raise Bad("INVALID_REQUEST", "Relative stop loss has invalid precision")

    def _opened(self, account: str, symbol: Listed, side: str, asked: Fields) -> Held:
        return Held(
            next(self._ids),
            account,
            symbol,
            side,
            0,
            asked.get("label"),
            asked.get("comment"),
            self.book.price,
            int(time.time() * 1000),
        )

    def _merged(self, account: str, symbol: Listed, side: str) -> Held | None:
        of = [held for held in self.held.values() if held.account == account and held.symbol is symbol]
        return of[0] if self.kind == NETTED and of and of[0].side == side else None

    def _protect(self, held: Held, order: Order, relative: int | None) -> list[Fields]:
        lots = Decimal(held.volume) / held.symbol.lot_size
        if held.stop is not None:
            held.stop.quantity = lots
            return [self.event(held.account, REPLACED, held.stop, held)]
        if relative is None:
            return []
        distance = Decimal(relative) / 100_000
        price = held.price - distance if held.side == "BUY" else held.price + distance
        held.stop = self.book.place(
            held.account,
            held.symbol.name,
            OPPOSITE[held.side],
            lots,
            kind="STOP",
            stop_price=price,
            parent=order.id,
            closing=True,
        )
        self.tickets[held.stop.id] = Ticket(held.label, held.comment, held.id)
        return [self.event(held.account, ACCEPTED, held.stop, held)]
