"""Every route, and who may call it. A route that is not listed here is refused to everybody.

Live events are no route of Flask's: whoever may see inside may connect to Socket.IO (``web.live``, ``web.live_doors``).
"""

from __future__ import annotations

import logging
from enum import StrEnum

from flask import Flask, Response, request

from domain.person import Role
from web.sessions import refusal, refused

KEY = "routes"


class Access(StrEnum):
    """Who may call a route."""

    PUBLIC = "everybody"
    WEBHOOK = "who shows a webhook secret"
    VIEWER = "who may see inside"
    OPERATOR = "who may change something"


NEEDED = {Access.VIEWER: Role.VIEWER, Access.OPERATOR: Role.OPERATOR}

# By endpoint: the blueprint, and the function that answers. Of a webhook the intake checks the secret, because it may
# stand in the body.
ROUTES: dict[str, Access] = {
    "webhooks.automated_signal": Access.WEBHOOK,
    "webhooks.live_signal": Access.WEBHOOK,
    "webhooks.realtime_price": Access.WEBHOOK,
    "health.alive": Access.PUBLIC,
    "health.ready": Access.PUBLIC,
    # Says more to who may see inside.
    "health.health": Access.PUBLIC,
    "metrics.scrape": Access.VIEWER,
    # Scripts, styles and the icon: there is nothing of the owner in them.
    "assets.asset": Access.PUBLIC,
    "pages.overview": Access.VIEWER,
    "pages.account": Access.VIEWER,
    "pages.configuration": Access.VIEWER,
    "pages.pause_form": Access.OPERATOR,
    "pages.pause": Access.OPERATOR,
    "pages.resume_form": Access.OPERATOR,
    "pages.resume": Access.OPERATOR,
    "pages.override_form": Access.OPERATOR,
    "pages.override": Access.OPERATOR,
    "pages.withdraw_form": Access.OPERATOR,
    "pages.withdraw": Access.OPERATOR,
    "pages.halts": Access.VIEWER,
    "pages.halt": Access.VIEWER,
    "pages.halt_form": Access.OPERATOR,
    "pages.set_halt": Access.OPERATOR,
    "pages.release_halt": Access.OPERATOR,
    "pages.signals": Access.VIEWER,
    "pages.signal": Access.VIEWER,
    "pages.test_form": Access.OPERATOR,
    "pages.send_test": Access.OPERATOR,
    "pages.signals_csv": Access.VIEWER,
    "pages.signals_json": Access.VIEWER,
    "pages.trade": Access.VIEWER,
    "pages.task": Access.VIEWER,
    "pages.orders": Access.VIEWER,
    "pages.order": Access.VIEWER,
    "pages.resolve_form": Access.OPERATOR,
    "pages.resolve": Access.OPERATOR,
    "pages.difference": Access.VIEWER,
    "pages.settle_form": Access.OPERATOR,
    "pages.settle": Access.OPERATOR,
    "pages.dead_letters": Access.VIEWER,
    "pages.dead_letter": Access.VIEWER,
    "pages.retry_form": Access.OPERATOR,
    "pages.retry": Access.OPERATOR,
    "pages.discard_form": Access.OPERATOR,
    "pages.discard": Access.OPERATOR,
    "pages.analytics": Access.VIEWER,
    "login.page": Access.PUBLIC,
    "login.enter": Access.PUBLIC,
    "login.leave": Access.PUBLIC,
    "accounts.ninjatrader_update": Access.OPERATOR,
    "accounts.state": Access.OPERATOR,
    "accounts.override": Access.OPERATOR,
    "accounts.withdraw": Access.OPERATOR,
    "accounts.flags": Access.OPERATOR,
    "accounts.restart": Access.OPERATOR,
    "accounts.standings": Access.VIEWER,
    "accounts.standing": Access.VIEWER,
    "accounts.equity_curve": Access.VIEWER,
    "accounts.days": Access.VIEWER,
    "accounts.alerts": Access.VIEWER,
    "orders.orders": Access.VIEWER,
    "orders.order": Access.VIEWER,
    "orders.resolve": Access.OPERATOR,
    "orders.dead_letters": Access.VIEWER,
    "orders.dead_letter": Access.VIEWER,
    "orders.retry": Access.OPERATOR,
    "orders.discard": Access.OPERATOR,
    "orders.open_differences": Access.VIEWER,
    "orders.settle": Access.OPERATOR,
    "orders.halts": Access.VIEWER,
    "orders.halt": Access.OPERATOR,
    "orders.release": Access.OPERATOR,
    "records.signals": Access.VIEWER,
    "records.test_signal": Access.OPERATOR,
    "records.signal": Access.VIEWER,
    "records.trade": Access.VIEWER,
    "records.task": Access.VIEWER,
    "records.replay": Access.VIEWER,
    "records.figures": Access.VIEWER,
    "records.audit": Access.VIEWER,
    "records.what_if": Access.VIEWER,
    # Says what there is to ask, and nothing of the owner.
    "openapi.openapi": Access.PUBLIC,
}


def install_routes(app: Flask, logger: logging.Logger) -> None:
    """Let the table decide who gets to a route. It is the application's own copy, under its extension ``routes``."""
    table = dict(ROUTES)
    app.extensions[KEY] = table

    @app.before_request
    def may_call() -> Response | None:
        endpoint = request.endpoint
        if endpoint is None:
            return None
        access = table.get(endpoint)
        if access is Access.WEBHOOK or access is Access.PUBLIC:
            return None
        if access is None:
            logger.error("Route %s is in no table, so nobody may call it", endpoint, extra={"event": "route_unlisted"})
            return refused(403, "route_unlisted", "Nobody may call this: the route is not listed in web/routes.py.")
        return refusal(NEEDED[access])
