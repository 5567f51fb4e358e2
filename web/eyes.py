"""What lets others see how this process and the service are: health, readiness and metrics."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from config.settings import Settings
from database.connection import Database
from web.health import health_routes
from web.metrics import Metrics, Stages
from web.readings import Readings


class Eyes:
    """Health and metrics of one web process. ``asked`` is the pool whose state decides; ``slow`` reads the record.

    ``others``: the process's further pools, which are only measured.
    """

    def __init__(self, settings: Settings, asked: Database, slow: Database, *others: Database, stages: Stages) -> None:
        self._settings = settings
        self._database = asked
        self._readings = Readings(slow)
        self._metrics = Metrics(settings, self._readings, (asked, slow, *others), stages)

    def install(self, app: Flask, *, router_alive: Callable[[], bool], stopping: Callable[[], bool]) -> None:
        """Give the application its routes, and count its webhooks."""
        app.register_blueprint(
            health_routes(self._settings, self._database, self._readings, router_alive=router_alive, stopping=stopping)
        )
        app.register_blueprint(self._metrics.routes())
        self._metrics.count_webhooks(app)
