"""Protective stops that are orders of their own: they are cut to what they still have to protect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial

from connectors.platforms.template_calls import TemplateCalls
from connectors.platforms.template_lists import working_orders
from connectors.platforms.template_model import ChangeOrder
from connectors.platforms.template_orders import is_refusal
from connectors.platforms.template_text import put_in
from connectors.tickets import ExitTicket
from connectors.venue import NotSent, Unclear, WorkingOrder
from domain.account import AccountKey


@dataclass(slots=True)
class Cut:
    """What became of a trade's protective orders, a sentence each."""

    done: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def cut_protection(calls: TemplateCalls, ticket: ExitTicket, keep: Decimal) -> Cut:
    """Cancel or shrink the protective orders of a trade so that together they protect ``keep`` lots and no more.

    What fails is told and keeps nothing else from being done: an exit has to get through.
    """
    cut = Cut()
    protection = calls.template.protection
    if protection is None:
        return cut
    tags = {put_in(protection.tag, {"client_order_id": entry}) for entry in ticket.entries}
    try:
        orders = [order for order in working_orders(calls, ticket.account) if order.client_order_id in tags]
    except (NotSent, Unclear) as error:
        cut.failed.append(f"protective orders of the trade may still be working: {error}")
        return cut
    for order in orders:
        kept = min(order.quantity, keep)
        keep -= kept
        if kept < order.quantity:
            _try(cut, order, kept, partial(_change, calls, ticket.account, order, kept))
    return cut


def change_order(calls: TemplateCalls, name: str, account: AccountKey, **values: str | Decimal) -> None:
    """Make a ``cancel`` or a ``shrink``; an order that is gone is no error.

    Raises NotSent where the venue refuses, Unclear where its answer is neither yes nor no.
    """
    described: ChangeOrder = calls.described(name, getattr(calls.template, name))
    reply = calls.call(name, described, account, **values)
    if described.gone.holds(reply) or described.success.holds(reply):
        return
    calls.refuse_login(name, reply)
    if is_refusal(reply):
        raise NotSent(f"{name}: HTTP {reply.status}: {calls.said(reply)}")
    raise Unclear(f"{name}: HTTP {reply.status} is neither success nor refusal", {"body": calls.hide(reply.body)})


def _change(calls: TemplateCalls, account: AccountKey, order: WorkingOrder, kept: Decimal) -> None:
    if kept > 0:
        change_order(calls, "shrink", account, order_id=order.order_id, quantity=kept)
    else:
        change_order(calls, "cancel", account, order_id=order.order_id)


def _try(cut: Cut, order: WorkingOrder, kept: Decimal, act: Callable[[], None]) -> None:
    try:
        act()
    except (NotSent, Unclear) as error:
        cut.failed.append(f"protective order {order.order_id} may still be working for {order.quantity:f}: {error}")
    else:
        cut.done.append(f"protective order {order.order_id} cut to {kept:f}")
