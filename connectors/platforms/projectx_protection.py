"""What became of the stop that went along with an entry at ProjectX."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from connectors.platforms.projectx_answers import STOPS, report_of
from connectors.platforms.projectx_brackets import is_stop_of, of_entries, parent_of
from connectors.platforms.projectx_orders import Orders
from connectors.venue import STOP_OF, OrderReport


def find_stop(orders: Orders, account_id: int, name: str, sent_at: datetime) -> OrderReport | None:
    """Return what became of a stop, None where it cannot be told. ``name``: its entry's tag and ``STOP_OF``."""
    tag = name.removesuffix(STOP_OF)
    listed = orders.since(account_id, sent_at).rows
    entry = next((row for row in listed if row.get("customTag") == tag), None)
    if entry is None:
        return None
    stop = next((row for row in listed if parent_of(row) is not None and is_stop_of(row, entry)), None)
    if stop is None:
        nameless = [row for row in listed if parent_of(row) is None and row.get("type") in STOPS]
        stop = next(iter(of_entries(nameless, listed, [tag])), None)
    return None if stop is None else replace(report_of(stop), client_order_id=name)
