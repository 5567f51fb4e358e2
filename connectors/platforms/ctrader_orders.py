"""Orders and positions as cTrader tells them, and an entry as it is told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connectors.platforms.ctrader_symbols import Symbol
from connectors.platforms.ctrader_wire import (
    Fields,
    OrderStatus,
    OrderType,
    PositionStatus,
    TradeSide,
    choice,
    known_choice,
    part,
    price,
    text,
    whole,
)
from connectors.tickets import EntryTicket
from connectors.venue import NotSent, Unclear
from domain.order_state import OrderState, Side

LONGEST_CLIENT_ORDER_ID = 50
# A position keeps the label and the comment of the order that opened it, and its closing orders have them, too.
_NOTE = re.compile(r"^(?P<tag>\S+) lots=(?P<lots>[0-9.]+)$")
_STATES = {
    OrderStatus.ORDER_STATUS_FILLED: OrderState.FILLED,
    OrderStatus.ORDER_STATUS_REJECTED: OrderState.REJECTED,
    OrderStatus.ORDER_STATUS_EXPIRED: OrderState.CANCELLED,
    OrderStatus.ORDER_STATUS_CANCELLED: OrderState.CANCELLED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Traded:
    """What orders and positions have in common. ``volume`` in hundredths of a unit; ``opened`` in Unix milliseconds."""

    symbol_id: int
    side: Side
    volume: int
    opened: int
    label: str | None
    comment: str | None

    @property
    def entry_tag(self) -> str | None:
        """Return the client order id of the entry that it belongs to, where it is one of ours."""
        note = _NOTE.match(self.comment or "")
        return self.label or (note["tag"] if note else None)

    @property
    def lots_per_contract(self) -> Decimal:
        """Return how many lots a contract of the decision is. Raises Unclear where it is nowhere written."""
        note = _NOTE.match(self.comment or "")
        if note is None:
            raise Unclear(f"the comment {self.comment!r} does not say how many lots a contract is")
        return Decimal(note["lots"])


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedOrder(Traded):
    """An order in the venue's record. ``tag`` is its client order id; closing orders have none of ours.

    ``kind`` is None where it is not known here. Other people's orders must not keep a trade from being closed.
    """

    id: int
    tag: str | None
    kind: OrderType | None
    state: OrderState
    executed: int
    average: Decimal | None
    closing: bool
    stop_out: bool
    position_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPosition(Traded):
    id: int
    average: Decimal | None
    open: bool


def placed_order(fields: Fields) -> PlacedOrder:
    """Read ProtoOAOrder. Raises Unclear."""
    executed = whole(fields, "executedVolume", 0)
    status = choice(OrderStatus, fields, "orderStatus")
    working = OrderState.PARTIALLY_FILLED if executed else OrderState.ACCEPTED
    return PlacedOrder(
        **_traded(fields),
        id=whole(fields, "orderId"),
        tag=text(fields, "clientOrderId"),
        kind=known_choice(OrderType, fields, "orderType"),
        state=_STATES.get(status, working),
        executed=executed,
        average=price(fields, "executionPrice"),
        closing=bool(fields.get("closingOrder", False)),
        stop_out=bool(fields.get("isStopOut", False)),
        position_id=whole(fields, "positionId", 0) or None,
    )


def held_position(fields: Fields) -> HeldPosition:
    """Read ProtoOAPosition. Raises Unclear."""
    traded = _traded(fields)
    status = known_choice(PositionStatus, fields, "positionStatus")
    return HeldPosition(
        **traded,
        id=whole(fields, "positionId"),
        average=price(fields, "price"),
        open=traded["volume"] > 0 and status is not PositionStatus.POSITION_STATUS_CLOSED,
    )


def entry_fields(ticket: EntryTicket, symbol: Symbol) -> Fields:
    """Return the fields of ProtoOANewOrderReq for a market order. Raises NotSent for what cannot be asked for.

    The venue takes a market order's stop as a distance from the fill: it keeps its size where the price has moved. How
    long it works is left to the venue, which keeps market orders as immediate-or-cancel.
    """
    tag = ticket.client_order_id
    if not tag or len(tag) > LONGEST_CLIENT_ORDER_ID:
        raise NotSent(f"client order id {tag!r}: 1 to {LONGEST_CLIENT_ORDER_ID} characters are allowed", final=True)
    fields = {
        "symbolId": symbol.id,
        "orderType": OrderType.MARKET.value,
        "tradeSide": TradeSide[ticket.side].value,
        "volume": symbol.volume_of(ticket.quantity * ticket.contract.lots),
        "clientOrderId": tag,
        "label": tag,
        "comment": f"{tag} lots={ticket.contract.lots:f}",
    }
    if ticket.stop_price is not None:
        fields["relativeStopLoss"] = symbol.distance(_stop_distance(ticket, ticket.stop_price))
    return fields


def _stop_distance(ticket: EntryTicket, stop: Decimal) -> Decimal:
    if ticket.entry_price is None:
        raise NotSent("a stop goes out as a distance, which needs the entry's price", final=True)
    below = ticket.entry_price - stop
    distance = below if ticket.side is Side.BUY else -below
    if distance <= 0:
        raise NotSent(f"{ticket.side} at {ticket.entry_price} with its stop at {stop}: the wrong side", final=True)
    return distance


def _traded(fields: Fields) -> dict[str, Any]:
    data = part(fields, "tradeData")
    return {
        "symbol_id": whole(data, "symbolId"),
        "side": Side[choice(TradeSide, data, "tradeSide").name],
        "volume": whole(data, "volume"),
        "opened": whole(data, "openTimestamp", 0),
        "label": text(data, "label"),
        "comment": text(data, "comment"),
    }
