"""Which positions an exit closes at DXtrade, where a symbol may have one for each entry."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal

from connectors.platforms.dxtrade_orders import part_code, stop_code
from connectors.platforms.dxtrade_rows import HeldPosition, ListedOrder
from connectors.tickets import ExitTicket
from connectors.venue import NotSent, OrderReport, Unclear
from domain.order_state import OrderState


@dataclass(frozen=True, slots=True)
class Closing:
    """``quantity`` units of a position that are to be closed."""

    position: HeldPosition
    quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCodes:
    """Codes of the trade's positions. ``all_known``: no position outside of them can be the trade's."""

    codes: frozenset[str]
    all_known: bool


def own_codes(ticket: ExitTicket, held: list[HeldPosition], listed: Callable[[str], ListedOrder | None]) -> OwnCodes:
    """Return which positions are the trade's: those that the stops of its entries belong to.

    ``listed`` finds an order by the code it was sent under. An entry whose stop has filled has no position any more.
    Where neither its position nor such a stop is found it stays open which position is the entry's: that must keep no
    exit from getting through.
    """
    there = {position.code for position in held if closable(position, ticket)}
    codes: set[str] = set()
    unknown = not ticket.entries
    for entry in ticket.entries if there else ():
        stop = None
        with suppress(NotSent, Unclear):
            stop = listed(stop_code(entry))
        if stop is not None and stop.position_code is not None and stop.position_code in there:
            codes.add(stop.position_code)
        elif stop is None or stop.status != "COMPLETED":
            unknown = True
    return OwnCodes(codes=frozenset(codes), all_known=not unknown)


def share_out(ticket: ExitTicket, held: list[HeldPosition], own: OwnCodes) -> list[Closing]:
    """Return what is to be closed: the trade's own positions first, others only where its own are not all known."""
    candidates = [position for position in held if closable(position, ticket)]
    first = [position for position in candidates if position.code in own.codes]
    others = [] if own.all_known else [position for position in candidates if position.code not in own.codes]
    left = ticket.quantity * ticket.contract.lots
    closings = []
    for position in (*first, *others):
        quantity = min(left, position.quantity)
        if quantity > 0:
            closings.append(Closing(position, quantity))
            left -= quantity
    return closings


def close_parts(
    ticket: ExitTicket, closings: list[Closing], close: Callable[[str, Closing], OrderReport]
) -> OrderReport:
    """Send the orders of one exit and report them as one. ``close`` sends one of them under a code.

    The first decides; what becomes of a later one that is refused or not sent is said in the message. Raises Unclear
    where it is not known of one of them.
    """
    first = close(part_code(ticket.client_order_id, 1), closings[0])
    if first.state is OrderState.REJECTED:
        return first
    for number, closing in enumerate(closings[1:], start=2):
        try:
            report = close(part_code(ticket.client_order_id, number), closing)
            problem = report.message if report.state is OrderState.REJECTED else None
        except NotSent as error:
            problem = str(error)
        if problem is not None:
            missing = sum((later.quantity for later in closings[number - 1 :]), Decimal(0))
            return replace(first, message=f"{missing:f} units of {closing.position.symbol} stay open: {problem}")
    return first


def closable(position: HeldPosition, ticket: ExitTicket) -> bool:
    """Return whether the exit's side reduces the position."""
    return position.symbol == ticket.contract.symbol and position.side is ticket.side.opposite
