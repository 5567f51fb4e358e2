"""What cTrader's record says of an account: what is open, and the orders of a stretch of time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from connectors.platforms.ctrader_errors import GONE
from connectors.platforms.ctrader_orders import HeldPosition, PlacedOrder, held_position, placed_order
from connectors.platforms.ctrader_session import Session
from connectors.platforms.ctrader_wire import AccountType, Fields, Message, choice, part, parts
from connectors.venue import Unclear

# The list of orders does not go beyond a week a request (schema of the cash flows; clients keep to it for orders, too).
LONGEST_WINDOW_MS = 7 * 24 * 3_600_000 - 1
SHORTEST_WINDOW_MS = 1_000


@dataclass(frozen=True, slots=True)
class Open:
    """What an account has in the market: ``orders`` that wait, protective ones not among them, and ``positions``."""

    orders: list[PlacedOrder]
    positions: list[HeldPosition]


class Record:
    """Reads. Every method raises NotSent and Unclear."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._netted: dict[int, bool] = {}

    def open(self, account: int) -> Open:
        """Return what is open."""
        answer = self._session.ask(account, Message.RECONCILE_REQ, Message.RECONCILE_RES)
        orders = [placed_order(fields) for fields in parts(answer, "order")]
        return Open([order for order in orders if not order.closing], _positions(answer))

    def positions(self, account: int) -> list[HeldPosition]:
        """Return open positions, the oldest first."""
        return _positions(self._session.ask(account, Message.RECONCILE_REQ, Message.RECONCILE_RES))

    def orders(self, account: int, start_ms: int, end_ms: int) -> list[PlacedOrder]:
        """Return every order of a stretch of time. Raises Unclear where the venue does not show all of it.

        The venue cuts long lists without saying where to go on: the stretch is then halved.
        """
        end_ms = min(end_ms, start_ms + LONGEST_WINDOW_MS)
        fields = {"fromTimestamp": start_ms, "toTimestamp": end_ms}
        answer = self._session.ask(account, Message.ORDER_LIST_REQ, Message.ORDER_LIST_RES, fields)
        if not answer.get("hasMore", False):
            return _distinct(parts(answer, "order"))
        if end_ms - start_ms <= SHORTEST_WINDOW_MS:
            raise Unclear("more orders within a second than the venue shows", fields)
        middle = (start_ms + end_ms) // 2
        halves = self.orders(account, start_ms, middle) + self.orders(account, middle, end_ms)
        return list({order.id: order for order in halves}.values())

    def order(self, account: int, order_id: int) -> PlacedOrder | None:
        """Return one order by its number, None where the venue does not know it."""
        fields = {"orderId": order_id}
        try:
            answer = self._session.ask(account, Message.ORDER_DETAILS_REQ, Message.ORDER_DETAILS_RES, fields)
        except Unclear as error:
            if error.raw.get("errorCode") in GONE:
                return None
            raise
        return placed_order(part(answer, "order"))

    def orders_of(self, account: int, position_id: int) -> list[PlacedOrder]:
        """Return the orders of a position."""
        request, expected = Message.ORDER_LIST_BY_POSITION_ID_REQ, Message.ORDER_LIST_BY_POSITION_ID_RES
        return _distinct(parts(self._session.ask(account, request, expected, {"positionId": position_id}), "order"))

    def trader(self, account: int) -> Fields:
        """Return ProtoOATrader."""
        return part(self._session.ask(account, Message.TRADER_REQ, Message.TRADER_RES), "trader")

    def netted(self, account: int) -> bool:
        """Return whether the account has one position a symbol at most, into which all trades merge."""
        if account not in self._netted:
            kind = choice(AccountType, self.trader(account), "accountType", AccountType.HEDGED)
            self._netted[account] = kind is AccountType.NETTED
        return self._netted[account]


def _positions(answer: Fields) -> list[HeldPosition]:
    positions = [held_position(fields) for fields in parts(answer, "position")]
    return sorted((held for held in positions if held.open), key=lambda held: (held.opened, held.id))


def _distinct(fields: Iterable[Fields]) -> list[PlacedOrder]:
    orders = [placed_order(entry) for entry in fields]
    return list({order.id: order for order in orders}.values())
