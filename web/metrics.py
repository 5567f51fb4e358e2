"""``/metrics``: what the record says, read as it is asked for, and what this process counted itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache

from flask import Blueprint, Flask, Response, abort, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from config.settings import Settings
from database.connection import Database, DatabaseUnavailable, StatementRefused
from database.heartbeats import own_name
from domain.criteria import criteria, database_away
from domain.stage_times import ENDS, StageCounts
from web.access import is_trusted
from web.doorkeeper import current_pass
from web.metric_families import criteria_family, pool_families, readable_family, record_families, stage_family
from web.readings import Readings

Stages = Callable[[], Mapping[str, StageCounts]]
WEBHOOKS = "webhooks"


class Metrics:
    """One process's metrics. ``pools`` are its own; the first is the one whose failures the criteria count."""

    def __init__(self, settings: Settings, readings: Readings, pools: Sequence[Database], stages: Stages) -> None:
        self._settings = settings
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(_Seen(settings, readings, pools, stages))
        self._answers = Counter(
            "router_webhook_answers", "Answers of webhooks", ["endpoint", "code"], registry=self.registry
        )
        self._seconds = Histogram(
            "router_webhook_seconds",
            "Webhooks from the request to its answer",
            ["endpoint"],
            buckets=ENDS,
            registry=self.registry,
        )
        # Finding a labelled counter anew costs more than counting.
        self._answered = cache(lambda endpoint, code: self._answers.labels(endpoint, str(code)))
        self._timed = cache(self._seconds.labels)

    def count_webhooks(self, app: Flask) -> None:
        """Count what the application's webhooks answer, whoever answers for them."""

        @app.before_request
        def begin() -> None:
            if request.blueprint == WEBHOOKS:
                g.webhook_began = time.perf_counter()

        @app.after_request
        def count(answer: Response) -> Response:
            if request.blueprint == WEBHOOKS and request.endpoint is not None:
                # The function's name, not the path: the path may end in a token.
                endpoint = request.endpoint.rpartition(".")[2]
                self._answered(endpoint, answer.status_code).inc()
                if "webhook_began" in g:
                    self._timed(endpoint).observe(time.perf_counter() - g.webhook_began)
            return answer

    def routes(self) -> Blueprint:
        """Return ``/metrics``, for this machine, the bearer of a token and whoever is logged in."""
        routes = Blueprint("metrics", __name__)

        @routes.get("/metrics")
        def scrape() -> Response:
            if not is_trusted(self._settings) and not _is_known():
                abort(401, description="Metrics are for this machine, or need API_TOKEN or API_VIEWER_TOKEN.")
            return Response(generate_latest(self.registry), content_type=CONTENT_TYPE_LATEST)

        return routes


def _is_known() -> bool:
    try:
        return current_pass() is not None
    except DatabaseUnavailable:
        return False


class _Seen(Collector):
    def __init__(self, settings: Settings, readings: Readings, pools: Sequence[Database], stages: Stages) -> None:
        self._settings = settings
        self._readings = readings
        self._pools = pools
        self._stages = stages

    def describe(self) -> list[Metric]:
        """Nothing is read while it is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every family; of the record only whether it can be read while it cannot."""
        pools = {pool.name.removeprefix("execution-router-"): pool.use() for pool in self._pools}
        yield from pool_families(pools)
        own = {own_name(): self._stages()}
        try:
            seen = self._readings.read()
        except (DatabaseUnavailable, StatementRefused):
            yield stage_family(own)
            yield readable_family(readable=False)
            yield criteria_family([database_away()])
            return
        yield stage_family({**{process.name: process.stages for process in seen.processes}, **own})
        yield readable_family(readable=True)
        yield from record_families(seen)
        yield criteria_family(
            criteria(
                seen,
                database_failures=self._pools[0].use().failures,
                errors=len(self._settings.errors),
                warnings=len(self._settings.warnings),
            )
        )
