"""What the broker of ProjectX Gateway lists: accounts, contracts, orders, positions, trades.

Shapes, names and codes are those of the API's own description (swagger, 2026-09) and gateway.docs.projectx.com.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.brokers.book import Order, OrderBook
from tests.brokers.server import BrokerServer

TICK = Decimal("0.25")
CONTRACTS = {"NQZ6": "CON.F.US.ENQ.Z26", "MNQZ6": "CON.F.US.MNQ.Z26", "ESZ6": "CON.F.US.EP.Z26"}
SYMBOLS = {contract_id: symbol for symbol, contract_id in CONTRACTS.items()}
TYPES = {"LIMIT": 1, "MARKET": 2, "STOP": 4, "TRAILING_STOP": 5}
STATUSES = {"WORKING": 1, "PARTIAL": 1, "FILLED": 2, "CANCELLED": 3, "REJECTED": 5}
PENDING_CANCELLATION, SUSPENDED = 7, 8
MOST_ROWS = 100


class ProjectXReadings(BrokerServer):
    """The calls that change nothing; accounts of the book are numbered from 101.

    ``tells_parents``: orders name their parent. ``total_too_high``: orders that a total counts and no page has.
    ``filters`` False: the status that orders are asked for is not looked at.
    ``late_positions``: looks at an account's positions that still show none. ``suspends_all``: a bracket's order stays
    suspended when its entry has filled.
    """

    def __init__(self, book: OrderBook) -> None:
        super().__init__(book)
        self.numbers = {name: number for number, name in enumerate(book.accounts, 101)}
        self.names = {number: name for name, number in self.numbers.items()}
        self.accounts: list[dict[str, Any]] | None = None
        self.tells_parents = True
        self.total_too_high = 0
        self.filters = True
        self.late_positions = 0
        self.suspends_all = False
        self.cancelling: dict[int, int] = {}

    def _accounts(self, _: dict[str, Any]) -> Any:
        listed = self.accounts or [
            {
                "id": number,
                "name": name,
                "balance": self.book.balance[name],
                "canTrade": True,
                "isVisible": True,
                "simulated": True,
            }
            for name, number in self.numbers.items()
        ]
        return yes(accounts=listed)

    def _contracts(self, body: dict[str, Any]) -> Any:
        text = body["searchText"]
        return yes(contracts=[contract_row(symbol) for symbol in CONTRACTS if text in symbol][:20])

    def _contract(self, body: dict[str, Any]) -> Any:
        symbol = SYMBOLS.get(body["contractId"])
        return no(1, None, contract=None) if symbol is None else yes(contract=contract_row(symbol))

    def _search(self, body: dict[str, Any]) -> Any:
        start, end = _at(body["startTimestamp"]), body.get("endTimestamp")
        return yes(orders=[self._row(order) for order in self._of(body) if _between(order, start, end)])

    def _search_open(self, body: dict[str, Any]) -> Any:
        listed = [self._row(order) for order in self._of(body)]
        return yes(orders=[row for row in listed if row["status"] == 1])

    def _search_by_id(self, body: dict[str, Any]) -> Any:
        order = self._order(body)
        return no(1, None, order=None) if order is None else yes(order=self._row(order))

    def _query(self, body: dict[str, Any]) -> Any:
        chosen = body["filter"]
        listed = [self._row(order) for order in self._of(chosen) if _between(order, _at(chosen.get("createdAfter")))]
        if chosen.get("statuses") and self.filters:
            listed = [row for row in listed if row["status"] in chosen["statuses"]]
        start = body.get("pageOffset", 0)
        page = listed[start : start + min(body.get("pageSize", MOST_ROWS), MOST_ROWS)]
        total = len(listed) + self.total_too_high if body.get("includeTotalCount") else None
        return yes(orders=page, totalCount=total)

    def _positions(self, body: dict[str, Any]) -> Any:
        if self.late_positions:
            self.late_positions -= 1
            return yes(positions=[])
        listed = [
            {
                "id": 6000 + number,
                "accountId": body["accountId"],
                "contractId": CONTRACTS[symbol],
                "contractDisplayName": symbol,
                "creationTimestamp": datetime.now(UTC).isoformat(),
                "type": 1 if quantity > 0 else 2,
                "size": abs(int(quantity)),
                "averagePrice": self.book.price,
            }
            for number, (symbol, quantity) in enumerate(self.book.positions(self.names[body["accountId"]]))
        ]
        return yes(positions=listed)

    def _trades(self, body: dict[str, Any]) -> Any:
        return yes(
            trades=[
                {
                    "id": order.id,
                    "accountId": body["accountId"],
                    "contractId": CONTRACTS[order.symbol],
                    "creationTimestamp": _stamp(order),
                    "price": self.book.price,
                    "profitAndLoss": Decimal(0) if order.closing else None,
                    "fees": Decimal("1.4"),
                    "side": ("BUY", "SELL").index(order.side),
                    "size": int(order.filled),
                    "voided": False,
                    "orderId": order.id,
                }
                for order in self._of(body)
                if order.filled
            ]
        )

    def _of(self, body: dict[str, Any]) -> list[Order]:
        return self.book.of(self.names.get(body["accountId"], ""))

    def _order(self, body: dict[str, Any]) -> Order | None:
        return next((order for order in self._of(body) if order.id == body["orderId"]), None)

    def _row(self, order: Order) -> dict[str, Any]:
        return {
            "id": order.id,
            "accountId": self.numbers[order.account],
            "contractId": CONTRACTS[order.symbol],
            "symbolId": CONTRACTS[order.symbol].removeprefix("CON.")[:-4],
            "creationTimestamp": _stamp(order),
            "updateTimestamp": _stamp(order),
            "status": self._status(order),
            "type": TYPES[order.kind],
            "side": ("BUY", "SELL").index(order.side),
            "size": int(order.quantity),
            "limitPrice": None,
            "stopPrice": order.stop_price,
            "fillVolume": int(order.filled),
            "filledPrice": self.book.price if order.filled else None,
            "customTag": order.tag,
            "parentOrderId": order.parent if self.tells_parents else None,
            "linkedOrderId": None,
        }

    def _status(self, order: Order) -> int:
        looks = self.cancelling.get(order.id)
        if looks is not None and order.status == "WORKING":
            self.cancelling[order.id] = looks - 1
            if looks > 0:
                return PENDING_CANCELLATION
            self.book.cancel(order.id)
        parent = None if order.parent is None else self.book.by_id(order.parent)
        waits = parent is not None and (self.suspends_all or not parent.filled)
        if waits and order.status == "WORKING":
            return SUSPENDED
        return STATUSES[order.status]


def yes(**payload: Any) -> dict[str, Any]:
    return {**payload, "success": True, "errorCode": 0, "errorMessage": None}


def no(code: int, message: str | None, **payload: Any) -> dict[str, Any]:
    return {**payload, "success": False, "errorCode": code, "errorMessage": message}


def contract_row(symbol: str) -> dict[str, Any]:
    return {
        "id": CONTRACTS[symbol],
        "name": symbol,
        "description": f"{symbol}: December 2026",
        "tickSize": TICK,
        "tickValue": Decimal(5),
        "activeContract": True,
        "symbolId": CONTRACTS[symbol].removeprefix("CON.")[:-4],
    }


def _stamp(order: Order) -> str:
    return datetime.fromtimestamp(order.arrived_at, UTC).isoformat()


def _at(text: str | None) -> float:
    return 0.0 if text is None else datetime.fromisoformat(text).timestamp()


def _between(order: Order, start: float, end: str | None = None) -> bool:
    return order.arrived_at >= start and (end is None or order.arrived_at <= _at(end))
