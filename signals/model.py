"""Typed signals. Prices are in points of the chart, contracts whole, MFE figures in R (multiples of the risk)."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from domain.json_text import json_text
from domain.order import Direction, TaskEvent
from signals.fields import (
    AlertTime,
    Contracts,
    DirectionWord,
    Figure,
    Percent,
    Price,
    Symbol,
    TradeId,
    Words,
)
from signals.lifecycle import EXIT_TYPES, Lifecycle, task_event


class Signal(BaseModel, ABC):
    """What every signal has. The description of a field is what its refusal names as accepted."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    trade_id: TradeId = Field(description="the trade's id, 1 to 255 printable characters")
    lifecycle: Lifecycle
    symbol: Symbol | None = Field(None, description="a symbol such as NQ, NQ1!, CME_MINI:NQ1! or NQZ2025")
    alert_time: AlertTime | None = Field(
        None, description="a time as ISO 8601 (2025-11-22T14:30:00Z), Unix seconds or milliseconds"
    )

    @property
    def task_event(self) -> TaskEvent | None:
        return task_event(self.lifecycle)

    @property
    def event_key(self) -> str:
        """Return the identity of the event: a trade has one entry and one exit of each kind."""
        return f"{self.lifecycle}:{self.trade_id}"

    @abstractmethod
    def task_payload(self) -> dict[str, Any]:
        """Return the payload of the task this signal makes, with the documents' keys."""

    def content_digest(self) -> str:
        """Return a digest of what the signal says, whatever the spelling; the alert's time is no part of it."""
        return hashlib.sha256(self._content().encode()).hexdigest()

    def _content(self) -> str:
        return "\x1f".join(
            f"{name}={_plain(value)}" for name, value in sorted(self._said().items()) if value is not None
        )

    def _said(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "alert_time"}


class EntrySignal(Signal):
    """Open a trade."""

    lifecycle: Lifecycle = Lifecycle.ENTRY
    direction: DirectionWord | None = Field(
        None, description="Bullish, Bearish, long, short, buy or sell (in direction, bias, action or side)"
    )
    entry_price: Price | None = Field(None, description="a price above 0, in points")
    stop_loss: Price | None = Field(
        None,
        description="a price above 0, in points, below the entry of a LONG and above the entry of a SHORT",
    )
    contracts: Contracts | None = Field(None, description="a whole number of contracts, at least 1")
    session: Words | None = Field(None, description="a session name of 1 to 100 characters, such as NY AM")
    bias: Words | None = Field(None, description="text of 1 to 100 characters, such as Bullish")

    @property
    def stop_is_on_the_losing_side(self) -> bool:
        if self.entry_price is None or self.stop_loss is None or self.direction is None:
            return True
        loss = self.entry_price - self.stop_loss
        return loss > 0 if self.direction is Direction.LONG else loss < 0

    def task_payload(self) -> dict[str, Any]:
        return {
            "kind": "ENTRY",
            "direction": self.direction,
            "entry_price": self.entry_price,
            "stop_loss": self.stop_loss,
            "session": self.session,
            "bias": self.bias,
            "contracts": self.contracts,
            "symbol": self.symbol,
        }


class Excursion(Signal, ABC):
    """How far the trade has run: its maximum favourable excursion with and without the break-even stop."""

    be_mfe: Figure | None = Field(None, description="a finite number")
    no_be_mfe: Figure | None = Field(None, description="a finite number")


class ExitSignal(Excursion):
    """Close a trade."""

    exit_type: Words | None = Field(None, description="SL, BE, TP or a word of 1 to 100 characters")
    exit_price: Price | None = Field(None, description="a price above 0, in points")
    exit_contracts: Contracts | None = Field(
        None, description="a whole number of contracts, at least 1, to close a part of the trade"
    )
    exit_percent: Percent | None = Field(
        None, description="a number above 0 up to 100: the part of what is open that is closed, in percent"
    )

    @property
    def is_partial(self) -> bool:
        return self.exit_contracts is not None or self.exit_percent not in {None, Decimal(100)}

    @property
    def event_key(self) -> str:
        """A trade has one exit of each kind, but as many partial ones as differ in content or time."""
        if not self.is_partial:
            return super().event_key
        return _moment_key(self)

    def task_payload(self) -> dict[str, Any]:
        return {
            "kind": "EXIT",
            "exit_type": self._kind,
            "exit_price": self.exit_price,
            **{
                name: value
                for name, value in (("exit_contracts", self.exit_contracts), ("exit_percent", self.exit_percent))
                if value is not None
            },
            "final_be_mfe": self.be_mfe,
            "final_no_be_mfe": self.no_be_mfe,
            "symbol": self.symbol,
        }

    @property
    def _kind(self) -> str | None:
        return EXIT_TYPES.get(self.lifecycle, self.exit_type)

    def _said(self) -> dict[str, Any]:
        return {**super()._said(), "exit_type": self._kind}


class MfeUpdate(Excursion):
    """News of how far the trade has run."""

    lifecycle: Lifecycle = Lifecycle.MFE_UPDATE
    current_price: Price | None = Field(None, description="a price above 0, in points")

    @property
    def event_key(self) -> str:
        """A trade has many updates: each content at each time is one."""
        return _moment_key(self)

    def task_payload(self) -> dict[str, Any]:
        return {
            "kind": "MFE_UPDATE",
            "be_mfe": self.be_mfe,
            "no_be_mfe": self.no_be_mfe,
            "current_price": self.current_price,
            "symbol": self.symbol,
        }


class BreakEvenTriggered(Excursion):
    """The stop was moved to the entry price. Recorded only."""

    lifecycle: Lifecycle = Lifecycle.BE_TRIGGERED
    current_price: Price | None = Field(None, description="a price above 0, in points")

    def task_payload(self) -> dict[str, Any]:
        return {}


def _moment_key(signal: Signal) -> str:
    moment = "" if signal.alert_time is None else signal.alert_time.isoformat()
    return f"{signal.lifecycle}:{signal.content_digest()[:32]}:{moment}:{signal.trade_id}"


def _plain(value: Any) -> str:
    # Adding zero turns -0 into 0; fields hold no control characters, so none of them can imitate the separator.
    return f"{value.normalize() + 0:f}" if isinstance(value, Decimal) else str(value)


def payload_json(payload: dict[str, Any]) -> str:
    """Return a payload as JSON text with numbers as JSON numbers."""
    return json_text(payload)
