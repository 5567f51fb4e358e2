"""Orders and positions as DXtrade's REST interface lists them. Quantities in units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connectors.venue import Unclear
from domain.money import decimal_of
from domain.order_state import OrderState, Side

CLOSE = "CLOSE"
FINAL_STATUSES = frozenset({"COMPLETED", "CANCELED", "EXPIRED", "REJECTED"})
_STATES = {
    "ACCEPTED": OrderState.ACCEPTED,
    "WORKING": OrderState.ACCEPTED,
    "COMPLETED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELLED,
    "EXPIRED": OrderState.CANCELLED,
    "REJECTED": OrderState.REJECTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedOrder:
    """One row of a list of orders. ``code``: the system's own key of it; ``client_id``: the orderCode that we sent."""

    order_id: str
    code: str
    client_id: str | None
    symbol: str
    side: Side
    kind: str
    status: str
    quantity: Decimal
    filled: Decimal
    average_price: Decimal | None
    closing: bool
    position_code: str | None
    reason: str | None
    row: Mapping[str, Any]

    @property
    def state(self) -> OrderState:
        """Return what the status means. Raises Unclear for one that the specification does not have."""
        state = _STATES.get(self.status)
        if state is None:
            raise Unclear(f"DXtrade has order {self.order_id} in an unknown status {self.status!r}", self.row)
        if state is OrderState.FILLED and self.filled == 0:
            raise Unclear(f"DXtrade has order {self.order_id} as COMPLETED without a filled quantity", self.row)
        if state is OrderState.ACCEPTED and self.filled > 0:
            return OrderState.PARTIALLY_FILLED
        if self.filled > 0 and (state is OrderState.REJECTED or self.filled < self.quantity):
            return OrderState.CANCELLED
        return state

    @property
    def is_over(self) -> bool:
        return self.status in FINAL_STATUSES

    def carries(self, tag: str) -> bool:
        """Return whether the order is the one that was sent under a tag.

        Where a list has no clientOrderId, the system's code ends in ours behind a colon (live report of 2026-08).
        """
        return tag in {self.client_id, self.code, self.code.rpartition(":")[2]}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPosition:
    """One position. Position-based accounts keep one for each entry, so that a symbol may have several."""

    code: str | None
    symbol: str
    side: Side
    quantity: Decimal
    open_price: Decimal | None


def listed_orders(body: Any) -> list[ListedOrder]:
    """Read a list of orders. Raises Unclear for one that cannot be read."""
    return [_order(row) for row in rows(body, "orders")]


def held_positions(body: Any) -> list[HeldPosition]:
    """Read a list of positions. Raises Unclear for one that cannot be read."""
    return [
        HeldPosition(
            code=_text(row.get("positionCode")),
            symbol=str(row.get("symbol")),
            side=_side(row),
            quantity=abs(_number(row, "quantity")),
            open_price=_price(row, "openPrice"),
        )
        for row in rows(body, "positions")
    ]


def rows(body: Any, name: str) -> list[Mapping[str, Any]]:
    """Return the list in ``{name: [...]}``, or a bare one. Raises Unclear where there is none."""
    found = body.get(name) if isinstance(body, dict) else body
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise Unclear(f"DXtrade answered no list of {name}", {"body": body})
    return found


def _order(row: Mapping[str, Any]) -> ListedOrder:
    # Orders of this interface have exactly one leg.
    legs = row.get("legs")
    leg = legs[0] if isinstance(legs, list) and legs and isinstance(legs[0], dict) else {}
    executions = row.get("executions")
    fills = [f for f in executions if isinstance(f, dict)] if isinstance(executions, list) else []
    filled = [abs(_number(part, "filledQuantity")) for part in (leg, *fills) if part.get("filledQuantity") is not None]
    return ListedOrder(
        order_id=str(row.get("orderId")),
        code=str(row.get("orderCode")),
        client_id=_text(row.get("clientOrderId")),
        symbol=str(row.get("instrument") or leg.get("instrument")),
        side=_side(row if row.get("side") is not None else leg),
        kind=str(row.get("type")),
        status=str(row.get("status")),
        # A protective order's quantity has the opposite sign once it is assigned.
        quantity=abs(_number(leg, "quantity")) if leg.get("quantity") is not None else Decimal(0),
        filled=max(filled, default=Decimal(0)),
        average_price=_price(leg, "averagePrice"),
        closing=leg.get("positionEffect") == CLOSE,
        position_code=_text(leg.get("positionCode")),
        reason=next((str(fill["rejectReason"]) for fill in fills if fill.get("rejectReason")), None),
        row=row,
    )


def _number(row: Mapping[str, Any], name: str) -> Decimal:
    try:
        return decimal_of(row.get(name))
    except ValueError as error:
        raise Unclear(f"DXtrade: {name}: {error}", row) from error


def _price(row: Mapping[str, Any], name: str) -> Decimal | None:
    value = row.get(name)
    if value is None:
        return None
    # An order without a fill shows 0.
    return _number(row, name) or None


def _side(row: Mapping[str, Any]) -> Side:
    try:
        return Side(str(row.get("side")))
    except ValueError as error:
        raise Unclear(f"DXtrade: side: {row.get('side')!r} is neither BUY nor SELL", row) from error


def _text(value: object) -> str | None:
    return None if value is None else str(value)
