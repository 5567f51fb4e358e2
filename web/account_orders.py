"""What a person orders of an account: an override, its end, flags, a new start."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Blueprint, Response

from account_engine.account_tracker import AccountTracker
from domain.account import AccountKey
from signals.manual import parse_flags, parse_override, parse_signed, parse_withdrawal
from web.api import Api
from web.known_accounts import ACCOUNT, KnownAccounts


def add_orders(
    routes: Blueprint, api: Api, accounts: KnownAccounts, tracker: AccountTracker, clock: Callable[[], datetime]
) -> None:
    """Add the routes by which a person orders something of an account."""

    def now_stands(status: str, key: AccountKey) -> dict[str, Any]:
        view = tracker.view(key)
        return {"status": status, "account": view.as_row(), "standing": view.standing.as_row()}

    @routes.post(f"{ACCOUNT}/override")
    def override(firm: str, program: str) -> Response:
        def handle(fields: dict[str, Any]) -> dict[str, Any]:
            key = accounts.key(firm, program)
            order = parse_override(fields, clock(), accounts.bounds(key))
            tracker.set_override(
                key, order.figures, reason=order.reason, set_by=order.set_by, expires_at=order.expires_at
            )
            return {**now_stands("overridden", key), "expires_at": order.expires_at.isoformat()}

        return api.change(handle, signed=True)

    @routes.delete(f"{ACCOUNT}/override")
    def withdraw(firm: str, program: str) -> Response:
        def handle(fields: dict[str, Any]) -> dict[str, Any]:
            key = accounts.key(firm, program)
            order = parse_withdrawal(fields, clock())
            tracker.set_override(key, {}, reason=order.reason, set_by=order.set_by, expires_at=clock())
            return now_stands("withdrawn", key)

        return api.change(handle, may_be_empty=True, signed=True)

    @routes.post(f"{ACCOUNT}/flags")
    def flags(firm: str, program: str) -> Response:
        def handle(fields: dict[str, Any]) -> dict[str, Any]:
            key = accounts.key(firm, program)
            order = parse_flags(fields, clock())
            tracker.set_flags(key, order.flags, set_by=order.set_by, reason=order.reason)
            return {**now_stands("set", key), "flags": tracker.known(key).flags}

        return api.change(handle, signed=True)

    @routes.post(f"{ACCOUNT}/restart")
    def restart(firm: str, program: str) -> Response:
        def handle(fields: dict[str, Any]) -> dict[str, Any]:
            key = accounts.key(firm, program)
            order = parse_signed(fields, clock())
            tracker.restart(key, reason=order.reason, set_by=order.set_by)
            return now_stands("restarted", key)

        return api.change(handle, signed=True)
