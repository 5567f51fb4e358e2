"""Signals, prices and refused bodies: what came in."""

from __future__ import annotations

import logging
from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from database.announcer import Announce, announce_at_once
from database.connection import Database, Row, Transaction
from database.group_commit import GroupCommit
from domain.json_text import json_text
from signals.live_signal import LiveSignal
from signals.model import Signal, payload_json
from signals.payload import PriceUpdate
from signals.problem import FieldProblem

REPEAT_WINDOW_SECONDS = 300
NEWEST_REFUSED = 10_000
COLUMNS = (
    *("symbol", "direction", "entry_price", "stop_loss", "contracts", "session", "bias", "exit_type", "exit_price"),
    *("be_mfe", "no_be_mfe", "current_price", "alert_time"),
)


class StoreOutcome(StrEnum):
    """What became of a delivery."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A delivery's outcome, and the signal and task that stand for its event."""

    outcome: StoreOutcome
    trade_id: str
    signal_id: int
    task_id: int | None
    unknown_trade: bool


class SignalStore:
    """Writes what came in. Every method raises DatabaseUnavailable when nothing could be stored.

    ``announce`` gets the events of what was stored, after its commit; without it they are told in the caller's thread.
    """

    def __init__(self, database: Database, announce: Announce | None = None) -> None:
        self._database = database
        self._announce = announce_at_once(database, logging.getLogger(__name__)) if announce is None else announce
        self._group: GroupCommit[Row, Row] = GroupCommit(self._store_together)

    def store(
        self,
        signal: Signal,
        *,
        source: str,
        raw_body: str,
        payload: dict[str, Any] | None = None,
    ) -> Stored:
        """Store a signal and its task in one transaction, or find the event that is already there.

        ``payload`` replaces the task's own. Safe against repeated and simultaneous deliveries by the unique key of
        the event. Signals that arrive at the same moment share their transaction.
        """
        values = _values(signal, source, raw_body, payload)
        stored = self._group.submit(values["event_key"], values)
        if stored is not None:
            return _accepted(signal, stored)
        return _known(signal, self._database.run("signal_of_event", again=True, event_key=values["event_key"])[0])

    def _store_together(self, signals: dict[Hashable, Row]) -> dict[Hashable, Row]:
        rows = self._database.run("store_signals", again=True, signals=_together(list(signals.values())))
        if rows:
            self._announce([row["event"] for row in rows])
        return {row["event_key"]: row for row in rows}

    def store_live(self, live: LiveSignal, *, raw_body: str) -> Stored:
        """Store a signal of the older body; the same content without id or time within minutes is the same trade."""
        source = "live-signals"
        if live.unnamed is None:
            return self.store(live.signal, source=source, raw_body=raw_body)
        with self._database.transaction() as transaction:
            transaction.rows("lock_unnamed_content", content=live.unnamed)
            signal = _earlier(transaction, live)
            stored = transaction.row("store_signals", signals=_together([_values(signal, source, raw_body, None)]))
            known = [] if stored is not None else transaction.rows("signal_of_event", event_key=signal.event_key)
        if stored is None:
            return _known(signal, known[0])
        self._announce([stored["event"]])
        return _accepted(signal, stored)

    def keep_price(self, update: PriceUpdate, *, symbol: str) -> bool:
        """Keep a price (points) unless a newer one is known; return whether it became the last price."""
        return bool(
            self._database.run(
                "keep_price", again=True, symbol=symbol, price=update.price, price_time=update.alert_time
            )
        )

    def keep_refused(
        self,
        *,
        endpoint: str,
        status_code: int,
        code: str,
        message: str,
        problems: tuple[FieldProblem, ...],
        body: str,
        trade_id: str | None = None,
        signal_id: int | None = None,
    ) -> None:
        """Keep a refused body, secrets already removed, for the owner to look at."""
        self._database.run(
            "keep_refused",
            endpoint=endpoint,
            status_code=status_code,
            code=code,
            message=message,
            problems=json_text([problem.as_json() for problem in problems]),
            body=body,
            trade_id=trade_id,
            signal_id=signal_id,
            newest=NEWEST_REFUSED,
        )


def _values(signal: Signal, source: str, raw_body: str, payload: dict[str, Any] | None) -> dict[str, Any]:
    said = vars(signal)
    return {
        **{name: said.get(name) for name in COLUMNS},
        "trade_id": signal.trade_id,
        "lifecycle": str(signal.lifecycle),
        "event_key": signal.event_key,
        "content_digest": signal.content_digest(),
        "source": source,
        "raw_body": raw_body,
        "event_type": None if signal.task_event is None else str(signal.task_event),
        "payload": payload_json(signal.task_payload() if payload is None else payload),
    }


def _together(signals: list[Row]) -> str:
    # Numbers go as text and become NUMERIC exactly.
    return orjson.dumps(signals, default=str).decode()


def _earlier(transaction: Transaction, live: LiveSignal) -> Signal:
    recent = transaction.row("recent_unnamed_trade", content=live.unnamed, window=REPEAT_WINDOW_SECONDS)
    if recent is None:
        return live.signal
    return live.signal.model_copy(update={"trade_id": recent["trade_id"]})


def _accepted(signal: Signal, row: Row) -> Stored:
    return Stored(
        outcome=StoreOutcome.ACCEPTED,
        trade_id=signal.trade_id,
        signal_id=row["signal_id"],
        task_id=row["task_id"],
        unknown_trade=row["unknown_trade"],
    )


def _known(signal: Signal, row: Row) -> Stored:
    same = row["content_digest"] == signal.content_digest()
    return Stored(
        outcome=StoreOutcome.DUPLICATE if same else StoreOutcome.CONFLICT,
        trade_id=signal.trade_id,
        signal_id=row["signal_id"],
        task_id=row["task_id"],
        unknown_trade=row["unknown_trade"],
    )
