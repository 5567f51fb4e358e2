"""A broker that speaks ProjectX Gateway: the answers of api.topstepx.com over an order book."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.brokers.book import Order, OrderBook, Refused
from tests.brokers.projectx_readings import SYMBOLS, TICK, TYPES, ProjectXReadings, no, yes
from tests.brokers.server import Answer, Call

USER, KEY = "trader", "an api key"
POSITION_BRACKETS = "Brackets cannot be used with Position Brackets. You must enable Auto OCO Brackets."
LOGIN = "/api/Auth/loginKey"


class ProjectXBroker(ProjectXReadings):
    """``with ProjectXBroker(book) as broker:``.

    ``auto_oco`` False: the account has Position Brackets, and ``without_auto_oco`` says what a refused bracket leaves:
    "recorded" a rejected order, "placed" a filled one without a stop, "nothing" no order and no number. ``sets_stops``:
    brackets become orders. ``absent``: paths that the service does not have. ``cancels_after``: looks at an order after
    which its accepted cancellation is done.
    """

    def __init__(self, book: OrderBook) -> None:
        super().__init__(book)
        self.book.unique_tags = True
        self.tokens: set[str] = set()
        self.auto_oco = True
        self.without_auto_oco = "recorded"
        self.sets_stops = True
        self.absent: set[str] = set()
        self.cancels_after = 0
        self._next: dict[str, list[Answer]] = {}
        self._before: dict[str, list[Callable[[], Any]]] = {}
        self._serial = itertools.count(1)
        self._paths: dict[str, Callable[[dict[str, Any]], Any]] = {
            "/api/Auth/validate": self._validate,
            "/api/Account/search": self._accounts,
            "/api/Contract/search": self._contracts,
            "/api/Contract/searchById": self._contract,
            "/api/Order/place": self._place,
            "/api/Order/cancel": self._cancel,
            "/api/Order/modify": self._modify,
            "/api/Order/search": self._search,
            "/api/Order/searchOpen": self._search_open,
            "/api/Order/searchById": self._search_by_id,
            "/api/Order/v2/query": self._query,
            "/api/Position/searchOpen": self._positions,
            "/api/Position/closeContract": self._close_contract,
            "/api/Position/partialCloseContract": self._partial_close,
            "/api/Trade/search": self._trades,
        }

    # What tests tell it.

    def refuse(self, path: str, code: int, message: str | None = None, *, times: int = 1) -> None:
        """Answer the next calls to a path with an error code, without doing anything."""
        self.say(path, no(code, message), times=times)

    def say(self, path: str, body: Any, *, status: int = 200, times: int = 1) -> None:
        """Answer the next calls to a path with anything at all, without doing anything."""
        self._next.setdefault(path, []).extend([(status, body)] * times)

    def before(self, path: str, act: Callable[[], Any]) -> None:
        """Let something happen in the market just before the next call to a path."""
        self._before.setdefault(path, []).append(act)

    def stop_fills(self, account: str) -> None:
        """Let the market reach every working stop of an account."""
        for order in self.book.working(account):
            if order.kind == "STOP":
                self.book.fill(order)

    def expire(self) -> None:
        """Let every token's 24 hours end."""
        self.tokens.clear()

    def forget_sessions(self) -> None:
        self.tokens.clear()

    def paths(self) -> list[str]:
        """Return the paths called so far, without their common beginning."""
        return [call.path.removeprefix("/api/") for call in list(self.calls)]

    # What the protocol fills in.

    def answer(self, call: Call) -> Answer:
        with self.book.lock:
            return self._answer(call)

    def _answer(self, call: Call) -> Answer:
        for act in self._before.pop(call.path, []):
            act()
        known = call.headers.get("authorization", "").removeprefix("Bearer ") in self.tokens
        if call.path != LOGIN and not known:
            return 401, None
        if self._next.get(call.path):
            return self._next[call.path].pop(0)
        if call.path == LOGIN:
            return self._login(call.body)
        if call.path not in self._paths or call.path in self.absent:
            return 404, None
        return 200, self._paths[call.path](call.body or {})

    def _token(self) -> str:
        token = f"token-{next(self._serial)}"
        self.tokens.add(token)
        return token

    def _login(self, body: Any) -> Answer:
        if not isinstance(body, dict) or not {"userName", "apiKey"} <= set(body):
            return 400, {"title": "One or more validation errors occurred.", "status": 400}
        if (str(body["userName"]).lower(), body["apiKey"]) != (USER, KEY):
            return 200, no(3, None, token=None)
        return 200, yes(token=self._token())

    def _validate(self, _: dict[str, Any]) -> Any:
        return yes(newToken=self._token())

    def _place(self, body: dict[str, Any]) -> Any:
        account, symbol = self.names.get(body["accountId"]), SYMBOLS.get(body["contractId"])
        if account is None or symbol is None:
            return no(1 if account is None else 8, None, orderId=None)
        side, bracket = ("BUY", "SELL")[body["side"]], body.get("stopLossBracket")
        problem = None if bracket is None else self._bracket_problem(bracket["ticks"], bracket["type"], side)
        if problem == POSITION_BRACKETS and self.without_auto_oco == "nothing":
            return no(2, problem, orderId=None)
        held = self.book.position(account, symbol)
        closing = held < 0 if side == "BUY" else held > 0
        try:
            order = self.book.place(
                account, symbol, side, Decimal(body["size"]), tag=body.get("customTag"), closing=closing
            )
        except Refused as error:
            if "in use" in str(error):
                return no(2, "Specified custom tag is already in use", orderId=None)
            return no(2, str(error), orderId=self.book.orders[-1].id)
        if problem is not None:
            if problem != POSITION_BRACKETS or self.without_auto_oco == "recorded":
                order.status, order.filled, order.reason = "REJECTED", Decimal(0), problem
            return no(2, problem, orderId=order.id)
        if bracket is not None and self.sets_stops:
            self.set_stop(order, bracket["ticks"])
        return yes(orderId=order.id)

    def _bracket_problem(self, ticks: int, kind: int, side: str) -> str | None:
        if not self.auto_oco:
            return POSITION_BRACKETS
        if kind != TYPES["STOP"]:
            return "Invalid stop loss type (Limit)"
        if (ticks > 0) is (side == "BUY"):
            wanted = "less than zero when longing" if side == "BUY" else "greater than zero when going short"
            return f"Invalid stop loss ticks ({ticks}). Ticks should be {wanted}."
        return f"Invalid stop loss ticks ({ticks}). Price should be at least 4 ticks away." if abs(ticks) < 4 else None

    def set_stop(self, entry: Order, ticks: int) -> None:
        """Set the stop of an entry's bracket, as many ticks from the price as it says."""
        self.book.place(
            entry.account,
            entry.symbol,
            "SELL" if entry.side == "BUY" else "BUY",
            entry.filled or entry.quantity,
            kind="STOP",
            tag=f"AutoBracket{entry.id}-SL",
            stop_price=self.book.price + ticks * TICK,
            parent=entry.id,
        )

    def _cancel(self, body: dict[str, Any]) -> Any:
        order = self._order(body)
        if order is None:
            return no(2, None)
        if order.status not in {"WORKING", "PARTIAL"}:
            return no(3, None)
        if self.cancels_after:
            self.cancelling[order.id] = self.cancels_after
        else:
            self.book.cancel(order.id)
        return yes()

    def _modify(self, body: dict[str, Any]) -> Any:
        order = self._order(body)
        if order is None:
            return no(2, None)
        if order.status not in {"WORKING", "PARTIAL"}:
            return no(3, None)
        if body.get("size") is not None:
            order.quantity = Decimal(body["size"])
        if body.get("stopPrice") is not None:
            order.stop_price = body["stopPrice"]
        return yes()

    def _close_contract(self, body: dict[str, Any]) -> Any:
        return self._reduce(body, None, rejected=5)

    def _partial_close(self, body: dict[str, Any]) -> Any:
        return self._reduce(body, Decimal(body["size"]), rejected=6)

    def _reduce(self, body: dict[str, Any], size: Decimal | None, *, rejected: int) -> Any:
        account, symbol = self.names[body["accountId"]], SYMBOLS[body["contractId"]]
        held = self.book.position(account, symbol)
        if held == 0:
            return no(2, None)
        if size is not None and not 0 < size <= abs(held):
            return no(5, None)
        try:
            self.book.place(account, symbol, "SELL" if held > 0 else "BUY", size or abs(held), closing=True)
        except Refused:
            return no(rejected, None)
        return yes()
