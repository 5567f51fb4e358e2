"""Orders: unresolved ones first, what ledger and venues disagree about, and one order with every change of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from database.differences import Differences
from database.order_feed import OrderFeed
from database.order_inspection import OrderInspection
from domain.acts import HIGHEST_ID
from domain.order_state import OrderState
from signals.order_list import parse_order_list
from web.pages.frame import address

if TYPE_CHECKING:
    from web.pages.site import Site


def add_orders(routes: Blueprint, site: Site) -> None:
    """Add ``/orders`` and ``/orders/17``. They show; what a person may do about an order is added by its template."""
    feed, inspection = OrderFeed(site.database), OrderInspection(site.database)
    differences = Differences(site.database)

    def load() -> Mapping[str, Any]:
        query = parse_order_list(request.args.to_dict(), site.clock())
        page = feed.page(query)
        kept = {name: text for name, text in request.args.items() if text and name != "before"}
        accounts = site.settings.accounts
        return {
            "unresolved": feed.unresolved(),
            "differences": differences.open(),
            "orders": page.rows,
            "page": page,
            "query": query,
            "older": None if page.older is None else address("pages.orders", {**kept, "before": page.older}),
            "newest": None if query.before is None else address("pages.orders", kept),
            "firms": list(dict.fromkeys(key.firm_code for key in accounts)),
            "accounts": accounts,
            "states": list(OrderState),
        }

    @routes.get("/orders")
    def orders() -> Response:
        return site.frame.show("orders.html", load)

    @routes.get(f"/orders/<int(max={HIGHEST_ID}):order_id>")
    def order(order_id: int) -> Response:
        def show() -> Mapping[str, Any]:
            found = inspection.order(order_id)
            about = [row for row in differences.open() if row["account"] == found["account"]]
            return {"order": found, "differences": about}

        return site.frame.show("order.html", show)
