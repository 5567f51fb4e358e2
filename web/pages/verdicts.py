"""What each account was told of a signal, out of the log's rows and the order ledger. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from database.connection import Row
from domain.account import AccountKey
from domain.order_state import OrderState

# In the order in which they are carried out; the first is the firm's, the others the account's.
CHECKS = ("risk_checks", "program_sizing", "account_breaches", "enforcement_checks")
ZERO_CONTRACTS = "ZERO_CONTRACTS"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedBy:
    """A rule that refused: what stood against which limit, as the record has them."""

    rule: str
    value: Any = None
    limit: Any = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A step on a signal's way. ``milliseconds`` since the step before it, None where the record does not have it."""

    name: str
    at: datetime | None
    milliseconds: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One account of a signal. Contracts ``asked`` by the signal, ``sized`` by the decision, ``sent`` to the venue."""

    account: AccountKey
    approved: bool
    refused_by: tuple[RefusedBy, ...]
    blocked_if_live: tuple[str, ...]
    status: str | None
    reason: str | None
    message: str | None
    asked: int | None
    sized: int | None
    sent: Decimal | None
    order: Row | None
    venue_order_id: str | None
    stages: tuple[Stage, ...]


def accounts_of(signal: Row) -> list[Told]:
    """Return every account of a signal as ``Feed.signal`` gives it, in the order of the record."""
    body = signal["response_body"] or {}
    orders: dict[AccountKey, Row] = {}
    for order in signal["orders"]:
        # The newest leg says how it stands.
        orders[AccountKey(order["firm_code"], order["program_id"])] = order
    return [_told(row, body, signal, orders) for row in body.get("connector_results", ())]


def stages_of(signal: Row, order: Row | None = None) -> tuple[Stage, ...]:
    """Return a signal's way from being received to its order's answer.

    A decision is on record where an order was planned by it, within the transaction that logs the verdict.
    """
    sent = order or {}
    steps = (
        ("received", signal["received_at"]),
        ("claimed", signal["last_attempt_at"]),
        ("decided", sent.get("created_at")),
        ("logged", signal["decided_at"]),
        ("sent", sent.get("sent_at")),
        ("answered", sent.get("answered_at")),
    )
    stages: list[Stage] = []
    before: datetime | None = None
    for name, at in steps:
        taken = None if at is None or before is None else round((at - before).total_seconds() * 1000)
        stages.append(Stage(name=name, at=at, milliseconds=None if taken is None else max(taken, 0)))
        before = at or before
    return tuple(stages)


def refusals_of(row: Mapping[str, Any], body: Mapping[str, Any]) -> tuple[RefusedBy, ...]:
    """Return why an account was refused: each rule of its row with the value and limit that the checks compared."""
    found: dict[str, RefusedBy] = {}
    for check in _checks_of(row, body):
        for compared in check.get("compared") or ():
            if compared.get("passed") is False:
                reason = check["reason"] if compared["rule"] == check.get("rule") else None
                found.setdefault(compared["rule"], RefusedBy(**_figures(compared), reason=reason))
        if check.get("rule") and check["rule"] not in found:
            found[check["rule"]] = RefusedBy(rule=check["rule"], reason=check.get("reason"))
    if ZERO_CONTRACTS in row["blocked_by"]:
        found.setdefault(ZERO_CONTRACTS, RefusedBy(rule=ZERO_CONTRACTS, value=row.get("contracts"), limit=1))
    return tuple(found.get(rule, RefusedBy(rule=rule)) for rule in row["blocked_by"])


def _told(row: Mapping[str, Any], body: Mapping[str, Any], signal: Row, orders: Mapping[AccountKey, Row]) -> Told:
    account = AccountKey(row["firm_code"], row["program_id"])
    order = orders.get(account)
    sent = order is not None and order["state"] not in {OrderState.PLANNED, OrderState.NOT_SENT}
    return Told(
        account=account,
        approved=row["approved"] is True,
        refused_by=refusals_of(row, body),
        blocked_if_live=tuple(row.get("blocked_if_live") or ()),
        status=row.get("status"),
        reason=row.get("reason"),
        message=row.get("message"),
        asked=signal["contracts"],
        sized=row.get("contracts"),
        sent=order["quantity"] if order is not None and sent else None,
        order=order,
        venue_order_id=row.get("order_id") or (None if order is None else order["venue_order_id"]),
        stages=stages_of(signal, order),
    )


def _checks_of(row: Mapping[str, Any], body: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    firm, program = row["firm_code"], row["program_id"]
    return [
        check
        for name in CHECKS
        for check in body.get(name, ())
        if check["firm_code"] == firm and check.get("program_id", program) == program
    ]


def _figures(compared: Mapping[str, Any]) -> dict[str, Any]:
    return {"rule": compared["rule"], "value": compared.get("value"), "limit": compared.get("limit")}
