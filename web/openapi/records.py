"""The record: signals with what was decided, trades, tasks, the audit, figures, and what would pass now."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import Field

from database.replay import CHECKS
from signals.audit_query import AuditQuery
from signals.feed_query import FeedQuery
from signals.json_forms import words
from signals.lifecycle import Lifecycle
from signals.order_acts import SPELLINGS, TestSignalBody
from web.openapi.forms import body_form, query_form
from web.openapi.operation import Operation, Schema, Shown
from web.openapi.order_answers import ActShown, Order, OrderEvent
from web.openapi.webhooks import SignalTaken
from web.pages.analytics import USUAL_WINDOW, WINDOWS
from web.pages.signals import PERIODS
from web.pages.what_if import ACCEPTED, MOST_CONTRACTS

CONFLICT = frozenset({409})
UNREADABLE = frozenset({400})
TRADE = {"trade_id": words(255)}


class Verdict(Shown):
    """What was decided about one account, and what became of its order, with more beside it."""

    firm_code: str
    program_id: int
    approved: bool | None = None
    contracts: int | None = None
    blocked_by: list[str] = Field(default_factory=list)
    status: str | None = None
    reason: str | None = None


class SignalShown(Shown):
    """A signal, and its verdicts once it is decided. Prices in points."""

    id: int
    received_at: datetime
    trade_id: str
    lifecycle: Lifecycle
    symbol: str | None
    direction: str | None
    entry_price: Decimal | None
    stop_loss: Decimal | None
    contracts: int | None
    unknown_trade: bool
    task_id: int | None
    task_status: str | None
    decided_at: datetime | None
    verdicts: list[Verdict] | None


class SignalFeed(Shown):
    """The newest first. ``older``: the ``before`` of the next page, null where there is none."""

    signals: list[SignalShown]
    older: int | None
    looked_at: int
    back_to: datetime | None


class SignalOpened(Shown):
    """A signal with its body, without secrets; its task, the log of its verdict and its orders."""

    id: int
    received_at: datetime
    trade_id: str
    lifecycle: Lifecycle
    raw_body: Any
    task_id: int | None
    task_status: str | None
    decided_at: datetime | None
    response_body: dict[str, Any] | None
    orders: list[Order]


class OneSignal(Shown):
    """One signal."""

    signal: SignalOpened


class TradeShown(Shown):
    """All that is on record of a trade, the oldest first; of each kind the first 200."""

    trade_id: str
    signals: list[SignalShown]
    conflicts: list[dict[str, Any]]
    orders: list[Order]
    tasks: list[dict[str, Any]]


class OneTrade(Shown):
    """One trade."""

    trade: TradeShown


class OrderEventOfTask(OrderEvent):
    """A change of one of a task's orders."""

    order_id: int


class TaskShown(Shown):
    """A task with everything that is on record of it; ``facts``: what it was decided from."""

    task: dict[str, Any]
    signal: dict[str, Any] | None
    logs: list[dict[str, Any]]
    facts: dict[str, Any] | None
    orders: list[Order]
    events: list[OrderEventOfTask]
    acts: list[ActShown]


class ReplayShown(Shown):
    """A task decided again from its record alone: ``recorded`` beside ``now``, by the names of the checks."""

    task_id: int
    trade_id: str
    same: bool
    differs: list[str]
    recorded: dict[str, Any]
    now: dict[str, Any]


class StrategyShown(Shown):
    """Figures in multiples of what a trade risked."""

    name: str
    trades: int
    won: int
    made: Decimal
    peak: Decimal
    drawdown: Decimal


class AnalyticsShown(Shown):
    """Verdicts, orders, delays and results of the last hours; ``back_to``: the oldest verdict that was counted."""

    hours: int
    firms: list[dict[str, Any]]
    rules: dict[str, list[dict[str, Any]]]
    decisions: int
    back_to: datetime | None
    orders: list[dict[str, Any]]
    tasks: dict[str, Any]
    accounts: list[dict[str, Any]]
    strategies: list[StrategyShown]


