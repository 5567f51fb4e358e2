"""What is sent to DXtrade, and what its lists mean here."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from connectors.platforms.dxtrade_rows import CLOSE, HeldPosition, ListedOrder
from connectors.tickets import EntryTicket
from connectors.venue import OrderReport, Position, WorkingOrder
from domain.order_state import OrderState, Side

OPEN = "OPEN"


def entry_body(ticket: EntryTicket) -> dict[str, Any]:
    """Return the order of an entry, with its stop as an IF-THEN group.

    A market order takes no time in force but GTC. The stop has no quantity: it belongs to the position that the entry
    opens, follows its size and goes with it; a closing stop with a quantity is refused (error 33).
    """
    entry = {
        "orderCode": ticket.client_order_id,
        "type": "MARKET",
        "instrument": ticket.contract.symbol,
        "quantity": ticket.quantity * ticket.contract.lots,
        "positionEffect": OPEN,
        "side": str(ticket.side),
        "tif": "GTC",
    }
    if ticket.stop_price is None:
        return entry
    stop = {
        "orderCode": stop_code(ticket.client_order_id),
        "type": "STOP",
        "instrument": ticket.contract.symbol,
        "positionEffect": CLOSE,
        "side": str(ticket.side.opposite),
        "stopPrice": ticket.stop_price,
        "tif": "GTC",
    }
    return {"orders": [entry, stop], "contingencyType": "IF-THEN"}


def closing_body(code: str, position: HeldPosition, quantity: Decimal) -> dict[str, Any]:
    """Return the market order that closes ``quantity`` units of a position."""
    body: dict[str, Any] = {
        "orderCode": code,
        "type": "MARKET",
        "instrument": position.symbol,
        "quantity": quantity,
        "positionEffect": CLOSE,
        "side": str(position.side.opposite),
        "tif": "GTC",
    }
    return body if position.code is None else {**body, "positionCode": position.code}


def stop_code(client_order_id: str) -> str:
    """Return the orderCode of an entry's protective stop."""
    return client_order_id + "S"


def part_code(client_order_id: str, part: int) -> str:
    """Return the orderCode of an exit's n-th order; it needs one for each position, the first has the exit's own."""
    return client_order_id if part == 1 else f"{client_order_id}P{part}"


def report_of(parts: list[ListedOrder], client_order_id: str, lots: Decimal) -> OrderReport:
    """Return what became of the orders that were sent for one leg; ``lots`` is units to a contract."""
    states = {part.state for part in parts}
    filled = sum((part.filled for part in parts), Decimal(0))
    if len(states) == 1:
        (state,) = states
    elif not all(part.is_over for part in parts):
        state = OrderState.PARTIALLY_FILLED if filled > 0 else OrderState.ACCEPTED
    else:
        state = OrderState.CANCELLED
    reasons = [part.reason for part in parts if part.reason is not None]
    return OrderReport(
        state=state,
        order_id=parts[0].order_id,
        client_order_id=client_order_id,
        filled=filled / lots,
        average_price=_average((part.filled, part.average_price) for part in parts),
        message="; ".join(reasons) or None,
        raw={"orders": [dict(part.row) for part in parts]},
    )


def working_order(order: ListedOrder, positions: Iterable[HeldPosition]) -> WorkingOrder:
    """Return an order as the venue's users see it; one that belongs to a position has the position's quantity."""
    position = (order.symbol, order.position_code)
    attached = [held.quantity for held in positions if order.closing and (held.symbol, held.code) == position]
    return WorkingOrder(
        order_id=order.order_id,
        client_order_id=order.client_id,
        symbol=order.symbol,
        side=order.side,
        quantity=order.quantity if order.quantity or not attached else attached[0],
        kind=order.kind,
    )


def net_positions(held: Iterable[HeldPosition]) -> list[Position]:
    """Return one position for each symbol, longs less shorts; what cancels out is not listed."""
    by_symbol: dict[str, list[HeldPosition]] = {}
    for position in held:
        by_symbol.setdefault(position.symbol, []).append(position)
    net = []
    for symbol, positions in by_symbol.items():
        quantity = sum((p.quantity if p.side is Side.BUY else -p.quantity for p in positions), Decimal(0))
        if quantity != 0:
            outweighing = Side.BUY if quantity > 0 else Side.SELL
            price = _average((p.quantity, p.open_price) for p in positions if p.side is outweighing)
            net.append(Position(symbol=symbol, quantity=quantity, average_price=price))
    return net


def _average(parts: Iterable[tuple[Decimal, Decimal | None]]) -> Decimal | None:
    priced = [(quantity, price) for quantity, price in parts if price is not None and quantity > 0]
    total = sum((quantity for quantity, _ in priced), Decimal(0))
    return sum((quantity * price for quantity, price in priced), Decimal(0)) / total if total > 0 else None
