"""What cTrader said to orders, as one report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from connectors.platforms.ctrader_orders import PlacedOrder, placed_order
from connectors.platforms.ctrader_session import Outcome
from connectors.platforms.ctrader_symbols import Symbol
from connectors.platforms.ctrader_wire import ExecutionType, Fields, choice, part, text
from connectors.venue import OrderReport, Unclear
from domain.order_state import OrderState


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one order at the venue. ``filled`` in contracts of the decision."""

    state: OrderState
    order_id: int | None = None
    filled: Decimal = Decimal(0)
    average: Decimal | None = None
    message: str | None = None
    raw: Fields = field(default_factory=dict)


def answer_of(outcome: Outcome, lots: Decimal, symbol: Symbol) -> Answer:
    """Return what the venue said to an order. ``lots``: how many of them a contract of the decision is."""
    state, reason, order = said(outcome)
    if order is not None:
        return answered(order, state, reason, lots, symbol)
    refusal = outcome.refusal
    raw = {"errorCode": refusal.code, "description": refusal.description} if refusal else outcome.event or {}
    return Answer(state=state, message=reason, raw=raw)


def said(outcome: Outcome) -> tuple[OrderState, str | None, PlacedOrder | None]:
    """Return the state of an order, the venue's reason and the order, where it shows one. Raises Unclear."""
    if outcome.event is None:
        return OrderState.REJECTED, str(outcome.refusal), None
    reason = str(outcome.refusal) if outcome.refusal else text(outcome.event, "errorCode")
    kind = choice(ExecutionType, outcome.event, "executionType")
    rejected = kind is ExecutionType.ORDER_REJECTED or outcome.refusal is not None
    told = part(outcome.event, "order")
    if not told and not rejected:
        raise Unclear("an execution event without its order", outcome.event)
    order = placed_order(told) if told else None
    return OrderState.REJECTED if rejected or order is None else order.state, reason, order


def answered(order: PlacedOrder, state: OrderState, message: str | None, lots: Decimal, symbol: Symbol) -> Answer:
    """Return an order as an answer."""
    return Answer(
        state=state,
        order_id=order.id,
        filled=Decimal(order.executed) / (symbol.lot_size * lots),
        average=order.average,
        message=message,
        raw={"orderId": order.id, "positionId": order.position_id, "executedVolume": order.executed},
    )


def report(answers: Sequence[Answer], tag: str | None, message: str | None = None) -> OrderReport:
    """Return one report on what may have taken several orders; their numbers are joined by ``+``."""
    filled = sum((answer.filled for answer in answers), Decimal(0))
    messages = [answer.message for answer in answers if answer.message] + ([message] if message else [])
    return OrderReport(
        state=_state({answer.state for answer in answers}, filled, short=message is not None),
        order_id="+".join(str(answer.order_id) for answer in answers if answer.order_id is not None) or None,
        client_order_id=tag,
        filled=filled,
        average_price=_average(answers),
        message="; ".join(messages) or None,
        raw={"orders": [dict(answer.raw) for answer in answers]},
    )


def _state(states: set[OrderState], filled: Decimal, *, short: bool) -> OrderState:
    if states & {OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED}:
        return OrderState.PARTIALLY_FILLED if filled else OrderState.ACCEPTED
    if len(states) == 1 and not short:
        return next(iter(states))
    return OrderState.CANCELLED


def _average(answers: Iterable[Answer]) -> Decimal | None:
    priced = [(answer.filled, answer.average) for answer in answers if answer.filled and answer.average is not None]
    total = sum((filled for filled, _ in priced), Decimal(0))
    return sum((filled * average for filled, average in priced), Decimal(0)) / total if total else None
