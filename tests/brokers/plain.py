"""A plain REST broker: it answers HTTP 200 to what it refuses, and its protective stops are orders of their own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from tests.brokers.book import Order, OrderBook, Refused
from tests.brokers.server import Answer, BrokerServer, Call

KEY, TOKEN = "key-0123456789", "token-9876543210"
STATUS = {
    "WORKING": "WORKING",
    "PARTIAL": "PARTIAL",
    "FILLED": "DONE",
    "CANCELLED": "CANCELLED",
    "REJECTED": "REFUSED",
}


class PlainBroker(BrokerServer):
    """``answers``: what the next calls of a method are answered instead of being acted on; None lets one be acted on.

    ``attached``: stops belong to the position, shrink with it and go with it.
    """

    def __init__(self, book: OrderBook) -> None:
        super().__init__(book)
        self.attached = False
        self.answers: dict[str, list[Answer | None]] = {}

    def answer(self, call: Call) -> Answer:
        with self.book.lock:
            if (call.headers.get("authorization"), call.headers.get("x-api-key")) != (f"Bearer {TOKEN}", KEY):
                return 401, {"ok": False, "error": {"text": f"who is {call.headers.get('authorization')}?"}}
            given = self.answers.get(call.method)
            if given and (answer := given.pop(0)) is not None:
                return answer
            _, _, _, account, *rest = (unquote(part) for part in call.path.split("/"))
            if account not in self.book.accounts:
                return 404, {"ok": False, "error": {"text": "no such account"}}
            answer = self._act(account, rest, call)
            self._follow_positions(account)
            return answer

    def _act(self, account: str, rest: list[str], call: Call) -> Answer:
        match (call.method, *rest):
            case ("POST", "orders"):
                return self._place(account, call.body)
            case ("DELETE" | "PUT", "orders", number):
                return self._change(int(number), call)
            case ("GET", *what):
                return self._told(account, "/".join(what), call.query)
        return 404, {"ok": False, "error": {"text": "no such address"}}

    def _told(self, account: str, what: str, query: dict[str, str]) -> Answer:
        match what:
            case "orders":
                tag = query.get("client_id")
                return 200, {"orders": [self._row(o) for o in self.book.of(account) if tag in (None, o.tag)]}
            case "orders/working":
                return 200, {"orders": [self._row(order) for order in self.book.working(account)]}
            case "positions":
                held = [
                    {"symbol": symbol, "size": abs(size), "direction": "long" if size > 0 else "short", "entry": 16500}
                    for symbol, size in self.book.positions(account)
                ]
                return 200, {"data": {"positions": held}}
            case "":
                balance = str(self.book.balance[account])
                return 200, {"account": {"equity": balance, "cash": balance}}
        return 404, {"ok": False, "error": {"text": "no such address"}}

    def _place(self, account: str, body: Any) -> Answer:
        tag = body["clientId"]
        if self.book.unique_tags and any(order.tag == tag for order in self.book.of(account)):
            return 200, {"ok": False, "error": {"code": "DUPLICATE_ID", "text": f"{tag} is in use"}}
        side = {"B": "BUY", "S": "SELL"}[body["side"]]
        size = Decimal(str(body["qty"]))
        closing = bool(body.get("closing"))
        try:
            order = self.book.place(account, body["symbol"], side, size, tag=tag, closing=closing)
        except Refused as refusal:
            return 200, {"ok": False, "error": {"code": "REFUSED", "text": str(refusal)}}
        if "stop" in body:
            self.book.place(
                account,
                body["symbol"],
                "SELL" if side == "BUY" else "BUY",
                size,
                kind="STOP",
                tag=body["stop"]["clientId"],
                stop_price=Decimal(str(body["stop"]["price"])),
                parent=order.id,
                closing=True,
            )
        return 200, {"ok": True, "order": self._row(order)}

    def _change(self, number: int, call: Call) -> Answer:
        order = self.book.by_id(number)
        if order is None or order.status not in {"WORKING", "PARTIAL"}:
            return 404, {"ok": False, "error": {"text": "no such order"}}
        if call.method == "DELETE":
            self.book.cancel(number)
        else:
            order.quantity = Decimal(str(call.body["qty"]))
        return 200, {"ok": True}

    def _follow_positions(self, account: str) -> None:
        for order in self.book.working(account) if self.attached else ():
            held = abs(self.book.position(account, order.symbol))
            if order.kind == "STOP":
                order.quantity, order.status = held, "WORKING" if held else "CANCELLED"

    def _row(self, order: Order) -> dict[str, Any]:
        return {
            "id": order.id,
            "clientId": order.tag,
            "symbol": order.symbol,
            "side": order.side[0],
            "qty": order.quantity,
            "type": order.kind.lower(),
            "status": STATUS[order.status],
            "filled": order.filled,
            "price": self.book.price if order.filled else 0,
            "reason": order.reason,
        }
