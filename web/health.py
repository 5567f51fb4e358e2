"""Whether the service works, and what of its configuration does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify

from config.settings import Settings
from database.connection import Database, DatabaseUnavailable, StatementRefused
from web.access import is_trusted


def health_routes(settings: Settings, database: Database, *, router_alive: Callable[[], bool]) -> Blueprint:
    """Return ``/health``. Details are for this machine or the bearer of API_TOKEN."""
    routes = Blueprint("health", __name__)

    @routes.get("/health")
    def health() -> tuple[Response, int]:
        queue = _queue(database)
        router = settings.router_enabled and router_alive()
        well = queue is not None and (router or not settings.router_enabled) and not settings.errors
        report: dict[str, Any] = {
            "status": "ok" if well else "degraded",
            "mode": "dry-run" if settings.dry_run else "live",
            "database": "reachable" if queue is not None else "away",
            "router": "runs" if router else ("stopped" if settings.router_enabled else "elsewhere"),
        }
        if is_trusted(settings):
            report |= {
                "queue": queue,
                "accounts": [str(account) for account in settings.accounts],
                "example_configuration": settings.demonstration,
                "configuration_errors": [str(problem) for problem in settings.errors],
                "configuration_warnings": [str(problem) for problem in settings.warnings],
            }
        return jsonify(report), 200 if queue is not None else 503

    return routes


def _queue(database: Database) -> dict[str, Any] | None:
    try:
        state = database.run("queue_state", again=True)[0]
    except (DatabaseUnavailable, StatementRefused):
        return None
    oldest = state["oldest_pending_seconds"]
    return {**state, "oldest_pending_seconds": None if oldest is None else round(float(oldest), 3)}
