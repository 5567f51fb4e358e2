"""The accounts of the settings on a database: rules from configuration, state on record, one clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

import orjson

from account_engine import AccountStateManager
from account_engine.account_change import ACCOUNT_CHANGED, is_of_account
from account_engine.account_tracker import AccountTracker
from account_engine.environment import Environments
from config import account_rules
from config.settings import Settings
from database.accounts import AccountRecord
from database.connection import Database
from domain.account import AccountKey


def utc_now() -> datetime:
    """Return the time, aware and in UTC."""
    return datetime.now(UTC)


def tracker_of(states: AccountStateManager) -> AccountTracker:
    """Return the tracker behind a manager. Raises ValueError where it has none, because it has no database."""
    if states.tracker is None:
        raise ValueError("these accounts are not tracked; they were made without a database")
    return states.tracker


def heard_of_account(tracker: AccountTracker, event: str) -> bool:
    """Let the tracker know of an account that another process changed; return whether the event is of an account."""
    if not is_of_account(event):
        return False
    told = orjson.loads(event)
    if told.get("event") != ACCOUNT_CHANGED:
        return False
    tracker.heard(AccountKey(told["firm_code"], told["program_id"]), told["version"])
    return True


def tracked_accounts(
    settings: Settings, database: Database, *, clock: Callable[[], datetime] = utc_now
) -> AccountStateManager:
    """Return the manager of all accounts, kept on this database and shared with every process on it."""
    tracker = AccountTracker(
        AccountRecord(database),
        rules_of=cache(lambda key: account_rules(key, settings)),
        environment_of=Environments(settings.environ, clock),
        clock=clock,
        max_age=Decimal(settings.account_state_max_age),
    )
    return AccountStateManager(settings.environ, clock=time.time, tracker=tracker)
