"""What was: an account's equity curve, its days, and the alerts that were raised."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response

from account_engine.account_tracker import AccountTracker
from account_engine.day_report import day_report
from database.account_history import POINTS_A_STRETCH, AccountHistory, CurvePoint, KeptAlert
from signals.fields import read_time
from signals.problem import FieldProblem, InvalidSignal
from web.api import Api, asked
from web.known_accounts import ACCOUNT, KnownAccounts

BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)
MOST_POINTS, USUAL_POINTS = 5000, 500
MOST_ALERTS, USUAL_ALERTS = 1000, 100
HIGHEST_PROGRAM = 2**31 - 1


def add_history(
    routes: Blueprint,
    api: Api,
    accounts: KnownAccounts,
    tracker: AccountTracker,
    history: AccountHistory,
    clock: Callable[[], datetime],
) -> None:
    """Add the routes that tell what was."""

    @routes.get(f"{ACCOUNT}/equity-curve")
    def equity_curve(firm: str, program: str) -> Response:
        def handle() -> dict[str, Any]:
            key = accounts.key(firm, program)
            since, until = _time("from", BEFORE_ALL), _time("to", clock())
            if until < since:
                given, accepted = until.isoformat(), f"a time not before from, {since.isoformat()}"
                raise InvalidSignal(FieldProblem(field="to", given=given, accepted=accepted))
            points = _whole("points", USUAL_POINTS, POINTS_A_STRETCH, MOST_POINTS)
            curve = history.curve(key, since=since, until=until, points=points)
            return {**key._asdict(), "points": [_point(point) for point in curve]}

        return api.show(handle)

    @routes.get(f"{ACCOUNT}/days")
    def days(firm: str, program: str) -> Response:
        def handle() -> dict[str, Any]:
            key = accounts.key(firm, program)
            tracker.refresh([key])
            return {**key._asdict(), **day_report(tracker.known(key), accounts.rules_of(key)).as_row()}

        return api.show(handle)

    @routes.get("/api/v1/alerts")
    def alerts() -> Response:
        def handle() -> dict[str, Any]:
            firm, program = asked().get("firm"), asked().get("program")
            found = history.alerts(
                firm_code=None if firm is None else accounts.firm(firm),
                program_id=None if program is None else _whole("program", 1, 1, HIGHEST_PROGRAM),
                only_open=_yes("open"),
                limit=_whole("limit", USUAL_ALERTS, 1, MOST_ALERTS),
            )
            return {"alerts": [_alert(alert) for alert in found]}

        return api.show(handle)


def _whole(name: str, usual: int, least: int, most: int) -> int:
    text = asked().get(name)
    if text is None:
        return usual
    number = int(text) if re.fullmatch(r"\d{1,10}", text, re.ASCII) else -1
    if not least <= number <= most:
        raise InvalidSignal(
            FieldProblem(field=name, given=text, accepted=f"a whole number from {least} to {most}; without it {usual}")
        )
    return number


def _time(name: str, usual: datetime) -> datetime:
    text = asked().get(name)
    if text is None:
        return usual
    try:
        return read_time(text)
    except ValueError as error:
        accepted = "a time as ISO 8601 (2026-11-18T17:00:00Z, a + written as %2B), Unix seconds or milliseconds"
        raise InvalidSignal(FieldProblem(field=name, given=text, accepted=accepted)) from error


def _yes(name: str) -> bool:
    text = asked().get(name, "false")
    if text.lower() not in ("true", "1", "false", "0"):
        raise InvalidSignal(FieldProblem(field=name, given=text, accepted="true or false"))
    return text.lower() in ("true", "1")


def _point(point: CurvePoint) -> dict[str, Any]:
    return {
        "time": point.at.isoformat(),
        "equity": point.equity,
        "balance": point.balance,
        "high_water_mark": point.high_water_mark,
        "floor": point.floor,
        "daily_floor": point.daily_floor,
    }


def _alert(alert: KeptAlert) -> dict[str, Any]:
    return {
        "id": alert.id,
        **alert.account._asdict(),
        "rule": alert.rule,
        "mark": alert.mark,
        "severity": alert.severity,
        "is_event": alert.is_event,
        "value": alert.value,
        "limit": alert.limit,
        "at": alert.raised_at.isoformat(),
        "cleared_at": None if alert.cleared_at is None else alert.cleared_at.isoformat(),
    }
