"""Orders, dead letters, differences and halts: what is on record, and what a person does about it."""

from __future__ import annotations

from pydantic import BaseModel

from signals.order_acts import (
    SPELLINGS,
    HaltBody,
    LimitQuery,
    OrderQuery,
    ReleaseBody,
    ResolveBody,
    SettleBody,
    SignedBody,
)
from web.openapi.forms import body_form, query_form
from web.openapi.operation import Operation, Schema
from web.openapi.order_answers import (
    DeadLetterList,
    Discarded,
    Halted,
    Halts,
    OneDeadLetter,
    OneOrder,
    OpenDifferences,
    Orders,
    Released,
    Requeued,
    Resolved,
    Settled,
)

CONFLICT = frozenset({409})
UNREADABLE = frozenset({400})
NAME: dict[str, Schema] = {"name": {"type": "string", "pattern": "^(task|leg):[0-9]{1,18}$"}}


def _act(model: type[BaseModel]) -> Schema:
    return body_form(model, SPELLINGS, closed=True)


def _on_letter(summary: str, answer: type[BaseModel]) -> Operation:
    return Operation(summary=summary, answer=answer, path=NAME, body=_act(SignedBody), refusals=CONFLICT)


def order_operations() -> dict[str, Operation]:
    """Return what the order routes ask and answer, by endpoint."""
    return {
        "orders.orders": Operation(summary="List orders", answer=Orders, query=query_form(OrderQuery)),
        "orders.order": Operation(summary="Show an order with every change of it", answer=OneOrder),
        "orders.resolve": Operation(
            summary="Say how an order ended of which nobody knows it",
            answer=Resolved,
            body=_act(ResolveBody),
            refusals=CONFLICT,
        ),
        "orders.dead_letters": Operation(
            summary="List dead letters", answer=DeadLetterList, query=query_form(LimitQuery)
        ),
        "orders.dead_letter": Operation(
            summary="Show a dead letter, such as task:12 or leg:34",
            answer=OneDeadLetter,
            path=NAME,
            refusals=frozenset({400}),
        ),
        "orders.retry": _on_letter("Give a dead letter another try", Requeued),
        "orders.discard": _on_letter("Put a dead letter aside for good", Discarded),
        "orders.open_differences": Operation(
            summary="List what ledger and venues disagree about", answer=OpenDifferences
        ),
        "orders.settle": Operation(
            summary="Settle a difference", answer=Settled, body=_act(SettleBody), refusals=CONFLICT
        ),
        "orders.halts": Operation(summary="List halts", answer=Halts, query=query_form(LimitQuery)),
        "orders.halt": Operation(
            summary="Halt everything, a firm or an account",
            answer=Halted,
            body=_act(HaltBody),
            refusals=frozenset({404}),
        ),
        "orders.release": Operation(
            summary="Release a halt by its phrase", answer=Released, body=_act(ReleaseBody), refusals=CONFLICT
        ),
    }
