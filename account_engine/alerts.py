"""Which alerts are true of a standing, and which of them have to be raised and cleared. Pure; nothing is sent here.

Two kinds. A *level* alert holds while something is so: it is raised when that becomes true and cleared when it no
longer is. There is no hysteresis: a figure that crosses back clears its alert, and who delivers may wait for it to
settle. An *event* happened once: its key names it for good, it is raised once and never cleared.

``changes`` needs only the keys that are on record, so a restart changes nothing: what was raised is on record.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from account_engine.standing import AccountStanding
from domain.account import AccountKey
from domain.money import json_number


class Severity(StrEnum):
    """How soon someone has to look."""

    INFO = "INFO"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


class AlertRule(StrEnum):
    """What an alert is about."""

    DAILY_LOSS_USED = "DAILY_LOSS_USED"
    DRAWDOWN_USED = "DRAWDOWN_USED"
    DAILY_LIMIT_REACHED = "DAILY_LIMIT_REACHED"
    BREACH = "BREACH"
    STALE = "STALE"
    NO_DATA = "NO_DATA"
    DAY_RESET = "DAY_RESET"
    HIGH_WATER_MARK_LOCKED = "HIGH_WATER_MARK_LOCKED"

    @property
    def is_event(self) -> bool:
        """Return whether the alert tells of something that happened, and so is never cleared."""
        return self in {AlertRule.DAY_RESET, AlertRule.HIGH_WATER_MARK_LOCKED}


class AlertKey(NamedTuple):
    """What makes an alert of one account the same alert.

    ``mark``: the percent of a limit (``50``), the day that a reset began (ISO 8601), or "" where a rule has one alert.
    """

    rule: AlertRule
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert of one account. ``value`` beside ``limit``, by rule:

    - DAILY_LOSS_USED, DRAWDOWN_USED: dollars used, dollars of the whole limit;
    - DAILY_LIMIT_REACHED, BREACH: equity, the level that it had to stay above;
    - STALE: age and highest age in seconds; NO_DATA: neither;
    - DAY_RESET: the day's start, the day's level; HIGH_WATER_MARK_LOCKED: the mark, the floor. All in dollars.

    ``at``: the moment that the account's path recorded, otherwise that of the standing which first showed it.
    """

    account: AccountKey
    key: AlertKey
    severity: Severity
    value: Decimal | None
    limit: Decimal | None
    at: datetime

    def as_row(self) -> dict[str, Any]:
        """Return the alert in JSON's own types."""
        return {
            "firm_code": self.account.firm_code,
            "program_id": self.account.program_id,
            "rule": str(self.key.rule),
            "mark": self.key.mark,
            "severity": str(self.severity),
            "value": None if self.value is None else json_number(self.value),
            "limit": None if self.limit is None else json_number(self.limit),
            "at": self.at.isoformat(),
        }


class Changes(NamedTuple):
    """What has to be put on record: alerts to raise, level alerts to clear."""

    raised: tuple[Alert, ...]
    cleared: tuple[AlertKey, ...]

    def applied_to(self, on_record: Collection[AlertKey]) -> frozenset[AlertKey]:
        """Return the keys that are on record afterwards."""
        return frozenset(on_record).difference(self.cleared).union(alert.key for alert in self.raised)


THRESHOLDS: tuple[tuple[str, Decimal, Severity], ...] = (
    ("50", Decimal("0.50"), Severity.INFO),
    ("75", Decimal("0.75"), Severity.WARNING),
    ("90", Decimal("0.90"), Severity.CRITICAL),
)


def conditions(standing: AccountStanding) -> Mapping[AlertKey, Alert]:
    """Return the alerts that are true of a standing now, by key. A threshold reached exactly is crossed."""
    alerts = (
        *_used(standing, AlertRule.DAILY_LOSS_USED, standing.daily_used, standing.daily_limit, standing.daily_room),
        *_used(standing, AlertRule.DRAWDOWN_USED, standing.floor_used, standing.drawdown_limit, standing.floor_room),
        *_reached(standing),
        *_data(standing),
        *_events(standing),
    )
    return {alert.key: alert for alert in alerts}


def changes(on_record: Collection[AlertKey], standing: AccountStanding) -> Changes:
    """Return what to raise and what to clear, given the keys that are on record for the account.

    ``on_record``: level alerts that were raised and not cleared, and events that were ever raised; of DAY_RESET the
    newest is enough. A level alert whose figure is not known at the moment is left as it is: no data is no recovery.
    """
    now = conditions(standing)
    undecided = _undecided(standing)
    return Changes(
        raised=tuple(alert for key, alert in now.items() if key not in on_record),
        cleared=tuple(
            sorted(key for key in on_record if key not in now and not key.rule.is_event and key.rule not in undecided)
        ),
    )


def _used(
    standing: AccountStanding, rule: AlertRule, used: Decimal | None, limit: Decimal | None, room: Decimal | None
) -> Iterator[Alert]:
    if used is None or limit is None or room is None:
        return
    for mark, threshold, severity in THRESHOLDS:
        if used >= threshold:
            yield _alert(standing, AlertKey(rule, mark), severity, limit - room, limit)


def _reached(standing: AccountStanding) -> Iterator[Alert]:
    if standing.daily_paused:
        key, at = AlertKey(AlertRule.DAILY_LIMIT_REACHED), standing.daily_reached_at
        yield _alert(standing, key, Severity.CRITICAL, standing.equity, standing.daily_floor, at=at)
    if standing.breached:
        level = standing.daily_floor if standing.lost_by_day else standing.floor
        key, at = AlertKey(AlertRule.BREACH), standing.breached_at
        yield _alert(standing, key, Severity.CRITICAL, standing.equity, level, at=at)


def _data(standing: AccountStanding) -> Iterator[Alert]:
    if standing.no_data:
        yield _alert(standing, AlertKey(AlertRule.NO_DATA), Severity.WARNING, None, None)
    if standing.stale:
        yield _alert(standing, AlertKey(AlertRule.STALE), Severity.WARNING, standing.age, standing.max_age)


def _events(standing: AccountStanding) -> Iterator[Alert]:
    if standing.reset_day is not None:
        key = AlertKey(AlertRule.DAY_RESET, standing.reset_day.isoformat())
        yield _alert(standing, key, Severity.INFO, standing.day_start, standing.daily_floor)
    if standing.locked:
        key = AlertKey(AlertRule.HIGH_WATER_MARK_LOCKED)
        yield _alert(standing, key, Severity.INFO, standing.high_water_mark, standing.floor)


def _alert(
    standing: AccountStanding,
    key: AlertKey,
    severity: Severity,
    value: Decimal | None,
    limit: Decimal | None,
    *,
    at: datetime | None = None,
) -> Alert:
    moment = standing.at if at is None else at
    return Alert(account=standing.key, key=key, severity=severity, value=value, limit=limit, at=moment)


def _undecided(standing: AccountStanding) -> set[AlertRule]:
    """Return the level rules that cannot be judged, because a limit is set and what it limits is not known."""
    undecided: set[AlertRule] = set()
    if standing.daily_limit is not None and standing.daily_used is None:
        undecided |= {AlertRule.DAILY_LOSS_USED, AlertRule.DAILY_LIMIT_REACHED, AlertRule.BREACH}
    if standing.drawdown_limit is not None and standing.floor_used is None:
        undecided |= {AlertRule.DRAWDOWN_USED, AlertRule.BREACH}
    return undecided
