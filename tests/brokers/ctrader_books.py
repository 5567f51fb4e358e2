"""What a cTrader broker knows over its order book, and how the protocol shows it: positions, orders, figures."""

from __future__ import annotations

import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.brokers.book import Order, OrderBook, Refused

Fields = dict[str, Any]
NAMES = {1: "BUY", 2: "SELL"}
SIDES = {"BUY": 1, "SELL": 2}
OPPOSITE = {"BUY": "SELL", "SELL": "BUY"}
STATUS = {"WORKING": 1, "PARTIAL": 1, "FILLED": 2, "REJECTED": 3, "CANCELLED": 5}
MARKET, STOP_LOSS_TAKE_PROFIT = 1, 4
ACCEPTED, FILLED, REPLACED, CANCELLED, REJECTED, CANCEL_REJECTED, PARTIAL_FILL = 2, 3, 4, 5, 7, 8, 11
HEDGED, NETTED = 0, 1


class Bad(Refused):
    """A refusal with a code of the protocol."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code


@dataclass
class Listed:
    """A symbol; volumes in hundredths of a unit."""

    id: int
    name: str
    digits: int
    lot_size: int
    min_volume: int
    max_volume: int
    step_volume: int
    enabled: bool = True


@dataclass
class Ticket:
    """What the desk knows of an order beyond the book."""

    label: str | None
    comment: str | None
    position: int
    relative_stop: int | None = None
    stop_out: bool = False


@dataclass
class Held:
    id: int
    account: str
    symbol: Listed
    side: str
    volume: int
    label: str | None
    comment: str | None
    price: Decimal
    opened: int
    stop: Order | None = None


def listed_symbols() -> list[Listed]:
    return [
        Listed(275, "US100.cash", 2, 100, 1, 100_000, 1),
        Listed(1, "EURUSD", 5, 10_000_000, 100_000, 500_000_000, 100_000),
        Listed(276, "US30.cash", 2, 100, 10, 1_000, 10),
    ]


class Books:
    """Reads, and what events are made of. Changes are the desk's.

    ``unseen_for``: seconds for which new orders are missing in the lists of past ones. ``page``: orders in one list.
    ``version`` counts changes of the balance. ``closes_meanwhile``: how many readings of profits find that a position
    has just been closed.
    """

    def __init__(self, book: OrderBook) -> None:
        self.book = book
        self.symbols = listed_symbols()
        self.held: dict[int, Held] = {}
        self.tickets: dict[int, Ticket] = {}
        self.kind = HEDGED
        self.unseen_for = 0.0
        self.page = 1000
        self.version = 7
        self.profits: dict[int, Decimal] = {}
        self.closes_meanwhile = 0

    def reconcile(self, account: str) -> Fields:
        waiting = [order for order in self.book.working(account) if order.kind == "MARKET"]
        return {
            "position": [self._position(held) for held in self.held.values() if held.account == account],
            "order": [self._order(order) for order in waiting],
        }

    def orders(self, account: str, start_ms: int, end_ms: int) -> Fields:
        seen = time.time() - self.unseen_for
        past = [
            order
            for order in self._told(account)
            if start_ms <= order.arrived_at * 1000 <= end_ms and order.arrived_at <= seen
        ]
        newest_first = sorted(past, key=lambda order: -order.id)
        return {"order": [self._order(order) for order in newest_first[: self.page]], "hasMore": len(past) > self.page}

    def orders_of(self, account: str, position: int) -> Fields:
        seen = time.time() - self.unseen_for
        of = [o for o in self._told(account) if self.tickets[o.id].position == position and o.arrived_at <= seen]
        return {"order": [self._order(order) for order in of], "hasMore": False}

    def order(self, account: str, order_id: int) -> Fields:
        found = [order for order in self._told(account) if order.id == order_id]
        if not found:
            raise Bad("ENTITY_NOT_FOUND", f"no order {order_id}")
        return {"order": self._order(found[0]), "deal": []}

    def trader(self, account: str) -> Fields:
        cents = int(self.book.balance[account] * 100)
        figures = {"balance": cents, "balanceVersion": self.version, "moneyDigits": 2, "accountType": self.kind}
        return {"trader": {"ctidTraderAccountId": int(account), "depositAssetId": 15, **figures}}

    def unrealized(self, account: str) -> Fields:
        if self.closes_meanwhile:
            self.closes_meanwhile -= 1
            self.version += 1
            self.book.balance[account] += 2000
        profits = [
            {
                "positionId": held.id,
                "grossUnrealizedPnL": int(self.profits.get(held.id, Decimal(0)) * 100) + 4,
                "netUnrealizedPnL": int(self.profits.get(held.id, Decimal(0)) * 100),
            }
            for held in self.held.values()
            if held.account == account
        ]
        return {"positionUnrealizedPnL": profits, "moneyDigits": 2}

    def light_symbols(self) -> list[Fields]:
        return [{"symbolId": one.id, "symbolName": one.name, "enabled": one.enabled} for one in self.symbols]

    def full_symbols(self, ids: list[int]) -> list[Fields]:
        return [
            {
                "symbolId": one.id,
                "digits": one.digits,
                "pipPosition": 0,
                "lotSize": one.lot_size,
                "minVolume": one.min_volume,
                "maxVolume": one.max_volume,
                "stepVolume": one.step_volume,
            }
            for one in self.symbols
            if one.id in ids
        ]

    def _told(self, account: str) -> list[Order]:
        # Rejected orders and stops that never triggered are not in the venue's list of past orders.
        return [o for o in self.book.of(account) if (o.kind == "MARKET" and o.status != "REJECTED") or o.filled]

    def event(
        self,
        account: str,
        kind: int,
        order: Order,
        held: Held | None,
        *,
        status: int | None = None,
        executed: int | None = None,
    ) -> Fields:
        told = self._order(order)
        told["orderStatus"] = status or told["orderStatus"]
        if executed is not None:
            told["executedVolume"] = executed
            told.pop("executionPrice", None)
        event: Fields = {"ctidTraderAccountId": int(account), "executionType": kind, "order": told}
        if held is not None:
            event["position"] = self._position(held)
        if order.kind == "STOP":
            event["isServerEvent"] = True
        return event

    def _order(self, order: Order) -> Fields:
        symbol = next(symbol for symbol in self.symbols if symbol.name == order.symbol)
        ticket = self.tickets[order.id]
        at = int(order.arrived_at * 1000)
        told: Fields = {
            "orderId": order.id,
            "tradeData": {
                "symbolId": symbol.id,
                "volume": int(order.quantity * symbol.lot_size),
                "tradeSide": SIDES[order.side],
                "openTimestamp": at,
                **_texts(ticket.label, ticket.comment),
            },
            "orderType": MARKET if order.kind == "MARKET" else STOP_LOSS_TAKE_PROFIT,
            "orderStatus": STATUS[order.status],
            "executedVolume": int(order.filled * symbol.lot_size),
            "utcLastUpdateTimestamp": at,
            "closingOrder": order.closing,
            "timeInForce": 3,
            "positionId": ticket.position,
        }
        # The venue gives an id of its own to what came without one.
        told["clientOrderId"] = order.tag or f"srv-{order.id}"
        if order.filled:
            told["executionPrice"] = self.book.price
        if ticket.stop_out:
            told["isStopOut"] = True
        if ticket.relative_stop is not None:
            told["relativeStopLoss"] = ticket.relative_stop
        return told

    def _position(self, held: Held) -> Fields:
        told: Fields = {
            "positionId": held.id,
            "tradeData": {
                "symbolId": held.symbol.id,
                "volume": held.volume,
                "tradeSide": SIDES[held.side],
                "openTimestamp": held.opened,
                **_texts(held.label, held.comment),
            },
            "positionStatus": 1 if held.volume else 2,
            "swap": 0,
            "price": held.price,
            "moneyDigits": 2,
        }
        if held.stop is not None and held.stop.stop_price is not None:
            told["stopLoss"] = held.stop.stop_price
        return told


def _texts(label: str | None, comment: str | None) -> Fields:
    return {name: value for name, value in (("label", label), ("comment", comment)) if value is not None}
