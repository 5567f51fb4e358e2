"""The record over HTTP: signals with what was decided, trades, tasks, the audit, figures, and what would pass now."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask import Blueprint, Response

from account_engine.account_tracker import AccountTracker
from config.settings import Settings
from database.analytics import analytics
from database.audit_trail import audit_trail
from database.connection import Database
from database.feed import Feed, FeedPage
from database.operator_acts import NotPossible
from database.order_inspection import order_row
from database.page import PageRecord
from database.replay import NotReplayable, Replayed, Replays
from domain.acts import HIGHEST_ID, Signature
from signals.audit_query import parse_audit
from signals.feed_query import FeedQuery, parse_feed
from signals.fields import text_of
from signals.order_acts import parse_test_signal
from signals.problem import FieldProblem, InvalidSignal
from web.api import Api, asked
from web.known_accounts import ACCOUNT, KnownAccounts
from web.orders import Counter
from web.pages.analytics import USUAL_WINDOW, WINDOWS
from web.pages.what_if import ACCEPTED, Answer, FactsOf, answer, question_of
from web.test_signals import TestSignals

SIGNAL = f"/api/signals/<int(max={HIGHEST_ID}):signal_id>"
TASK = f"/api/tasks/<int(max={HIGHEST_ID}):task_id>"


def record_routes(
    settings: Settings,
    database: Database,
    tracker: AccountTracker,
    *,
    facts_of: FactsOf,
    tests: TestSignals,
    clock: Callable[[], datetime],
    logger: logging.Logger,
) -> Blueprint:
    """Return the routes. ``database``: one whose statements may take their time; ``clock`` gives the time in UTC.

    ``facts_of`` gathers what an entry of one account would be decided from now; ``tests`` sends test signals.
    """
    routes = Blueprint("records", __name__)
    counter = Counter(Api(settings, logger), clock)
    _add_signals(routes, counter, Feed(database))
    _add_test_signal(routes, counter, tests)
    _add_tasks(routes, counter, Feed(database), Replays(database, default_symbol=settings.default_symbol))
    _add_figures(routes, counter, database)
    accounts = KnownAccounts(settings.accounts, settings.account_names(), tracker, tracker.rules_of)
    record = PageRecord(database)

    @routes.get(f"{ACCOUNT}/what-if")
    def what_if(firm: str, program: str) -> Response:
        def tell() -> Mapping[str, Any]:
            key, given = accounts.key(firm, program), _known(asked(), ACCEPTED)
            question = question_of(given, settings, tracker.rules_of(key), record.usual_distance())
            return {"account": str(key), **_told(answer(question, key, facts_of)[0])}

        return counter.show(tell)

    return routes


def _add_signals(routes: Blueprint, counter: Counter, feed: Feed) -> None:
    def page(query: FeedQuery) -> Mapping[str, Any]:
        found: FeedPage = feed.page(query)
        shown = [_without(row, "looked_at", "looked_back_to", "last_looked_at") for row in found.rows]
        return {"signals": shown, "older": found.older, "looked_at": found.looked_at, "back_to": found.back_to}

    @routes.get("/api/signals")
    def signals() -> Response:
        return counter.ask(parse_feed, page)

    @routes.get(SIGNAL)
    def signal(signal_id: int) -> Response:
        def tell() -> Mapping[str, Any]:
            found = feed.signal(signal_id)
            return {"signal": {**found, "orders": [order_row(row) for row in found["orders"]]}}

        return counter.show(tell)

    @routes.get("/api/trades/<path:trade_id>")
    def trade(trade_id: str) -> Response:
        def tell() -> Mapping[str, Any]:
            found = feed.trade(_trade_id(trade_id))
            return {"trade": {**found, "orders": [order_row(row) for row in found["orders"]]}}

        return counter.show(tell)


def _add_test_signal(routes: Blueprint, counter: Counter, tests: TestSignals) -> None:
    def send(told: tuple[Mapping[str, Any], Signature]) -> Mapping[str, Any]:
        given, signature = told
        return tests.send(given, signature, source="api")

    @routes.post("/api/signals/test")
    def test_signal() -> Response:
        return counter.act(parse_test_signal, send)


def _add_tasks(routes: Blueprint, counter: Counter, feed: Feed, replays: Replays) -> None:
    @routes.get(TASK)
    def task(task_id: int) -> Response:
        def tell() -> Mapping[str, Any]:
            found = feed.task(task_id)
            return {**found, "orders": [order_row(row) for row in found["orders"]]}

        return counter.show(tell)

    @routes.get(f"{TASK}/replay")
    def replay(task_id: int) -> Response:
        def tell() -> Mapping[str, Any]:
            feed.task(task_id)
            found = _replayed(replays, task_id)
            return {**asdict(found), "same": found.same, "differs": found.differs}

        return counter.show(tell)


def _add_figures(routes: Blueprint, counter: Counter, database: Database) -> None:
    def window(arguments: Mapping[str, Any], _: datetime) -> int:
        hours = _known(arguments, {"hours"}).get("hours", USUAL_WINDOW)
        if hours not in WINDOWS:
            raise InvalidSignal(FieldProblem(field="hours", given=hours, accepted=f"one of {', '.join(WINDOWS)}"))
        return int(hours)

    @routes.get("/api/analytics")
    def figures() -> Response:
        return counter.ask(window, lambda hours: {"hours": hours, **asdict(analytics(database, hours=hours))})

    @routes.get("/api/audit")
    def audit() -> Response:
        return counter.ask(parse_audit, lambda query: {"events": audit_trail(database, query)})


def _replayed(replays: Replays, task_id: int) -> Replayed:
    try:
        return replays.of(task_id)
    except NotReplayable as error:
        raise NotPossible(str(error)) from error
    except (ValueError, TypeError, LookupError) as error:
        raise NotPossible(f"what is on record of task {task_id} cannot be read any more: {error}") from error


def _trade_id(text: str) -> str:
    try:
        return text_of(255)(text)
    except ValueError as error:
        raise InvalidSignal(FieldProblem(field="trade_id", given=text, accepted="a trade's id, printable")) from error


def _known(arguments: Mapping[str, str], known: Any) -> dict[str, str]:
    problems = [
        FieldProblem(field=name, given=text, accepted=f"one of {', '.join(known)}")
        for name, text in arguments.items()
        if name not in known
    ]
    if problems:
        raise InvalidSignal(*problems[:20])
    return dict(arguments)


def _told(found: Answer) -> Mapping[str, Any]:
    return {
        "symbol": found.symbol,
        "session": found.question.session,
        "distance": found.question.distance,
        "passes": found.passes,
        "contracts": found.contracts,
        "risk": found.risk,
        "refusals": [refusal._asdict() for refusal in found.refusals],
        "live_refusals": [refusal._asdict() for refusal in found.live_refusals],
        "compared": list(found.compared),
    }


def _without(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
