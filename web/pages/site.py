"""The pages together: what each of them is made from, and the blueprint that has them all."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint

from account_engine.account_tracker import AccountTracker
from config.settings import Settings
from database.account_history import AccountHistory
from database.connection import Database
from database.feed import Feed
from database.operator_desk import OperatorDesk
from database.page import PageRecord
from database.pools import WebPools
from web.assets import Assets
from web.changes import ChangeFeed
from web.pages.account import add_account
from web.pages.account_acts import add_account_acts
from web.pages.analytics import add_analytics
from web.pages.configuration import add_configuration
from web.pages.dead_letters import add_dead_letters
from web.pages.forms import Forms
from web.pages.frame import Frame
from web.pages.halts import add_halts
from web.pages.letter_acts import add_letter_acts
from web.pages.order_acts import add_order_acts
from web.pages.orders import add_orders
from web.pages.overview import add_overview
from web.pages.signals import add_signals
from web.pages.status import StatusReader
from web.pages.tasks import add_tasks
from web.pages.test_signal import add_test_signal
from web.pages.what_if import FactsOf
from web.test_signals import TakeSignal


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterSide:
    """What pages have of the router. ``facts_of`` gathers what an entry of one account would be decided from now."""

    facts_of: FactsOf
    take: TakeSignal


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What pages read from. ``database``: one whose statements may take their time; ``clock`` gives the time in UTC.

    ``desk``, ``acts`` and ``forms``: where a person acts, on connections of their own.
    """

    frame: Frame
    settings: Settings
    database: Database
    acts: Database
    desk: OperatorDesk
    forms: Forms
    record: PageRecord
    tracker: AccountTracker
    history: AccountHistory
    feed: Feed
    router: RouterSide
    clock: Callable[[], datetime]


def page_routes(
    settings: Settings,
    pools: WebPools,
    tracker: AccountTracker,
    feed: ChangeFeed,
    *,
    assets: Assets,
    router: RouterSide,
    clock: Callable[[], datetime],
    logger: logging.Logger,
) -> Blueprint:
    """Return the pages. Accounts are the routed ones of ``settings``."""
    database = pools.pages
    record = PageRecord(database)
    frame = Frame(settings, feed, assets, StatusReader(settings, record), logger=logger)
    site = Site(
        frame=frame,
        settings=settings,
        database=database,
        acts=pools.desk,
        desk=OperatorDesk(pools.desk, settings.accounts),
        forms=Forms(frame, pools.desk),
        record=record,
        tracker=tracker,
        history=AccountHistory(database),
        feed=Feed(database),
        router=router,
        clock=clock,
    )
    routes = Blueprint("pages", __name__, template_folder="../templates")
    routes.after_request(site.frame.as_page)
    add_overview(routes, site)
    add_account(routes, site)
    add_account_acts(routes, site)
    add_signals(routes, site)
    add_test_signal(routes, site)
    add_tasks(routes, site)
    add_orders(routes, site)
    add_order_acts(routes, site)
    add_dead_letters(routes, site)
    add_letter_acts(routes, site)
    add_analytics(routes, site)
    add_halts(routes, site)
    add_configuration(routes, site)
    return routes
