"""What the documents' connector row says of a leg: SUCCESS, FAILED, SKIPPED, UNRESOLVED, or PENDING until then."""

from __future__ import annotations

from typing import Any

from domain.ledger import LedgerOrder
from domain.order_state import OrderState

# Why an order was not sent although nothing went wrong.
HELD_BACK = frozenset(
    {
        *("TRADING_HALTED", "ACCOUNT_PAUSED", "TRADE_CLOSED", "SIGNAL_EXPIRED", "ACCOUNT_UNRESOLVED", "NOTHING_OPEN"),
        # It waited when the backup was made that was restored.
        "RESTORED",
    }
)
UNRESOLVED_WORDS = (
    "Nobody knows yet whether the venue took this order. It is not sent again; it is resolved by the venue's record or "
    "by a person."
)


def connector_row(order: LedgerOrder, message: str | None = None) -> dict[str, Any]:
    """Return the fields of the row that the venue's answer decides. Quantities in contracts, prices in points."""
    row = {
        "status": _status(order),
        "reason": _reason(order),
        "order_id": order.venue_order_id,
        "message": message or (UNRESOLVED_WORDS if order.state is OrderState.UNRESOLVED else None),
        "details": {
            "client_order_id": order.client_order_id,
            "state": str(order.state),
            "contract": order.contract.symbol,
            "side": str(order.side),
            "quantity": order.quantity,
            "filled": order.filled,
            "average_price": order.average_price,
        },
    }
    return {name: value for name, value in row.items() if value is not None}


_STATUSES = {
    OrderState.PLANNED: "PENDING",
    OrderState.SENDING: "PENDING",
    OrderState.ACCEPTED: "SUCCESS",
    OrderState.PARTIALLY_FILLED: "SUCCESS",
    OrderState.FILLED: "SUCCESS",
    OrderState.UNRESOLVED: "UNRESOLVED",
}


def _status(order: LedgerOrder) -> str:
    if order.state is OrderState.NOT_SENT and order.cause in HELD_BACK:
        return "SKIPPED"
    if order.state is OrderState.CANCELLED and order.filled > 0:
        return "SUCCESS"
    if order.state is OrderState.CANCELLED and order.not_held > 0:
        return "SKIPPED"
    return _STATUSES.get(order.state, "FAILED")


def _reason(order: LedgerOrder) -> str | None:
    if order.state is OrderState.CANCELLED and order.not_held > 0:
        return "NOTHING_OPEN" if order.filled == 0 else None
    if order.state in {OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.FILLED}:
        return None
    return order.cause
