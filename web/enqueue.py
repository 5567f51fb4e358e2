"""Storing signals and tasks from Python, for callers that do not come over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from flask import current_app, has_app_context

from config.settings import load_settings
from database.connection import Database
from database.migrations import migrate
from database.signals import SignalStore
from database.startup import open_database
from domain.money import decimal_of
from signals.model import payload_json
from signals.payload import parse_signal, signal_of_payload
from signals.redaction import stored_body
from web.intake import stored_answer
from web.webhooks import store_signal

STORE_KEY = "signal_store"


def handle_entry_signal(signal: Mapping[str, Any]) -> dict[str, Any]:
    """Store an entry with its task; return the webhook's answer. Raises InvalidSignal, Refused, DatabaseUnavailable."""
    return _handle("ENTRY", signal)


def handle_exit_signal(signal: Mapping[str, Any]) -> dict[str, Any]:
    """Store an exit with its task; return the webhook's answer. Raises InvalidSignal, Refused, DatabaseUnavailable."""
    return _handle("EXIT", signal)


def handle_mfe_update(signal: Mapping[str, Any]) -> dict[str, Any]:
    """Store an MFE update and its task; return the webhook's answer. Raises InvalidSignal or DatabaseUnavailable."""
    return _handle("MFE_UPDATE", signal)


def enqueue_execution_task(trade_id: str, event_type: str, payload: Mapping[str, Any]) -> int | None:
    """Enqueue a task with this payload and return its id; the same event again returns the task that is there.

    ``event_type``: ENTRY, EXIT, MFE_UPDATE or another of the accepted event names. Raises InvalidSignal for a
    body that is none, Refused when the trade has this event with other content, DatabaseUnavailable.
    """
    signal = signal_of_payload(trade_id, event_type, payload)
    stored = _current_store().store(
        signal, source="enqueue", raw_body=payload_json(dict(payload)), payload=dict(payload)
    )
    return int(stored_answer(stored)["task_id"]) if stored.task_id is not None else None


def enqueue_execution_task_for_entry(
    trade_id: str,
    direction: str | None,
    entry_price: Any,
    stop_loss: Any,
    session: str | None,
    bias: str | None,
    contracts: int | None = None,
    symbol: str | None = None,
) -> int | None:
    """Enqueue an ENTRY task with the documents' payload and return its id. Prices in points."""
    payload = {
        "kind": "ENTRY",
        "direction": direction,
        "entry_price": _number(entry_price),
        "stop_loss": _number(stop_loss),
        "session": session,
        "bias": bias,
        "contracts": None if contracts is None else int(contracts),
        "symbol": symbol,
    }
    return enqueue_execution_task(trade_id, "ENTRY", payload)


def enqueue_execution_task_for_exit(
    trade_id: str,
    exit_type: str | None,
    exit_price: Any = None,
    final_be_mfe: Any = None,
    final_no_be_mfe: Any = None,
) -> int | None:
    """Enqueue an EXIT task with the documents' payload and return its id. Price in points, MFE figures in R."""
    payload = {
        "kind": "EXIT",
        "exit_type": exit_type,
        "exit_price": _number(exit_price),
        "final_be_mfe": _number(final_be_mfe),
        "final_no_be_mfe": _number(final_no_be_mfe),
    }
    return enqueue_execution_task(trade_id, "EXIT", payload)


def _handle(event_type: str, signal: Mapping[str, Any]) -> dict[str, Any]:
    fields = {"event_type": event_type, **signal}
    return store_signal(_current_store(), parse_signal(fields), stored_body(fields, ()), source="web_server")


def _number(value: Any) -> Decimal | None:
    return None if value is None else decimal_of(value)


def _current_store() -> SignalStore:
    """Return the running application's store; a script that serves nothing gets one of its own."""
    if has_app_context() and STORE_KEY in current_app.extensions:
        store = current_app.extensions[STORE_KEY]
        assert isinstance(store, SignalStore)  # noqa: S101 - set by the composition root alone
        return store
    return _script_store()


@cache
def _script_store() -> SignalStore:
    database = Database(open_database(load_settings()).url, name="execution-router-script")
    migrate(database)
    return SignalStore(database)
