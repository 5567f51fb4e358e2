"""The first page: is everything safe, what needs a person, where each account stands, what was just decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from web.pages.account_reader import AccountReader
from web.pages.account_rows import AccountRow
from web.pages.attention import AttentionReader
from web.pages.signal_summary import summary

if TYPE_CHECKING:
    from web.pages.site import Site

NEWEST = 8


def add_overview(routes: Blueprint, site: Site) -> None:
    """Add ``/``. A program, which does not ask for HTML, is told in JSON what this is."""
    keys = site.settings.accounts
    rows = AccountReader(site)
    attention = AttentionReader(site.settings, site.database, site.record)

    def load() -> Mapping[str, Any]:
        accounts = rows.read(keys)
        return {
            "accounts": accounts,
            "figures": _figures(accounts),
            "attention": attention.read(accounts),
            "signals": [{**signal, "summary": summary(signal)} for signal in site.record.newest_signals(limit=NEWEST)],
            "webhook_secret": site.settings.webhook_secret is not None,
            "origin": request.host_url.rstrip("/"),
        }

    @routes.get("/")
    def overview() -> Response:
        if "text/html" not in request.headers.get("Accept", ""):
            return jsonify(
                service="prop-firm execution router",
                mode="dry-run" if site.settings.dry_run else "live",
                webhooks=["/api/automated-signals/webhook", "/api/live-signals", "/api/realtime-price"],
                health="/health",
            )
        return site.frame.show("overview.html", load)


def _figures(accounts: list[AccountRow]) -> dict[str, Any]:
    """Return the age of the data over all accounts: how many are current, and the oldest of those that are."""
    current = [row for row in accounts if row.figures_at is not None and not row.stale]
    return {
        "current": len(current),
        "stale": sum(row.stale for row in accounts),
        "oldest_at": min((row.figures_at for row in current if row.figures_at is not None), default=None),
    }