class AuditEvent(Shown):
    """Something that happened. ``position``: where the chain seals it, null while it is not."""

    id: int
    at: datetime
    kind: str
    source: str | None
    subject: str | None
    firm_code: str | None
    program_id: int | None
    task_id: int | None
    actor: str | None
    content: dict[str, Any]
    position: int | None


class AuditEvents(Shown):
    """The newest first."""

    events: list[AuditEvent]


class RefusalShown(Shown):
    """A check's no."""

    rule: str
    reason: str


class WhatIfAnswer(Shown):
    """Whether an entry would pass now; ``risk`` in dollars at its stop.

    ``live_refusals``: what would besides refuse the account if it were live.
    """

    account: str
    symbol: str
    session: str | None
    distance: Decimal
    passes: bool
    contracts: int
    risk: Decimal | None
    refusals: list[RefusalShown]
    live_refusals: list[RefusalShown]
    compared: list[dict[str, Any]]


class Exported(Shown):
    """A row for each account of each signal. ``complete``: false where more was cut off."""

    rows: list[dict[str, Any]]
    complete: bool


WHAT_IF: dict[str, Schema] = {
    "symbol": {"type": "string", "pattern": r"^[A-Za-z0-9_.:!/-]{1,50}$", "description": ACCEPTED["symbol"]},
    "contracts": {"type": "integer", "minimum": 1, "maximum": MOST_CONTRACTS, "description": ACCEPTED["contracts"]},
    "distance": {"type": "number", "minimum": 0.000001, "maximum": 1_000_000, "description": ACCEPTED["distance"]},
    "session": {"type": "string", "minLength": 1, "maxLength": 50, "description": ACCEPTED["session"]},
}


def _or_empty(forms: dict[str, Schema]) -> dict[str, Schema]:
    """Return the forms of a page's own form: a field that is empty asks for nothing."""
    return {
        name: {"description": form["description"], "anyOf": [{**form}, {"type": "string", "maxLength": 0}]}
        for name, form in forms.items()
    }


def record_operations() -> dict[str, Operation]:
    """Return what the routes of the record ask and answer, by endpoint."""
    return {
        "records.signals": Operation(
            summary="List signals with what was decided", answer=SignalFeed, query=query_form(FeedQuery)
        ),
        "records.test_signal": Operation(
            summary="Send a test signal: decided as any other, refused while an account trades live, never sent",
            answer=SignalTaken,
            body=body_form(TestSignalBody, SPELLINGS, closed=True),
            refusals=CONFLICT | {429},
        ),
        "records.signal": Operation(summary="Show a signal with all that came of it", answer=OneSignal),
        "records.trade": Operation(summary="Show a trade by its id", answer=OneTrade, path=TRADE, refusals=UNREADABLE),
        "records.task": Operation(summary="Show a task with everything on record of it", answer=TaskShown),
        "records.replay": Operation(
            summary=f"Decide a task again from its record: {', '.join(CHECKS)}", answer=ReplayShown, refusals=CONFLICT
        ),
        "records.figures": Operation(
            summary="Tell how well it goes",
            answer=AnalyticsShown,
            query={
                "hours": {"enum": list(WINDOWS), "default": USUAL_WINDOW, "description": "the hours that are looked at"}
            },
        ),
        "records.audit": Operation(
            summary="List what happened and who did it", answer=AuditEvents, query=query_form(AuditQuery)
        ),
        "records.what_if": Operation(
            summary="Tell whether an entry would pass now; without parameters the usual one",
            answer=WhatIfAnswer,
            query=WHAT_IF,
        ),
        "pages.signals_json": Operation(
            summary="Export signals, a row for each account",
            answer=Exported,
            query={
                **_or_empty(query_form(FeedQuery)),
                "hours": {"enum": ["", *PERIODS], "description": "the hours until now"},
            },
            refused_as="text/html",
        ),
    }
