"""The older body of /api/live-signals: symbol, bias or action, price, stop, and perhaps an id."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from signals.model import EntrySignal, Signal
from signals.payload import SPELLINGS, parse_signal
from signals.problem import FieldProblem, InvalidSignal

EXIT_ACTIONS = frozenset({"EXIT", "CLOSE", "FLAT"})
UNNAMED = "LIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSignal:
    """A signal of the older body. ``unnamed`` is the tail of its trade id where the sender gave neither id nor time."""

    signal: Signal
    unnamed: str | None = None


def parse_live_signal(fields: Mapping[str, Any], received_at: datetime) -> LiveSignal:
    """Return the signal of an older body. Raises InvalidSignal with every field that is wrong.

    A body that names an event is taken by its word; otherwise it is an exit where any field says so, else an entry.

    Without an id the trade id is made of the alert's time and a digest of the content. Without either it is made of
    ``received_at``; the store then looks whether the same content has just come in, so that a repeated delivery
    finds its trade.
    """
    trade_id = fields.get("id") if fields.get("id") is not None else fields.get("trade_id")
    named = {**fields, "trade_id": UNNAMED if trade_id is None else trade_id}
    if not any(fields.get(name) is not None for name in ("event_type", "event")):
        words = (fields.get(name) for name in SPELLINGS["direction"])
        closes = any(isinstance(word, str) and word.strip().upper() in EXIT_ACTIONS for word in words)
        named["event_type"] = "EXIT" if closes else "ENTRY"
    signal = parse_signal(named)
    if trade_id is not None:
        return LiveSignal(signal=signal)
    if not isinstance(signal, EntrySignal):
        raise InvalidSignal(FieldProblem(field="id", given=None, accepted="the id of the trade that is meant"))
    moment = received_at if signal.alert_time is None else signal.alert_time
    content = hashlib.sha256(signal.content_digest().encode()).hexdigest()[:16]
    named_signal = signal.model_copy(update={"trade_id": f"{UNNAMED}_{moment:%Y%m%dT%H%M%S%f}_{content}"})
    return LiveSignal(signal=named_signal, unnamed=None if signal.alert_time else f"_{content}")
