"""An account's values as rows of the account tables, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson

from account_engine.alerts import AlertKey, AlertRule
from account_engine.daily_history import DayRecord, PlatformDay
from account_engine.drawdown import Standing
from account_engine.tracked import AccountWrite, Day, Known, Mark, Marks, Override, Snapshot, Tracked
from database.connection import Row
from domain.account import AccountKey
from domain.account_update import FIGURES, Source
from domain.json_text import json_text

SNAPSHOT_FIELDS = (
    *("kind", "observed_at", "received_at", "source", "firm_day", "equity", "balance", "day_pl", "high_water_mark"),
    *("floor", "daily_floor"),
)


def state_row(key: AccountKey, tracked: Tracked) -> Row:
    """Return the row of ``account_states``."""
    standing, day, marks = tracked.standing, tracked.day, tracked.marks
    return {
        "firm_code": key.firm_code,
        "program_id": key.program_id,
        "version": tracked.version,
        "source": tracked.source,
        "observed_at": tracked.observed_at,
        "received_at": tracked.received_at,
        "no_data_since": tracked.no_data_since,
        **{name: tracked.figures.get(name) for name in FIGURES},
        # As JSON of their own: within them a figure stays a number.
        "positions": None if tracked.positions is None else orjson.Fragment(json_text(tracked.positions)),
        "details": orjson.Fragment(json_text(dict(tracked.details))),
        **_mark("hwm_intraday", marks.intraday),
        **_mark("hwm_closed", marks.closed),
        **_mark("hwm_eod", marks.eod),
        "life": tracked.life,
        "life_began_at": tracked.began_at,
        "firm_day": None if day is None else day.day,
        "day_start_balance": None if day is None else day.start_balance,
        "day_start_equity": None if day is None else day.start_equity,
        "day_high_equity": None if day is None else day.high_equity,
        "day_low_equity": None if day is None else day.low_equity,
        "day_start_known": day is None or day.start_known,
        "rule_set": tracked.rule_set,
        "rule_digest": tracked.rule_digest,
        "trail_mark": None if standing is None else standing.high_water_mark,
        "floor": None if standing is None else standing.floor,
        "floor_locked": standing is not None and standing.locked,
        "floor_locked_at": tracked.floor_locked_at,
        "breached_at": None if standing is None else standing.breached_at,
        "day_start": None if standing is None else standing.day_start,
        "daily_floor": None if standing is None else standing.daily_floor,
        "daily_breached_at": None if standing is None else standing.daily_breached_at,
        "standing_equity": None if standing is None else standing.equity,
        "last_snapshot_at": tracked.last_snapshot_at,
    }


def history_rows(write: AccountWrite) -> tuple[list[Row], list[Row], list[Row]]:
    """Return a change's rows of ``account_snapshots``, ``account_resets`` and ``account_days``."""
    account = {"firm_code": write.key.firm_code, "program_id": write.key.program_id}
    snapshots = [snapshot_row(write.key, snapshot) for snapshot in write.step.snapshots]
    resets: list[Row] = []
    days: list[Row] = []
    for reset in write.step.resets:
        day = reset.day
        resets.append(
            {
                **account,
                "day": day.day,
                "due_at": reset.due_at,
                "caught_up": reset.caught_up,
                "closing_balance": reset.closing_balance,
                "closing_equity": reset.closing_equity,
                "figures_at": reset.figures_at,
                "released": reset.released,
            }
        )
        days.append(
            {
                **account,
                "day": day.day,
                "start_balance": day.start_balance,
                "start_equity": day.start_equity,
                "high_equity": day.high_equity,
                "low_equity": day.low_equity,
                "end_balance": reset.closing_balance,
                "end_equity": reset.closing_equity,
                "finalised_at": write.step.tracked.received_at if reset.corrected else reset.due_at,
                "caught_up": reset.caught_up,
                "corrected": reset.corrected,
            }
        )
    return snapshots, resets, [*days, *_platform_rows(write, {row["day"]: row for row in days})]


def snapshot_row(key: AccountKey, snapshot: Snapshot) -> Row:
    """Return the row of ``account_snapshots``."""
    account = {"firm_code": key.firm_code, "program_id": key.program_id}
    return {**account, **{name: getattr(snapshot, name) for name in SNAPSHOT_FIELDS}}


def restart_rows(write: AccountWrite) -> list[Row]:
    """Return a change's row of ``account_restarts``, none where it begins no new life."""
    if write.restart is None:
        return []
    tracked = write.step.tracked
    return [
        {
            "firm_code": write.key.firm_code,
            "program_id": write.key.program_id,
            "life": tracked.life,
            "restarted_at": tracked.began_at,
            "reason": write.restart.reason,
            "set_by": write.restart.set_by,
        }
    ]


