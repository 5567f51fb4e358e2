"""What was: the path of an account's equity, and the alerts that were raised. Read only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from database.connection import Database
from domain.account import AccountKey

# Of each stretch of the time axis its first, lowest, highest and last point are kept.
POINTS_A_STRETCH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """An account at one moment of its history. Dollars; what was not known then is None."""

    at: datetime
    equity: Decimal
    balance: Decimal | None
    high_water_mark: Decimal | None
    floor: Decimal | None
    daily_floor: Decimal | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(
            at=row["observed_at"],
            equity=row["equity"],
            balance=row["balance"],
            high_water_mark=row["high_water_mark"],
            floor=row["floor"],
            daily_floor=row["daily_floor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAlert:
    """An alert on record. ``value`` and ``limit`` as the alert's rule defines them; ``cleared_at`` None: it holds.

    ``is_event``: it tells of something that happened, which is never cleared.
    """

    id: int
    account: AccountKey
    rule: str
    mark: str
    is_event: bool
    severity: str
    value: Decimal | None
    limit: Decimal | None
    raised_at: datetime
    cleared_at: datetime | None


class AccountHistory:
    """Reads the history of accounts. Every method raises DatabaseUnavailable when it cannot."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def curve(self, key: AccountKey, *, since: datetime, until: datetime, points: int) -> list[CurvePoint]:
        """Return an account's path from ``since`` to ``until``, both included, in the order of time.

        With more than ``points`` (at least 4) on record it is thinned out to at most that many, so that a line drawn
        through them keeps every extreme: of each stretch of time the first, lowest, highest and last point stay.
        U. Jugel et al., "M4: A Visualization-Oriented Time Series Data Aggregation", VLDB 2014.
        """
        rows = self._database.run(
            "equity_curve",
            again=True,
            firm_code=key.firm_code,
            program_id=key.program_id,
            since=since,
            until=until,
            points=points,
            stretches=points // POINTS_A_STRETCH,
        )
        return [CurvePoint.from_row(row) for row in rows]

    def alerts(self, *, firm_code: str | None, program_id: int | None, only_open: bool, limit: int) -> list[KeptAlert]:
        """Return the newest alerts first; None is every firm, every program. ``only_open``: those that still hold."""
        rows = self._database.run(
            "list_alerts", again=True, firm_code=firm_code, program_id=program_id, only_open=only_open, limit=limit
        )
        return [
            KeptAlert(
                id=row["id"],
                account=AccountKey(row["firm_code"], row["program_id"]),
                rule=row["rule"],
                mark=row["mark"],
                is_event=row["is_event"],
                severity=row["severity"],
                value=row["value"],
                limit=row["limit_value"],
                raised_at=row["raised_at"],
                cleared_at=row["cleared_at"],
            )
            for row in rows
        ]
