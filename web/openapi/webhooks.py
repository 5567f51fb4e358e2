"""The webhooks: bodies by the models that read signals."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

from pydantic import BaseModel

from signals.lifecycle import EVENT_WORDS, Lifecycle
from signals.live_signal import EXIT_ACTIONS
from signals.model import BreakEvenTriggered, EntrySignal, ExitSignal, MfeUpdate, Signal
from signals.payload import MAY_BE_EMPTY, REQUIRED, SPELLINGS, PriceUpdate
from web.openapi.forms import body_form
from web.openapi.operation import Operation, Schema, Shown

REFUSED = frozenset({400, 401, 403, 409, 413, 429, 503})
# Not looked at where the sender has shown who he is, or nobody has to.
SECRET: Schema = {"description": "the webhook secret as text, where neither address nor signature shows it"}
EMPTY: Schema = {"type": "string", "maxLength": 0}
EXITS = frozenset({Lifecycle.EXIT, Lifecycle.EXIT_SL, Lifecycle.EXIT_BE, Lifecycle.EXIT_TP})
EVENTS: tuple[tuple[type[Signal], Collection[Lifecycle]], ...] = (
    (EntrySignal, {Lifecycle.ENTRY}),
    (ExitSignal, EXITS),
    (MfeUpdate, {Lifecycle.MFE_UPDATE}),
    (BreakEvenTriggered, {Lifecycle.BE_TRIGGERED}),
)
# The older body's own names, before those that it shares with the newer one.
OLDER = {
    **SPELLINGS,
    "trade_id": ("id", "trade_id"),
    "direction": ("bias", "action", "side", "direction"),
    "entry_price": ("price", "entry_price"),
    "exit_price": ("price", "exit_price"),
    "stop_loss": ("stop", "stop_loss"),
}


class SignalTaken(Shown):
    """A signal is on record. ``duplicate``: it was before; ``task_id`` is null where it makes no task.

    ``warning``: nothing is known of the trade that it is about.
    """

    status: Literal["accepted", "duplicate"]
    task_id: int | None
    trade_id: str
    signal_id: int
    warning: Literal["unknown_trade"] | None = None


class PriceTaken(Shown):
    """A price was read. ``older``: a newer one of the symbol is known already."""

    status: Literal["accepted", "older"]
    symbol: str


def signal_form() -> Schema:
    """Return the form of a signal: an event's word, and what that event needs."""
    return _either([_of_event(model, lifecycles) for model, lifecycles in EVENTS])


def live_form() -> Schema:
    """Return the form of the older body: an entry, or an exit of a trade by its id."""
    wanted = ("direction", "entry_price", "stop_loss")
    entry = _form(EntrySignal, OLDER, required=wanted, optional=("trade_id",), without=("bias",))
    gone = _form(ExitSignal, OLDER, required=("trade_id",))
    words = {"type": "string", "enum": sorted(EXIT_ACTIONS)}
    closing = {**gone, "properties": {**gone["properties"], "bias": words}, "required": [*gone["required"], "bias"]}
    return _either([entry, closing])


def price_form() -> Schema:
    """Return the form of a price."""
    return _form(PriceUpdate, SPELLINGS)


def _of_event(model: type[Signal], lifecycles: Collection[Lifecycle]) -> Schema:
    form = _form(model, SPELLINGS, required=REQUIRED[model])
    words = [word for word, lifecycle in EVENT_WORDS.items() if lifecycle in lifecycles]
    event = {"type": "string", "enum": words, "description": "what happened, in any capitals (also: `event`)"}
    return {
        **form,
        "properties": {"event_type": event, **form["properties"]},
        "required": ["event_type", *form["required"]],
    }


def _form(
    model: type[BaseModel],
    spellings: Mapping[str, tuple[str, ...]],
    *,
    required: Collection[str] = (),
    optional: Collection[str] = (),
    without: Collection[str] = (),
) -> Schema:
    form = body_form(model, spellings, required=required, optional=optional, without=("lifecycle", *without))
    kept = {
        name: {**part, "anyOf": [*part["anyOf"], EMPTY]} if name in MAY_BE_EMPTY and "anyOf" in part else part
        for name, part in form["properties"].items()
    }
    parts = {name: part for name, part in form.get("$defs", {}).items() if name != Lifecycle.__name__}
    return {**form, "$defs": parts, "properties": {**kept, "secret": SECRET}}


def _either(forms: list[Schema]) -> Schema:
    parts: dict[str, Any] = {}
    for form in forms:
        parts |= form.pop("$defs", {})
    return {"anyOf": forms, "$defs": parts}


def webhook_operations() -> dict[str, Operation]:
    """Return what the webhooks take, by endpoint."""
    return {
        "webhooks.automated_signal": Operation(
            summary="Take a signal: an entry, an exit or news of a trade",
            answer=SignalTaken,
            body=signal_form(),
            refusals=REFUSED,
        ),
        "webhooks.live_signal": Operation(
            summary="Take a signal in the older form", answer=SignalTaken, body=live_form(), refusals=REFUSED
        ),
        "webhooks.realtime_price": Operation(
            summary="Take the last price of a symbol",
            answer=PriceTaken,
            body=price_form(),
            refusals=REFUSED - {409},
        ),
    }
