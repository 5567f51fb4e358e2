"""Whether the process lives, whether it is ready, and how well the service is by the documents' criteria."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify

from config.settings import Settings
from database.connection import Database, DatabaseUnavailable, StatementRefused
from database.migrations import missing_files
from domain.criteria import Criterion, criteria, database_away, worst
from domain.observed import Observed
from web.access import is_trusted
from web.readings import Readings


def health_routes(
    settings: Settings,
    database: Database,
    readings: Readings,
    *,
    router_alive: Callable[[], bool],
    stopping: Callable[[], bool] = lambda: False,
) -> Blueprint:
    """Return ``/healthz``, ``/readyz`` and ``/health``; the details of the last for this machine or API_TOKEN's bearer.

    ``database`` is asked whether it can be reached; ``stopping`` says whether this process is on its way out.
    """
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    def alive() -> Response:
        return jsonify(status="ok")

    @routes.get("/readyz")
    def ready() -> tuple[Response, int]:
        reasons = [*_unprepared(database)]
        if settings.router_enabled and not router_alive():
            reasons.append("the router does not run")
        if stopping():
            reasons.append("the process is stopping")
        return jsonify(status="not ready" if reasons else "ready", reasons=reasons), 503 if reasons else 200

    @routes.get("/health")
    def health() -> tuple[Response, int]:
        queue = _queue(database)
        seen = None if queue is None else _seen(readings)
        router = settings.router_enabled and router_alive()
        well = queue is not None and (router or not settings.router_enabled) and not settings.errors
        judged = _judged(settings, database, seen)
        report: dict[str, Any] = {
            "status": "ok" if well else "degraded",
            "mode": "dry-run" if settings.dry_run else "live",
            "database": "reachable" if queue is not None else "away",
            "router": "runs" if router else ("stopped" if settings.router_enabled else "elsewhere"),
            "colour": str(worst(judged)),
        }
        if is_trusted(settings):
            report |= {
                "queue": queue,
                "criteria": [criterion.as_row() for criterion in judged],
                "accounts": [str(account) for account in settings.accounts],
                "example_configuration": settings.demonstration,
                "configuration_errors": [str(problem) for problem in settings.errors],
                "configuration_warnings": [str(problem) for problem in settings.warnings],
            }
        return jsonify(report), 200 if queue is not None else 503

    return routes


def _unprepared(database: Database) -> list[str]:
    try:
        missing = missing_files(database)
    except (DatabaseUnavailable, StatementRefused):
        return ["the database cannot be reached"]
    return [f"the schema lacks {name}" for name in missing]


def _queue(database: Database) -> dict[str, Any] | None:
    try:
        state = database.run("queue_state", again=True)[0]
    except (DatabaseUnavailable, StatementRefused):
        return None
    oldest = state["oldest_pending_seconds"]
    return {**state, "oldest_pending_seconds": None if oldest is None else round(float(oldest), 3)}


def _seen(readings: Readings) -> Observed | None:
    try:
        return readings.read()
    except (DatabaseUnavailable, StatementRefused):
        return None


def _judged(settings: Settings, database: Database, seen: Observed | None) -> tuple[Criterion, ...]:
    if seen is None:
        return (database_away(),)
    return criteria(
        seen,
        database_failures=database.use().failures,
        errors=len(settings.errors),
        warnings=len(settings.warnings),
    )
