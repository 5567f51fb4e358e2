"""The day's messages, as TradingView would post them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One message: what it shows, and its body as text."""

    what: str
    body: str


def day(prefix: str) -> list[Post]:
    """Return the messages of one day; all trade ids begin with ``prefix``."""
    morning, short, late = f"{prefix}_A", f"{prefix}_B", f"{prefix}_C"
    long_entry = {
        "event_type": "SIGNAL_CREATED",
        "trade_id": morning,
        "direction": "Bullish",
        "entry_price": 16500.0,
        "stop_loss": 16475.0,
        "symbol": "NQ1!",
        "session": "NY AM",
    }
    short_entry = {
        "event_type": "ENTRY",
        "trade_id": short,
        "direction": "sell",
        "entry_price": 16540.25,
        "stop_loss": 16552.75,
        "contracts": 1,
        "symbol": "CME_MINI:NQ1!",
        "session": "NY PM",
    }
    return [
        _post("entry, sized by risk", long_entry),
        _post("update", {"event_type": "MFE_UPDATE", "trade_id": morning, "be_mfe": 0.6, "no_be_mfe": 0.6}),
        _post("update", {"event_type": "MFE_UPDATE", "trade_id": morning, "be_mfe": 1.2, "no_be_mfe": 1.2}),
        _post("stop moved to entry", {"event_type": "BE_TRIGGERED", "trade_id": morning, "be_mfe": 1.2}),
        _post("exit at break-even", {"event_type": "EXIT_BE", "trade_id": morning, "exit_price": 16500.0}),
        _post("entry, size given", short_entry),
        _post("the same again", short_entry),
        _post("same trade, other stop", {**short_entry, "stop_loss": 16560.0}),
        _post("exit at stop", {"event_type": "EXIT_SL", "trade_id": short, "exit_price": 16552.75}),
        _post("oversized entry", {**long_entry, "trade_id": late, "contracts": 15}),
        _post("unknown symbol", {**long_entry, "trade_id": f"{prefix}_D", "symbol": "XYZ1!"}),
        _post("exit of an unknown trade", {"event_type": "EXIT", "trade_id": f"{prefix}_E"}),
        Post(what="not JSON", body="buy NQ now"),
        Post(what="not a number", body=json.dumps({**long_entry, "entry_price": float("nan")})),
        _post("stop on the wrong side", {**long_entry, "trade_id": f"{prefix}_F", "stop_loss": 16525.0}),
        _post("placeholder left unfilled", {**long_entry, "trade_id": f"{prefix}_G", "entry_price": "{{plot_0}}"}),
    ]


def _post(what: str, body: dict[str, Any]) -> Post:
    return Post(what=what, body=json.dumps(body))
