"""How well it goes: verdicts and orders by firm, delays, results by account and strategy, over a chosen window."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from database.analytics import MOST_ORDERS, analytics
from signals.problem import FieldProblem, InvalidSignal

if TYPE_CHECKING:
    from web.pages.site import Site

WINDOWS = {"24": "24 hours", "168": "7 days", "720": "30 days"}
USUAL_WINDOW = "168"


def add_analytics(routes: Blueprint, site: Site) -> None:
    """Add ``/analytics``. The window stands in the address."""

    def load() -> Mapping[str, Any]:
        window = request.args.get("hours", USUAL_WINDOW)
        if window not in WINDOWS:
            raise InvalidSignal(FieldProblem(field="hours", given=window, accepted=f"one of {', '.join(WINDOWS)}"))
        return {
            "found": analytics(site.database, hours=int(window)),
            "window": window,
            "windows": WINDOWS,
            "most_orders": MOST_ORDERS,
            "share": _share,
            "milliseconds": _milliseconds,
        }

    @routes.get("/analytics", endpoint="analytics")
    def analytics_page() -> Response:
        return site.frame.show("analytics.html", load)


def _share(part: int, whole: int) -> Decimal | None:
    return None if whole == 0 else Decimal(part) / whole


def _milliseconds(values: list[float] | None, place: int) -> str:
    value = None if values is None else values[place]
    if value is None:
        return "\N{EN DASH}"
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"
