"""What an answer says of an order, at a venue that a template describes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connectors.http_calls import Reply
from connectors.platforms.template_calls import TemplateCalls, number_at, text_at
from connectors.platforms.template_model import OrderFields, PlaceOrder
from connectors.platforms.template_text import GAP, at
from connectors.venue import OrderReport, Unclear
from domain.order_state import OrderState


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An order as it was asked for or looked for. ``quantity`` in the venue's lots, None where it is not known."""

    client_order_id: str
    quantity: Decimal | None
    lots: Decimal


def placed(calls: TemplateCalls, name: str, operation: PlaceOrder, reply: Reply, asked: Asked) -> OrderReport:
    """Return what the answer to an order says. Raises NotSent for a refused login, Unclear for neither yes nor no."""
    success = operation.success
    says_yes = success.holds(reply)
    if says_yes:
        return reported(calls, name, operation.answer, reply.body, asked)
    calls.refuse_login(name, reply)
    status = reply.status
    refused_by_field = says_yes is False and status < 400 and (not success.status or status in success.status)
    if not refused_by_field and not is_refusal(reply):
        raise Unclear(f"{name}: HTTP {status} is neither success nor refusal", {"body": calls.hide(reply.body)})
    return OrderReport(
        state=OrderState.REJECTED,
        order_id=text_at(reply.body, operation.answer.order_id),
        client_order_id=asked.client_order_id,
        message=calls.said(reply, operation.answer),
        raw={"status": status, "body": calls.hide(reply.body)},
    )


def is_refusal(reply: Reply) -> bool:
    """Return whether a status says that nothing was done; 408 may come from something on the way to the venue."""
    return 400 <= reply.status < 500 and reply.status != 408


def reported(calls: TemplateCalls, name: str, fields: OrderFields, row: Any, asked: Asked) -> OrderReport:
    """Return what a row says of an order. Raises Unclear where a field that the template names cannot be read."""
    raw = {"body": calls.hide(row)}
    state = OrderState.ACCEPTED
    if fields.state is not None:
        word = at(row, fields.state)
        listed = None if word is GAP else calls.template.state_of(word)
        if listed is None:
            raise Unclear(f"{name}: the state {'' if word is GAP else word!r} is not among the template's", raw)
        state = listed
    order_id = text_at(row, fields.order_id)
    if order_id is None and fields.order_id is not None and state is not OrderState.REJECTED:
        raise Unclear(f"{name}: no order id at {fields.order_id!r} in the answer", raw)
    filled = number_at(name, row, fields.filled)
    if filled is None and state is OrderState.FILLED:
        filled = asked.quantity
        if filled is None:
            raise Unclear(f"{name}: filled, but no quantity at {fields.filled!r} in the answer", raw)
    filled = abs(filled or Decimal(0))
    if state is OrderState.ACCEPTED and filled > 0:
        whole = asked.quantity is not None and filled >= asked.quantity
        state = OrderState.FILLED if whole else OrderState.PARTIALLY_FILLED
    message = text_at(row, fields.message)
    return OrderReport(
        state=state,
        order_id=order_id,
        client_order_id=asked.client_order_id,
        filled=filled / asked.lots,
        average_price=number_at(name, row, fields.average_price) or None,
        message=None if message is None else calls.hide(message),
        raw=raw,
    )
