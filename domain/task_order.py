"""A task's payload as an order."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from domain.money import optional_decimal
from domain.order import Direction, EntryOrder, ExitOrder, requested_contracts


def entry_order(trade_id: str, payload: Mapping[str, Any], default_symbol: str) -> EntryOrder:
    """Return the order of an ENTRY task's payload. Raises ValueError that names what cannot be read."""
    direction = payload.get("direction")
    return EntryOrder(
        trade_id=trade_id,
        symbol=str(payload.get("symbol") or default_symbol),
        direction=None if direction is None else Direction(direction),
        entry_price=optional_decimal(payload, "entry_price"),
        stop_loss=optional_decimal(payload, "stop_loss"),
        contracts=requested_contracts(payload),
        session=payload.get("session"),
        bias=payload.get("bias"),
    )


def exit_order(trade_id: str, payload: Mapping[str, Any], default_symbol: str) -> ExitOrder:
    """Return the order of an EXIT task's payload. A price that cannot be read never holds up an exit."""
    try:
        price = optional_decimal(payload, "exit_price")
    except ValueError:
        price = None
    return ExitOrder(
        trade_id=trade_id,
        symbol=str(payload.get("symbol") or default_symbol),
        exit_type=payload.get("exit_type"),
        exit_price=price,
        contracts=payload.get("exit_contracts"),
        percent=_percent(payload),
    )


def _percent(payload: Mapping[str, Any]) -> Decimal | None:
    try:
        return optional_decimal(payload, "exit_percent")
    except ValueError:
        return None
