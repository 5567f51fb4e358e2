"""What a venue that a template describes says of an account: positions, working orders, figures."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from connectors.platforms.template_calls import TemplateCalls, number_at, text_at
from connectors.platforms.template_model import ListOrders, ListPositions, Word
from connectors.platforms.template_text import GAP, at
from connectors.venue import Position, Unclear, WorkingOrder
from domain.account import AccountKey
from domain.order_state import Side


def positions(calls: TemplateCalls, account: AccountKey) -> list[Position]:
    """Return what is held, one position a symbol; quantities in the venue's lots."""
    described = calls.described("positions", calls.template.positions)
    reply = calls.read("positions", described, account)
    held: dict[str, tuple[Decimal, Decimal | None]] = {}
    for row in calls.list_at("positions", reply, described.positions):
        symbol, quantity, price = _position(described, row)
        held[symbol] = (held.get(symbol, (Decimal(0), None))[0] + quantity, price)
    return [
        Position(symbol=symbol, quantity=quantity, average_price=price)
        for symbol, (quantity, price) in held.items()
        if quantity != 0
    ]


def working_orders(calls: TemplateCalls, account: AccountKey) -> list[WorkingOrder]:
    """Return the orders that wait; quantities in the venue's lots."""
    described = calls.described("working_orders", calls.template.working_orders)
    reply = calls.read("working_orders", described, account)
    return [_order(calls, described, row) for row in calls.list_at("working_orders", reply, described.orders)]


def figures(calls: TemplateCalls, account: AccountKey) -> dict[str, Any] | None:
    """Return the account's figures, None where the template describes no way to ask for them."""
    described = calls.template.account_status
    if described is None:
        return None
    body = calls.read("account_status", described, account).body
    told = {name: at(body, path) for name, path in described.figures.items()}
    return {name: value for name, value in told.items() if value is not GAP}


def _position(described: ListPositions, row: Any) -> tuple[str, Decimal, Decimal | None]:
    symbol = text_at(row, described.symbol)
    quantity = number_at("positions", row, described.quantity)
    if symbol is None or quantity is None:
        raise Unclear("positions: a position without symbol or quantity", {"row": row})
    if described.side is not None:
        quantity = abs(quantity) * _sign(described, at(row, described.side))
    return symbol, quantity, number_at("positions", row, described.average_price) or None


def _sign(described: ListPositions, word: Any) -> int:
    for sign, known in ((1, described.long), (-1, described.short)):
        if is_word(word, known):
            return sign
    raise Unclear(f"positions: {word!r} is neither the word for long nor that for short")


def _order(calls: TemplateCalls, described: ListOrders, row: Any) -> WorkingOrder:
    order_id, symbol = text_at(row, described.order_id), text_at(row, described.symbol)
    quantity = number_at("working_orders", row, described.quantity)
    sides = calls.template.sides
    word = at(row, described.side)
    side = next((s for s, known in ((Side.BUY, sides.buy), (Side.SELL, sides.sell)) if is_word(word, known)), None)
    if order_id is None or symbol is None or quantity is None or side is None:
        raise Unclear("working_orders: an order without id, symbol, quantity or a known side", {"row": row})
    return WorkingOrder(
        order_id=order_id,
        client_order_id=text_at(row, described.tag),
        symbol=symbol,
        side=side,
        quantity=abs(quantity),
        kind=text_at(row, described.kind) or "",
    )


def is_word(found: Any, word: Word | None) -> bool:
    """Return whether a venue's word is meant; 1 and "1" are the same."""
    return word is not None and str(found) == str(word)
