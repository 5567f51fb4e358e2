"""A DXtrade that speaks its REST interface over an order book: sessions, order groups, versions, position codes."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from tests.brokers.book import Order, OrderBook, Refused
from tests.brokers.server import Answer, BrokerServer, Call

USER, PASSWORD = "trader", "s3cret-pass"
STATUS = {
    "WORKING": "WORKING",
    "PARTIAL": "WORKING",
    "FILLED": "COMPLETED",
    "CANCELLED": "CANCELED",
    "REJECTED": "REJECTED",
}


class DXtradeBroker(BrokerServer):
    """Accounts are position-based unless told: each entry makes a position of its own, whose code is the entry's id.

    ``timeout``: what a login says of the token's life. ``assigns_quantity``: protective orders show the position's
    quantity, with the opposite sign. ``late_refusals``: refused orders are first taken. ``stale``: so many changes are
    told that the list has changed. ``closed``: the interface is not open to clients. ``hides_stops``: the history does
    not have protective orders. ``answers``: what the next calls of a method are answered instead of being acted on;
    None lets one be acted on.
    """

    def __init__(self, book: OrderBook) -> None:
        super().__init__(book)
        self.domain = "default"
        self.timeout: Any = "00:30:00"
        self.position_based = True
        self.assigns_quantity = False
        self.late_refusals = False
        self.acknowledges_stops = True
        self.history_lags = False
        self.filters_history = True
        self.names_client_ids = True
        self.names_positions = True
        self.tells_versions = True
        self.hides_stops = False
        self.closed = False
        self.stale = 0
        self.logins = 0
        self.tokens: set[str] = set()
        self.answers: dict[str, list[Answer | None]] = {}
        self._numbers = itertools.count(1)

    @property
    def base(self) -> str:
        return f"{self.url}/dxsca-web"

    def forget_sessions(self) -> None:
        self.tokens.clear()

    def answer(self, call: Call) -> Answer:
        with self.book.lock:
            if call.path == "/dxsca-web/login":
                return self._log_in(call.body)
            if call.headers.get("authorization", "").removeprefix("DXAPI ") not in self.tokens:
                return 401, {"errorCode": 1, "description": "Authorization required"}
            given = self.answers.get(call.method)
            if given and (answer := given.pop(0)) is not None:
                return answer
            _, _, _, account, *rest = (unquote(part) for part in call.path.split("/"))
            clearing, _, name = account.partition(":")
            if clearing != "default" or name not in self.book.accounts:
                return 404, {"errorCode": 2, "description": "Entity not found at server"}
            return self._of_account(name, rest, call)

    def fill_stop(self, tag: str) -> None:
        """Let the market reach a protective stop."""
        with self.book.lock:
            (stop,) = self.book.tagged(tag)
            stop.quantity = self.held(stop.parent)
            self.book.fill(stop)

    def held(self, code: int | None) -> Decimal:
        """Return how many units of the position with a code are open."""
        entry = self.book.by_id(code or 0)
        if entry is None or entry.closing:
            return Decimal(0)
        closed = (o.filled for o in self.book.of(entry.account) if o.closing and o.parent == entry.id)
        return entry.filled - sum(closed, Decimal(0))

    def _log_in(self, body: Any) -> Answer:
        self.logins += 1
        if self.closed:
            return 403, {"errorCode": 4, "description": "API access is not permitted"}
        if body != {"username": USER, "domain": self.domain, "password": PASSWORD}:
            return 401, {"errorCode": 3, "description": f"Incorrect username or password {body['password']}"}
        token = f"token{next(self._numbers)}"
        self.tokens.add(token)
        return 200, {"sessionToken": token, "timeout": self.timeout}

    def _of_account(self, account: str, rest: list[str], call: Call) -> Answer:
        match (call.method, *rest):
            case ("POST", "orders"):
                return self._place(account, call.body)
            case ("DELETE", "orders", code):
                return self._cancel(account, code, call.headers.get("if-match"))
            case ("GET", *what):
                return self._told(account, "/".join(what), call.query)
        return 404, {"errorCode": 2, "description": "Entity not found at server"}

    def _told(self, account: str, what: str, query: dict[str, str]) -> Answer:
        match what:
            case "orders":
                working = [self._row(order) for order in self._working(account)]
                return 200, {"orders": working}, {"ETag": self._version(account)} if self.tells_versions else {}
            case "orders/history":
                return 200, {"orders": [self._row(order) for order in self._history(account, query)]}
            case "positions":
                return 200, {"positions": list(self._positions(account))}
            case "metrics":
                figures = {"equity": self.book.balance[account], "balance": self.book.balance[account], "openPL": 0}
                return 200, {"metrics": [{"account": f"default:{account}", **figures}]}
        return 404, {"errorCode": 2, "description": "Entity not found at server"}

    def _place(self, account: str, body: Any) -> Answer:
        requests = body["orders"] if "contingencyType" in body else [body]
        problem = self._problem(account, requests, body.get("contingencyType"))
        if problem is not None:
            return problem
        try:
            placed = self._take(account, requests[0])
        except Refused as refusal:
            if not self.late_refusals:
                return 409, {"errorCode": 1010, "description": str(refusal)}
            placed = self.book.orders[-1]
        ids = [placed.id]
        for stop in requests[1:]:
            order = self.book.place(
                account,
                stop["instrument"],
                stop["side"],
                placed.quantity,
                kind=stop["type"],
                tag=stop["orderCode"],
                stop_price=Decimal(str(stop["stopPrice"])),
                parent=placed.id,
                closing=True,
            )
            ids.append(order.id)
        self._follow_positions(account)
        shown = [{"orderId": number, "updateOrderId": number} for number in ids]
        if len(requests) == 1:
            return 200, shown[0]
        return 200, {"orderResponses": shown if self.acknowledges_stops else shown[:1]}

    def _problem(self, account: str, requests: list[Any], contingency: str | None) -> Answer | None:
        first, *stops = requests
        incorrect = [
            contingency is not None and (contingency != "IF-THEN" or not self.position_based),
            any(request["tif"] != "GTC" for request in requests),
            any(request["positionEffect"] != "OPEN" for request in requests[:1] if stops),
            any(s["positionEffect"] != "CLOSE" or s.get("quantity") or s["side"] == first["side"] for s in stops),
            first["positionEffect"] == "CLOSE" and self.position_based and "positionCode" not in first,
            first["positionEffect"] == "OPEN" and "positionCode" in first,
        ]
        if any(incorrect):
            return 400, {"errorCode": 33, "description": f"Incorrect request <{incorrect.index(True)}>"}
        if self.book.unique_tags:
            for request in requests:
                if any(known.tag == request["orderCode"] for known in self.book.of(account)):
                    return 409, {
                        "errorCode": 100,
                        "description": f"Order with this id already exists ({request['orderCode']})",
                    }
        if first["positionEffect"] == "CLOSE" and "positionCode" in first:
            return self._not_closable(int(first["positionCode"]), first)
        return None

    def _not_closable(self, code: int, request: Any) -> Answer | None:
        entry = self.book.by_id(code)
        if entry is None or self.held(code) < request["quantity"] or entry.side == request["side"]:
            return 409, {"errorCode": 1011, "description": "No such position or not enough of it"}
        return None

    def _take(self, account: str, request: Any) -> Order:
        return self.book.place(
            account,
            request["instrument"],
            request["side"],
            Decimal(str(request["quantity"])),
            tag=request["orderCode"],
            parent=int(request["positionCode"]) if "positionCode" in request else None,
            closing=request["positionEffect"] == "CLOSE",
        )

    def _cancel(self, account: str, code: str, version: str | None) -> Answer:
        if version is None:
            return 403, {"errorCode": 99, "description": "Conditional request required"}
        if self.stale > 0 or version != (self._version(account) if self.tells_versions else "*"):
            self.stale -= 1
            return 412, {"description": "Precondition failed"}
        order = next((o for o in self.book.of(account) if code in {o.tag, self._system_code(o)}), None)
        if order is None:
            return 404, {"errorCode": 2, "description": "Entity not found at server"}
        if not self.book.cancel(order.id):
            return 409, {"errorCode": 1005, "description": "Reference order is closed"}
        self._follow_positions(account)
        return 200, {"orderId": order.id, "updateOrderId": order.id}

    def _follow_positions(self, account: str) -> None:
        """Protective orders go with the size of their position."""
        for order in self.book.working(account):
            entry = self.book.by_id(order.parent or 0)
            if order.kind != "STOP" or entry is None or entry.status in {"WORKING", "PARTIAL"}:
                continue
            order.quantity = self.held(entry.id)
            if order.quantity == 0:
                order.status = "CANCELLED"

    def _working(self, account: str) -> list[Order]:
        self._follow_positions(account)
        return self.book.working(account)

    def _history(self, account: str, query: dict[str, str]) -> list[Order]:
        self._follow_positions(account)
        if self.history_lags:
            return []
        wanted = query.get("with-client-id") if self.filters_history else None
        orders = [o for o in self.book.of(account) if wanted is None or o.tag == wanted]
        return [o for o in orders if not (self.hides_stops and o.kind == "STOP")][-int(query.get("limit", "100")) :]

    def _version(self, account: str) -> str:
        state = [(o.id, o.status, o.filled, o.quantity) for o in self.book.of(account)]
        return f'"{zlib.crc32(repr(state).encode())}"'

    def _positions(self, account: str) -> Iterator[dict[str, Any]]:
        if not self.position_based:
            for symbol, quantity in self.book.positions(account):
                yield self._position(account, symbol, abs(quantity), "BUY" if quantity > 0 else "SELL")
            return
        for entry in self.book.of(account):
            if not entry.closing and self.held(entry.id) > 0:
                shown = self._position(account, entry.symbol, self.held(entry.id), entry.side)
                yield {**shown, "positionCode": str(entry.id)}

    def _position(self, account: str, symbol: str, quantity: Decimal, side: str) -> dict[str, Any]:
        shown = {"symbol": symbol, "quantity": quantity, "side": side, "openPrice": self.book.price}
        return {"account": f"default:{account}", "version": 7, **shown, "openTime": "2026-11-18T15:00:00.000Z"}

    def _system_code(self, order: Order) -> str:
        return f"dxsca-integration-session-code:{order.tag or order.id}"

    def _row(self, order: Order) -> dict[str, Any]:
        attached = order.kind == "STOP" and order.closing
        leg: dict[str, Any] = {
            "instrument": order.symbol,
            "positionEffect": "CLOSE" if order.closing else "OPEN",
            "legRatio": 1.0,
            "filledQuantity": order.filled,
            "averagePrice": self.book.price if order.filled else 0,
        }
        if order.parent is not None:
            leg["positionCode"] = str(order.parent) if self.names_positions else "elsewhere"
        if not attached:
            leg |= {"quantity": order.quantity, "remainingQuantity": order.quantity - order.filled}
        elif self.assigns_quantity:
            leg["quantity"] = -order.quantity
        time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        row = {
            "account": f"default:{order.account}",
            "orderId": order.id,
            "orderCode": self._system_code(order),
            "type": order.kind,
            "instrument": order.symbol,
            "status": STATUS[order.status],
            "finalStatus": order.status in {"FILLED", "CANCELLED", "REJECTED"},
            "legs": [leg],
            "side": order.side,
            "tif": "GTC",
            "issueTime": time,
            "transactionTime": time,
        }
        if order.tag is not None and self.names_client_ids:
            row["clientOrderId"] = order.tag
        if order.reason is not None:
            row["executions"] = [{"finalStatus": True, "filledQuantity": 0, "rejectReason": order.reason}]
        return row
