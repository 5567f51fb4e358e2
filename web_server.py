"""The web process: webhooks, health, live events, and the router's thread. ``python web_server.py`` runs it."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask
from flask_socketio import SocketIO
from gunicorn.app.wsgiapp import WSGIApplication

from account_engine.account_change import is_of_account
from alerts.service import AlertService
from config.logs import configure_logging
from config.settings import Settings, load_settings
from database.announcer import Announcer
from database.events import EventListener
from database.logins import LoginRecord
from database.pools import WebPools
from database.queue import TaskQueue
from database.signals import SignalStore
from database.startup import OpenedDatabase, StartRefused, open_database, prepare_schema
from database.tracked_accounts import tracked_accounts, tracker_of, utc_now
from execution_router import router_of
from routing.account_keeper import AccountKeeper
from routing.heartbeat import Heartbeat
from routing.interpreter import settle_heap, share_arenas
from routing.what_if import WhatIf
from web.access import is_trusted
from web.api_routes import api_routes
from web.assets import Assets
from web.banner import banner
from web.changes import ChangeFeed
from web.doorkeeper import Doorkeeper
from web.enqueue import (
    STORE_KEY,
    enqueue_execution_task,
    enqueue_execution_task_for_entry,
    enqueue_execution_task_for_exit,
    handle_entry_signal,
    handle_exit_signal,
    handle_mfe_update,
)
from web.errors import install_error_answers
from web.eyes import Eyes
from web.intake import Intake
from web.live import LiveFeed
from web.live_doors import LiveDoors
from web.login import login_routes
from web.pages.site import RouterSide, page_routes
from web.routes import install_routes
from web.security_headers import SecurityHeaders
from web.sessions import install_sessions
from web.template_words import install_template_words
from web.webhooks import SignalTaker, webhook_routes

__all__ = [
    "create_app",
    "enqueue_execution_task",
    "enqueue_execution_task_for_entry",
    "enqueue_execution_task_for_exit",
    "handle_entry_signal",
    "handle_exit_signal",
    "handle_mfe_update",
    "main",
    "process_app",
    "service_of",
    "shutdown",
]


class Service:
    """Everything that one web process holds, made from its settings. Nothing runs before ``start``."""

    def __init__(self, settings: Settings, opened: OpenedDatabase) -> None:
        if settings.start_refusal is not None:
            raise RuntimeError(settings.start_refusal)
        self.settings = settings
        self.opened = opened
        self.logger = logging.getLogger("web_server")
        self._pools = WebPools(opened.url, size=settings.database_pool_size)
        self.database = self._pools.webhooks
        self._announcer = Announcer(opened.url, logger=self.logger)
        self.store = SignalStore(self.database, self._announcer.announce)
        self.states = tracked_accounts(settings, self.database)
        logins = LoginRecord(self._pools.desk, idle=settings.session_idle, lifetime=settings.session_lifetime)
        self._doorkeeper = Doorkeeper(settings, logins)
        self._intake = Intake(settings, self.store, self.logger)
        self.router = router_of(settings, self._pools.router, self.states, self._intake.is_crowded)
        tracker = tracker_of(self.states)
        self._keeper = AccountKeeper(
            settings, opened.direct_url, tracker, self.router.connectors, self.logger, busy=self.router.is_busy
        )
        self._eyes = Eyes(settings, *self._pools, stages=self.router.stage_times)
        # A page whose server has stopped answering, or is gone without a word, finds out within ten seconds.
        self.socketio = SocketIO(async_mode="threading", ping_interval=5, ping_timeout=5)
        self._changes = ChangeFeed(self.socketio, may_listen=lambda: is_trusted(settings), logger=self.logger)
        self._heartbeat = Heartbeat(
            settings,
            self._pools.router,
            kind="WEB",
            routes=lambda: settings.router_enabled and self.router.is_alive(),
            stages=self.router.stage_times,
            logger=self.logger,
        )
        self._live_doors = LiveDoors(self.socketio, self._doorkeeper, self.logger)
        self._alerts = AlertService(settings, opened.url, opened.direct_url, self.logger)
        self._stopping = threading.Event()
        self._refused: StartRefused | None = None
        self._starter = threading.Thread(target=self._start_when_ready, name="starter", daemon=True)
        results = TaskQueue(self._pools.router, worker="reader", lease=settings.task_lease)
        feed = LiveFeed(self.socketio, settings, results.result_of, tracker)
        self._listener = EventListener(
            opened.direct_url,
            on_event=lambda event: self._on_event(feed, event),
            on_connect=self._on_connect,
            logger=self.logger,
        )

    def app(self) -> Flask:
        """Return the WSGI application."""
        app = Flask(__name__, static_folder=None)
        # A path with a slash too many is unknown; a redirect would be no JSON, and repeat the token in it.
        app.url_map.merge_slashes = False
        install_sessions(app, self._doorkeeper)
        install_routes(app, self.logger)
        app.register_blueprint(webhook_routes(self._intake, self.store, wake=self.router.wake))
        tracker = tracker_of(self.states)
        facts_of = WhatIf(self.settings, self.states, self._pools.pages, self.router.connectors).facts
        take = SignalTaker(self._intake, self.store, wake=self.router.wake).take
        for routes in api_routes(
            self.settings, self._pools, tracker, facts_of=facts_of, take=take, clock=utc_now, logger=self.logger
        ):
            app.register_blueprint(routes)
        assets = Assets()
        app.register_blueprint(assets.routes())
        app.register_blueprint(
            page_routes(
                self.settings,
                self._pools,
                tracker,
                self._changes,
                assets=assets,
                router=RouterSide(facts_of=facts_of, take=take),
                clock=utc_now,
                logger=self.logger,
            )
        )
        install_template_words(app)
        self._eyes.install(app, router_alive=self.router.is_alive, stopping=self._stopping.is_set)
        app.register_blueprint(login_routes(self._doorkeeper, assets, self.logger))
        install_error_answers(app, self.logger)
        self.socketio.init_app(app, async_mode="threading")
        # Around Socket.IO, whose answers do not pass through Flask.
        app.wsgi_app = SecurityHeaders(app.wsgi_app, self.settings.trusted_proxies)  # type: ignore[method-assign]
        app.extensions["execution_service"] = self
        app.extensions[STORE_KEY] = self.store
        return app

    def start(self) -> None:
        """Bring the schema up to date, start router and listener; with the database away, as soon as it is back.

        Raises StartRefused where a promise would not hold; found only later, router and listener do not start.
        """
        self._announcer.start()
        self._starter.start()
        self._starter.join(timeout=5.0)
        if self._refused is not None:
            self.stop()
            raise self._refused

    def stop(self) -> None:
        """Finish the task in hand, give back the rest, close everything; a second call does nothing."""
        if not self._stopping.is_set():
            self._stopping.set()
            # First: nothing comes in any more, and what waits for the router may take its time.
            self._announcer.stop()
            self.router.stop()
            self._keeper.stop()
            self._heartbeat.stop()
            self._alerts.stop()
            self._listener.stop()
            self._live_doors.stop()
            self._changes.stop()
            self._pools.close()
            self.logger.info("Web process stopped", extra={"event": "web_stopped"})

    def _start_when_ready(self) -> None:
        try:
            # Migrations may take longer than a webhook may, so they run on the router's connections.
            ready = prepare_schema(self.opened, self._pools.router, self.logger, self._stopping)
        except StartRefused as error:
            self._refused = error
            self.logger.error("Nothing is routed: %s", error, extra={"event": "start_refused"})
            return
        if ready:
            if self.settings.router_enabled:
                self.router.start(self._keeper.leadership)
                self._keeper.start()
            self._heartbeat.start()
            self._alerts.start()
            self._changes.start()
            self._listener.start()
            self._live_doors.start()

    def _on_connect(self) -> None:
        tracker_of(self.states).forget()
        self.router.wake()
        self._changes.changed()

    def _on_event(self, feed: LiveFeed, event: str) -> None:
        if self.settings.router_enabled and not is_of_account(event):
            self.router.wake(event)
        feed.deliver(event)
        self._changes.heard(event)


def create_app(settings: Settings | None = None) -> Flask:
    """Make and start a web process's service and return its WSGI application.

    ``settings`` default to the environment, ``.env`` and, with nothing configured, the example. Raises RuntimeError
    when live mode has no webhook secret.
    """
    settings = load_settings() if settings is None else settings
    service = Service(settings, open_database(settings))
    # Before anything runs: threads would find half of it.
    app = service.app()
    service.start()
    return app


@cache
def process_app() -> Flask:
    """Return this process's one application, made at the first call; prints the start-up text."""
    settings = load_settings()
    configure_logging(settings)
    share_arenas()
    app = create_app(settings)
    service = service_of(app)
    text = banner(
        settings,
        embedded=service.opened.embedded,
        psql=service.opened.psql,
        trade_id=f"{datetime.now(UTC):%Y%m%d_%H%M%S}_BULLISH",
    )
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
    settle_heap()
    return app


def service_of(app: Flask) -> Service:
    """Return the service behind an application."""
    service = app.extensions["execution_service"]
    assert isinstance(service, Service)  # noqa: S101 - set by Service.app alone
    return service


def shutdown() -> None:
    """Stop this process's service, if it was ever made."""
    if process_app.cache_info().currsize:
        service_of(process_app()).stop()


def __getattr__(name: str) -> Any:
    """Make the process's application when gunicorn or a script first asks for it; importing alone makes nothing."""
    made: dict[str, Callable[[], Any]] = {
        "app": process_app,
        "ACCOUNT_STATE_MANAGER": lambda: service_of(process_app()).states,
        "EXECUTION_DRY_RUN": lambda: service_of(process_app()).settings.dry_run,
        "execution_router": lambda: service_of(process_app()).router,
    }
    if name in made:
        return made[name]()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def main() -> None:
    """Serve with gunicorn, as the Procfile does."""
    # The folder stays the caller's: configuration file and application must read the same .env.
    sys.argv = ["gunicorn", "--config", str(Path(__file__).parent / "gunicorn.conf.py"), "web_server:app"]
    WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]").run()


if __name__ == "__main__":
    main()
