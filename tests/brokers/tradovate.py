"""A Tradovate of our own: its REST protocol over an order book, as its partner documentation tells it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.brokers.book import Order, OrderBook, Refused
from tests.brokers.server import Answer, Call
from tests.brokers.tradovate_sessions import TradovateSessions

CONTRACTS = {"NQZ6": 3001, "ESZ6": 3002}
STATUS = {
    "WORKING": "Working",
    "PARTIAL": "Working",
    "FILLED": "Filled",
    "CANCELLED": "Canceled",
    "REJECTED": "Rejected",
}
# The documented fields of a bracket; it has no isAutomated.
BRACKET = {"action", "clOrdId", "orderType", "price", "stopPrice", "maxShow", "pegDifference", "timeInForce"} | {
    *("expireTime", "text")
}


class TradovateServer(TradovateSessions):
    """``hooks``: called before a path is answered, once each.

    ``answers``: what is answered at a path instead, once. ``stop_refusal``: the reason for which a bracket's stop is
    refused while its entry stands. ``pending_looks``: how often an order shows PendingCancel or PendingReplace after a
    command was taken. ``positions_from``: when positions appear, in Unix seconds.
    """

    def __init__(self, book: OrderBook | None = None, *, lifetime: float = 4800.0) -> None:
        super().__init__(book or OrderBook("APEX123", "APEX999"), lifetime=lifetime)
        self.commands: list[dict[str, Any]] = []
        self.versions: list[dict[str, Any]] = []
        self.reports: list[dict[str, Any]] = []
        self.hooks: dict[str, Callable[[], None]] = {}
        self.stop_refusal: str | None = None
        self.pending_looks = 0
        self.answers: dict[str, Answer] = {}
        self.positions_from = 0.0
        self._pending: dict[int, tuple[int, str]] = {}
        self._next = 500_000

    def account_id(self, name: str) -> int:
        return 70_001 + self.book.accounts.index(name)

    def answer(self, call: Call) -> Answer:
        path = call.path.removeprefix("/v1/").lower()
        hook = self.hooks.pop(path, None)
        if hook is not None:
            hook()
        if path in self.answers:
            return self.answers.pop(path)
        penalty = self.penalty(path, call)
        if penalty is not None:
            return 200, penalty
        if path == "auth/accesstokenrequest":
            return self.log_in(call.body)
        if not self.known(path, call):
            return 401, None
        return self._act(path, call.body) if call.method == "POST" else self._look(path, call.query)

    def _act(self, path: str, body: dict[str, Any]) -> Answer:
        act = {
            "order/placeorder": self._place,
            "order/placeoso": self._place_oso,
            "order/cancelorder": self._cancel,
            "order/modifyorder": self._modify,
            "order/liquidateposition": self._liquidate,
            "cashbalance/getcashbalancesnapshot": self._cash,
        }.get(path)
        return (404, None) if act is None else act(body)

    # Orders.

    def _place(self, body: dict[str, Any]) -> Answer:
        with self.book.lock:
            order = self._take(body)
            return 200, order if isinstance(order, dict) else {"orderId": order.id, "failureReason": "Success"}

    def _place_oso(self, body: dict[str, Any]) -> Answer:
        bracket = body["bracket1"]
        if set(bracket) - BRACKET:
            return 400, {"errorText": f"unknown fields {sorted(set(bracket) - BRACKET)}"}
        with self.book.lock:
            entry = self._take({name: value for name, value in body.items() if name != "bracket1"})
            if isinstance(entry, dict):
                return 200, entry
            if self.stop_refusal is not None:
                return 200, {"orderId": entry.id, "failureReason": "InvalidPrice", "failureText": self.stop_refusal}
            stop = self._take({**body, **bracket}, parent=entry.id)
            assert isinstance(stop, Order)
            return 200, {"orderId": entry.id, "oso1Id": stop.id}

    def _take(self, body: dict[str, Any], parent: int | None = None) -> Order | dict[str, Any]:
        account = next((a for a in self.book.accounts if self.account_id(a) == body["accountId"]), None)
        if account is None or body["accountSpec"] != account:
            return {"failureReason": "Unauthorized", "failureText": "Access is denied"}
        if body["symbol"] not in CONTRACTS:
            return {"failureReason": "InvalidContract", "failureText": "Symbol is not found"}
        kind = {"Market": "MARKET", "Stop": "STOP"}[body["orderType"]]
        try:
            order = self.book.place(
                account,
                body["symbol"],
                body["action"].upper(),
                Decimal(body["orderQty"]),
                kind=kind,
                tag=body.get("clOrdId"),
                stop_price=Decimal(str(body["stopPrice"])) if kind == "STOP" else None,
                parent=parent,
            )
        except Refused as error:
            return {"failureReason": "NotEnoughLiquidity", "failureText": str(error)}
        self.command(order.id, "New", number=order.id, clOrdId=order.tag, isAutomated=body.get("isAutomated", False))
        self._version(order.id, order.id, body)
        return order

    def command(self, order: int, kind: str, *, number: int | None = None, **more: Any) -> dict[str, Any]:
        """Put a command on record."""
        if number is None:
            self._next += 1
            number = self._next
        command: dict[str, Any] = {"id": number, "orderId": order, "commandType": kind, "timestamp": _now()}
        command["commandStatus"] = "AtExecution"
        command |= {name: value for name, value in more.items() if value is not None}
        self.commands.append(command)
        return command

    def _version(self, number: int, order: int, body: dict[str, Any]) -> None:
        fields = {name: body[name] for name in ("orderQty", "orderType", "stopPrice", "timeInForce") if name in body}
        version: dict[str, Any] = {"id": number, "orderId": order}
        self.versions.append(version | fields)

    def _cancel(self, body: dict[str, Any]) -> Answer:
        command = self.command(body["orderId"], "Cancel", isAutomated=body.get("isAutomated", False))
        if self.book.cancel(body["orderId"]):
            self._pending[body["orderId"]] = (self.pending_looks, "PendingCancel")
            return 200, {"commandId": command["id"]}
        command["commandStatus"] = "ExecutionRejected"
        return 200, {"failureReason": "TooLate", "failureText": "The order is already completed"}

    def _modify(self, body: dict[str, Any]) -> Answer:
        with self.book.lock:
            order = self.book.by_id(body["orderId"])
            command = self.command(body["orderId"], "Modify", isAutomated=body.get("isAutomated", False))
            self._version(command["id"], body["orderId"], body)
            if order is None or order.status not in {"WORKING", "PARTIAL"} or order.stop_price != body["stopPrice"]:
                command["commandStatus"] = "ExecutionRejected"
                return 200, {"failureReason": "TooLate", "failureText": "The order is already completed"}
            order.quantity = Decimal(body["orderQty"])
            self._pending[order.id] = (self.pending_looks, "PendingReplace")
            return 200, {"commandId": command["id"]}

    def _liquidate(self, body: dict[str, Any]) -> Answer:
        if body["admin"] is not False:
            return 200, {"failureReason": "Unauthorized", "failureText": "You are no administrator"}
        account = next(a for a in self.book.accounts if self.account_id(a) == body["accountId"])
        symbol = _name(body["contractId"])
        with self.book.lock:
            for order in self.book.working(account):
                if order.symbol == symbol:
                    self.book.cancel(order.id)
            net = self.book.position(account, symbol)
            if net == 0:
                return 200, {"failureReason": "Unsupported", "failureText": "There is no position"}
            order = self.book.place(account, symbol, "SELL" if net > 0 else "BUY", abs(net), closing=True)
            self.command(order.id, "New", number=order.id, isAutomated=body.get("isAutomated", False))
            return 200, {"orderId": order.id}

    def _cash(self, body: dict[str, Any]) -> Answer:
        account = next((a for a in self.book.accounts if self.account_id(a) == body["accountId"]), None)
        if account is None:
            return 200, {"errorText": "Access is denied"}
        balance = self.book.balance[account]
        return 200, {
            "totalCashValue": balance,
            "netLiq": balance + Decimal("125.5"),
            "openPnL": Decimal("125.5"),
            "realizedPnL": Decimal("-40.25"),
            "totalPnL": Decimal("85.25"),
        }

    # Entities.

    def _look(self, path: str, query: dict[str, str]) -> Answer:
        entity, _, what = path.partition("/")
        if path == "auth/renewaccesstoken":
            return self.token()
        entities: dict[str, Callable[[], list[dict[str, Any]]]] = {
            "command": self._commands,
            "commandreport": lambda: self.reports,
            "order": self._orders,
            "orderversion": lambda: self.versions,
            "fill": self._fills,
            "position": self._positions,
            "account": self._accounts,
            "contract": lambda: [{"id": number, "name": name} for name, number in CONTRACTS.items()],
        }
        if entity not in entities:
            return 404, None
        with self.book.lock:
            rows = [dict(row) for row in entities[entity]()]
        if what in {"item", "find"}:
            field = "id" if what == "item" else "name"
            row = next((row for row in rows if str(row[field]) == query[field]), None)
            looks, status = self._pending.get(row["id"], (0, "")) if row is not None and entity == "order" else (0, "")
            if row is not None and looks > 0:
                self._pending[row["id"]] = (looks - 1, status)
                row["ordStatus"] = status
            return (404, None) if row is None else (200, row)
        if what == "deps":
            master = "commandId" if entity == "commandreport" else "orderId"
            return 200, [row for row in rows if str(row[master]) == query["masterid"]]
        return (200, rows) if what == "list" else (404, None)

    def _commands(self) -> list[dict[str, Any]]:
        return self.commands

    def _orders(self) -> list[dict[str, Any]]:
        rows = []
        for order in self.book.orders:
            parent = None if order.parent is None else self.book.by_id(order.parent)
            waits = parent is not None and order.status == "WORKING" and parent.status != "FILLED"
            rows.append(
                {
                    "id": order.id,
                    "accountId": self.account_id(order.account),
                    "contractId": CONTRACTS[order.symbol],
                    "timestamp": datetime.fromtimestamp(order.arrived_at, UTC).isoformat(),
                    "action": order.side.capitalize(),
                    "ordStatus": "Suspended" if waits else STATUS[order.status],
                    "admin": False,
                    **({} if parent is None else {"parentId": parent.id}),
                }
            )
        return rows

    def _fills(self) -> list[dict[str, Any]]:
        return [
            {"id": 900_000 + order.id, "orderId": order.id, "action": order.side.capitalize(), "qty": int(order.filled)}
            | {"price": self.book.price, "contractId": CONTRACTS[order.symbol], "active": True, "finallyPaired": 0}
            for order in self.book.orders
            if order.filled
        ]

    def _positions(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        if time.time() < self.positions_from:
            return rows
        for account in self.book.accounts:
            held = dict(self.book.positions(account))
            for symbol in {order.symbol for order in self.book.of(account)}:
                net = held.get(symbol, Decimal(0))
                number = self.account_id(account) * 10 + CONTRACTS[symbol] % 10
                row = {"id": number, "accountId": self.account_id(account), "contractId": CONTRACTS[symbol]}
                rows.append(
                    {**row, "timestamp": _now(), "netPos": int(net), "netPrice": self.book.price if net else None}
                )
        return rows

    def _accounts(self) -> list[dict[str, Any]]:
        return [
            {"id": self.account_id(name), "name": name, "userId": 9, "accountType": "Customer", "active": True}
            for name in self.book.accounts
        ]


def _name(contract: int) -> str:
    return next(name for name, number in CONTRACTS.items() if number == contract)


def _now() -> str:
    return datetime.now(UTC).isoformat()
