"""What a platform, a firm or a program tells of an account at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self


class Source(StrEnum):
    """Where figures come from, the best first.

    A state on record is from FIRM_API, PLATFORM or PROGRAM. The others say how one is read at a moment: OVERRIDE is a
    person's word, with reason and expiry; SNAPSHOT what is on record and no longer fresh; ENV the environment's.
    """

    OVERRIDE = "OVERRIDE"
    FIRM_API = "FIRM_API"
    PLATFORM = "PLATFORM"
    PROGRAM = "PROGRAM"
    SNAPSHOT = "SNAPSHOT"
    ENV = "ENV"
    NONE = "NONE"


FIGURES = ("equity", "balance", "unrealized_pl", "realized_pl", "day_pl", "total_pl", "drawdown")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUpdate:
    """One message about one account. Dollars, losses negative; times aware; None is "not said".

    ``equity`` has the open profit in it, ``balance`` has not. ``realized_pl`` and ``day_pl`` are of the firm's day.
    ``no_data``: the platform is not connected, and whatever figures it shows mean nothing. ``daily_pl`` is what the
    platform says of earlier days. ``details`` holds further fields of a program, as they are.
    """

    at: datetime
    received_at: datetime
    source: Source
    equity: Decimal | None = None
    balance: Decimal | None = None
    unrealized_pl: Decimal | None = None
    realized_pl: Decimal | None = None
    day_pl: Decimal | None = None
    total_pl: Decimal | None = None
    drawdown: Decimal | None = None
    positions: tuple[Mapping[str, Any], ...] | None = None
    no_data: bool = False
    daily_pl: Mapping[date, Decimal] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        figures: Mapping[str, Decimal],
        *,
        at: datetime,
        received_at: datetime,
        source: Source,
        details: Mapping[str, Any] | None = None,
    ) -> Self:
        """Return an update of figures (dollars) by their names in FIGURES."""
        return cls(
            at=at,
            received_at=received_at,
            source=source,
            equity=figures.get("equity"),
            balance=figures.get("balance"),
            unrealized_pl=figures.get("unrealized_pl"),
            realized_pl=figures.get("realized_pl"),
            day_pl=figures.get("day_pl"),
            total_pl=figures.get("total_pl"),
            drawdown=figures.get("drawdown"),
            details={} if details is None else details,
        )

    def figures(self) -> dict[str, Decimal]:
        """Return the figures that were said, by name."""
        told = {name: getattr(self, name) for name in FIGURES}
        return {name: figure for name, figure in told.items() if figure is not None}