def alert_rows(write: AccountWrite) -> tuple[list[Row], list[Row]]:
    """Return a change's rows of ``account_alerts``: those to raise, those to clear."""
    account = {"firm_code": write.key.firm_code, "program_id": write.key.program_id}
    raised = [
        {
            **account,
            "rule": alert.key.rule,
            "mark": alert.key.mark,
            "is_event": alert.key.rule.is_event,
            "severity": alert.severity,
            "value": alert.value,
            "limit_value": alert.limit,
            "raised_at": alert.at,
        }
        for alert in write.changes.raised
    ]
    cleared = [{**account, "rule": key.rule, "mark": key.mark, "cleared_at": write.at} for key in write.changes.cleared]
    return raised, cleared


def known_of(row: Mapping[str, Any]) -> Known:
    """Return what a row of ``read_accounts`` says of an account."""
    days = row["days"]
    override = row["override"]
    return Known(
        tracked=_tracked(row),
        flags=row["flags"],
        override=None if override is None else _override(override),
        alerts=frozenset(AlertKey(AlertRule(rule), mark) for rule, mark in row["alerts"]),
        days=tuple(_day_record(day) for day in days if day["start_balance"] is not None),
        platform_days=tuple(
            PlatformDay(
                day=date.fromisoformat(day["day"]),
                pnl=Decimal(day["platform_pl"]),
                finalised=day["finalised_at"] is not None,
            )
            for day in days
            if day["platform_pl"] is not None
        ),
    )


def _tracked(row: Mapping[str, Any]) -> Tracked:
    day = row["firm_day"]
    return Tracked(
        version=row["version"],
        source=Source(row["source"]),
        observed_at=row["observed_at"],
        received_at=row["received_at"],
        no_data_since=row["no_data_since"],
        figures={name: row[name] for name in FIGURES if row[name] is not None},
        positions=None if row["positions"] is None else tuple(row["positions"]),
        details=row["details"],
        marks=Marks(
            intraday=_mark_of(row, "hwm_intraday"), closed=_mark_of(row, "hwm_closed"), eod=_mark_of(row, "hwm_eod")
        ),
        life=row["life"],
        began_at=row["life_began_at"],
        day=None
        if day is None
        else Day(
            day=day,
            start_balance=row["day_start_balance"],
            start_equity=row["day_start_equity"],
            high_equity=row["day_high_equity"],
            low_equity=row["day_low_equity"],
            start_known=row["day_start_known"],
        ),
        standing=None
        if row["trail_mark"] is None
        else Standing(
            high_water_mark=row["trail_mark"],
            floor=row["floor"],
            locked=row["floor_locked"],
            breached_at=row["breached_at"],
            equity=row["standing_equity"],
            day_start=row["day_start"],
            daily_floor=row["daily_floor"],
            daily_breached_at=row["daily_breached_at"],
        ),
        floor_locked_at=row["floor_locked_at"],
        rule_set=row["rule_set"],
        rule_digest=row["rule_digest"],
        last_snapshot_at=row["last_snapshot_at"],
    )


def _platform_rows(write: AccountWrite, closed: Mapping[date, Row]) -> Iterator[Row]:
    """A statement may touch each day's row once, so a day that is closed now carries the platform's figure itself."""
    for told in write.platform_days:
        if told.day in closed:
            closed[told.day]["platform_pl"] = told.pnl
        else:
            yield {
                "firm_code": write.key.firm_code,
                "program_id": write.key.program_id,
                "day": told.day,
                "platform_pl": told.pnl,
                "finalised_at": write.at if told.finalised else None,
            }


def _override(row: Mapping[str, Any]) -> Override:
    return Override(
        figures={name: Decimal(figure) for name, figure in row["figures"].items()},
        reason=row["reason"],
        set_by=row["set_by"],
        expires_at=datetime.fromisoformat(row["expires_at"]),
    )


def _day_record(row: Mapping[str, Any]) -> DayRecord:
    return DayRecord(
        day=date.fromisoformat(row["day"]),
        start_balance=_dollars(row["start_balance"]),
        end_balance=_dollars(row["end_balance"]),
        start_equity=_dollars(row["start_equity"]),
        end_equity=_dollars(row["end_equity"]),
        finalised=row["finalised_at"] is not None,
        late=row["caught_up"],
    )


def _dollars(figure: Any) -> Decimal | None:
    return None if figure is None else Decimal(figure)


def _mark(name: str, mark: Mark | None) -> Row:
    return {name: None if mark is None else mark.value, f"{name}_at": None if mark is None else mark.at}


def _mark_of(row: Mapping[str, Any], name: str) -> Mark | None:
    return None if row[name] is None else Mark(value=row[name], at=row[f"{name}_at"])
