"""The three webhooks. A signal is stored and answered; nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response

from database.signals import SignalStore
from signals.live_signal import parse_live_signal
from signals.model import Signal
from signals.payload import parse_price, parse_signal
from web.intake import Intake, stored_answer


class SignalTaker:
    """Takes a signal in that is parsed by its content: limits, record, router, log. ``wake`` as of the routes."""

    def __init__(self, intake: Intake, store: SignalStore, *, wake: Callable[[], None]) -> None:
        self._intake = intake
        self._store = store
        self._wake = wake

    def take(self, fields: Mapping[str, Any], raw_body: str, *, source: str = "webhook") -> dict[str, Any]:
        """Store the signal that these fields describe; return the webhook's answer.

        Raises InvalidSignal, Refused, DatabaseUnavailable.
        """
        signal = parse_signal(fields)
        self._intake.check(signal, fields)
        answer = store_signal(self._store, signal, raw_body, source=source)
        self._wake()
        self._intake.tell(answer)
        return answer


def webhook_routes(intake: Intake, store: SignalStore, *, wake: Callable[[], None]) -> Blueprint:
    """Return the webhook routes. ``wake`` tells a router in this process that there is work."""
    routes = Blueprint("webhooks", __name__)
    taker = SignalTaker(intake, store, wake=wake)

    @routes.post("/api/automated-signals/webhook")
    @routes.post("/api/automated-signals/webhook/<token>")
    def automated_signal(token: str | None = None) -> tuple[Response, int]:
        return intake.receive("/api/automated-signals/webhook", token, taker.take)

    @routes.post("/api/live-signals")
    @routes.post("/api/live-signals/<token>")
    def live_signal(token: str | None = None) -> tuple[Response, int]:
        def handle(fields: dict[str, Any], raw_body: str) -> dict[str, Any]:
            live = parse_live_signal(fields, datetime.now(UTC))
            intake.check(live.signal, fields)
            answer = stored_answer(store.store_live(live, raw_body=raw_body))
            wake()
            intake.tell(answer)
            return answer

        return intake.receive("/api/live-signals", token, handle)

    @routes.post("/api/realtime-price")
    @routes.post("/api/realtime-price/<token>")
    def realtime_price(token: str | None = None) -> tuple[Response, int]:
        def handle(fields: dict[str, Any], _: str) -> dict[str, Any]:
            update = parse_price(fields)
            intake.check_price()
            symbol = update.symbol.rpartition(":")[2].upper()
            kept = store.keep_price(update, symbol=symbol)
            return {"status": "accepted" if kept else "older", "symbol": symbol}

        return intake.receive("/api/realtime-price", token, handle)

    return routes


def store_signal(store: SignalStore, signal: Signal, raw_body: str, *, source: str = "webhook") -> dict[str, Any]:
    """Store a signal with its task; return the answer. Raises Refused, DatabaseUnavailable."""
    return stored_answer(store.store(signal, source=source, raw_body=raw_body))
