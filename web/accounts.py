"""Accounts over HTTP: what platforms and programs tell, what a person orders, where each account stands and stood."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, Response

from account_engine.account_tracker import AccountTracker, Taken
from account_engine.account_view import AccountView
from config.settings import Settings
from database.account_history import AccountHistory
from domain.account import AccountKey
from domain.rule_set import AccountRules
from signals.account_update import parse_ninjatrader, parse_state
from web.account_history import add_history
from web.account_orders import add_orders
from web.api import Api
from web.known_accounts import ACCOUNT, KnownAccounts
from web.signal_limits import UpdateLimit


def account_routes(
    settings: Settings,
    tracker: AccountTracker,
    history: AccountHistory,
    *,
    names: Mapping[str, AccountKey],
    rules_of: Callable[[AccountKey], AccountRules],
    clock: Callable[[], datetime],
    logger: logging.Logger,
) -> Blueprint:
    """Return the account routes.

    Accounts are the routed ones of ``settings``; ``names`` says which of them is meant by a NinjaTrader account's name.
    ``clock`` gives the time in UTC. ``rules_of`` gives the rules in force of an account.
    """
    routes = Blueprint("accounts", __name__)
    api = Api(settings, logger)
    limit = UpdateLimit(settings.account_update_rate)
    accounts = KnownAccounts(settings.accounts, names, tracker, rules_of)

    @routes.post("/api/v1/ninjatrader/account-update")
    def ninjatrader_update() -> Response:
        def handle(fields: dict[str, Any]) -> dict[str, Any]:
            name, news = parse_ninjatrader(fields, clock())
            key = accounts.named(name)
            limit.check(key)
            return _taken(tracker.take(key, news.update(accounts.bounds(key))), news.ignored)

        return api.change(handle)

    @routes.post(f"{ACCOUNT}/state")
    def state(firm: str, program: str) -> Response:
        def handle(fields: dict[str, Any]) -> dict[str, Any]:
            key = accounts.key(firm, program)
            news = parse_state(fields, clock())
            limit.check(key)
            return _taken(tracker.take(key, news.update(accounts.bounds(key))), news.ignored)

        return api.change(handle)

    @routes.get("/api/v1/accounts")
    def standings() -> Response:
        def handle() -> dict[str, Any]:
            tracker.refresh(accounts.keys)
            return {"accounts": [_standing(tracker.view(key)) for key in accounts.keys]}

        return api.show(handle)

    @routes.get(f"{ACCOUNT}/standing")
    def standing(firm: str, program: str) -> Response:
        def handle() -> dict[str, Any]:
            key = accounts.key(firm, program)
            tracker.refresh([key])
            known = tracker.known(key)
            override = known.override
            in_force = override is not None and clock() < override.expires_at
            return {
                **_standing(tracker.view(key)),
                "positions": known.tracked.positions,
                "flags": known.flags,
                "override": override.as_row() if override is not None and in_force else None,
            }

        return api.show(handle)

    add_orders(routes, api, accounts, tracker, clock)
    add_history(routes, api, accounts, tracker, history, clock)
    return routes


def _standing(view: AccountView) -> dict[str, Any]:
    return {"account": view.as_row(), "standing": view.standing.as_row()}


def _taken(taken: Taken, ignored: tuple[str, ...]) -> dict[str, Any]:
    """Return the answer to an update; ``ignored`` names are said, so that a misspelt one is noticed."""
    told = {"status": str(taken.outcome), **_standing(taken.view)}
    return {**told, "ignored": list(ignored)} if ignored else told
