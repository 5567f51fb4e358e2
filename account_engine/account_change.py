"""What a step does to all that is known of an account besides its state, and what listeners hear of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from account_engine.account_view import AccountView
from account_engine.alerts import Changes
from account_engine.daily_history import PlatformDay
from account_engine.tracked import Known, Outcome, Step
from domain.account import AccountKey

# Looked for before an event's text is read: most are of signals, and reading each would slow a burst down.
ACCOUNT_CHANGED = "account_changed"


def is_of_account(event: str) -> bool:
    """Return whether an event's text may be of an account that changed, without reading it."""
    return f'"{ACCOUNT_CHANGED}"' in event


def with_days(known: Known, step: Step, told: Mapping[date, Decimal]) -> tuple[Known, tuple[PlatformDay, ...]]:
    """Return the account with the days that this step closed and that the platform told, and what of it is news.

    What comes late only fills gaps: of a day that is known, something newer was said.
    """
    late = step.outcome is Outcome.OLDER
    before = {day.day: day for day in known.platform_days}
    running = None if step.tracked.day is None else step.tracked.day.day
    over = {day.day for day in known.platform_days if day.finalised} | {reset.day.day for reset in step.resets}
    told_now = {
        day: PlatformDay(day=day, pnl=pnl, finalised=day in over or (running is not None and day < running))
        for day, pnl in sorted(told.items())
        if day not in before or not late
    }
    news = tuple(day for day in told_now.values() if before.get(day.day) != day)
    if not news and not step.resets:
        return known, news
    platform = {day.day: replace(day, finalised=day.day in over) for day in before.values()} | told_now
    days = {day.day: day for day in known.days}
    for reset in step.resets:
        earlier = days.get(reset.day.day)
        days[reset.day.day] = reset.record(earlier)
    return replace(known, days=tuple(days.values()), platform_days=tuple(platform.values())), news


def changed_event(key: AccountKey, step: Step, view: AccountView, alerts: Changes) -> dict[str, Any]:
    """Return what listeners hear: which account has changed to which version, where it stands, which alerts."""
    return {
        "event": ACCOUNT_CHANGED,
        "firm_code": key.firm_code,
        "program_id": key.program_id,
        "version": step.tracked.version,
        "standing": view.standing.as_row(),
        "raised": [alert.as_row() for alert in alerts.raised],
        "cleared": [{"rule": str(cleared.rule), "mark": cleared.mark} for cleared in alerts.cleared],
    }
