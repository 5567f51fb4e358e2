"""The whole JSON API beside the webhooks, each part on the connections that its work may take."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from flask import Blueprint

from account_engine.account_tracker import AccountTracker
from config.settings import Settings
from database.account_history import AccountHistory
from database.operator_desk import OperatorDesk
from database.page import PageRecord
from database.pools import WebPools
from web.accounts import account_routes
from web.openapi.routes import openapi_routes
from web.orders import order_routes
from web.pages.status import StatusReader
from web.pages.what_if import FactsOf
from web.records import record_routes
from web.test_signals import TakeSignal, TestSignals


def api_routes(
    settings: Settings,
    pools: WebPools,
    tracker: AccountTracker,
    *,
    facts_of: FactsOf,
    take: TakeSignal,
    clock: Callable[[], datetime],
    logger: logging.Logger,
) -> tuple[Blueprint, ...]:
    """Return the routes of accounts, orders, the record, and of the document that describes them."""
    accounts = account_routes(
        settings,
        tracker,
        # A long history may take longer to read than a webhook may take to answer.
        AccountHistory(pools.router),
        names=settings.account_names(),
        rules_of=tracker.rules_of,
        clock=clock,
        logger=logger,
    )
    orders = order_routes(settings, pools.desk, clock=clock, logger=logger)
    status = StatusReader(settings, PageRecord(pools.pages))
    tests = TestSignals(
        take, OperatorDesk(pools.desk, settings.accounts), armed=lambda: status.read().live_anywhere, clock=clock
    )
    records = record_routes(settings, pools.pages, tracker, facts_of=facts_of, tests=tests, clock=clock, logger=logger)
    return accounts, orders, records, openapi_routes()
