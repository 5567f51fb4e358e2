"""The threads that watch and tell: one that evaluates and one a channel, in one leading process."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from functools import partial

from alerts.channels import channels_of
from alerts.delivery import Delivery
from alerts.evaluator import Evaluator
from config.settings import Settings
from database.alert_outbox import AlertOutbox
from database.connection import Database
from database.leadership import Leadership
from routing.leader_loop import LeaderLoop

# Whoever watches need not be who decides: a web process without a router watches, too. Any number of its own.
ALERT_LOCK = 705419230121
EVALUATE_SECONDS = 5.0
DELIVER_SECONDS = 1.0


class AlertService:
    """Watches while this process leads. Its connections are its own: nothing of an order ever waits for it."""

    def __init__(
        self, settings: Settings, url: str, direct_url: str, logger: logging.Logger, *, every: float = EVALUATE_SECONDS
    ) -> None:
        self._database = Database(url, size=3, statement_timeout=10.0, name="execution-router-alerts")
        self._leadership = Leadership(direct_url, logger=logger, lock=ALERT_LOCK)
        outbox = AlertOutbox(self._database)
        channels = channels_of(settings.alert_urls or (), logger)
        evaluator = Evaluator(settings, outbox, tell=bool(channels), logger=logger)
        delivery = Delivery(
            outbox, channels, quiet=settings.alert_quiet_hours, logger=logger, now=lambda: datetime.now(UTC)
        )
        self._loops = [LeaderLoop("alerts", evaluator.evaluate, self._leadership, interval=every, logger=logger)]
        for channel in channels:
            self._loops.append(
                LeaderLoop(
                    f"alerts-{channel.name}",
                    partial(delivery.deliver, channel),
                    self._leadership,
                    interval=DELIVER_SECONDS,
                    logger=logger,
                )
            )

    def start(self) -> None:
        """Begin; a second call does nothing."""
        for loop in self._loops:
            loop.start()

    def stop(self) -> None:
        """End; a channel that hangs is left behind, and what it was told is told again."""
        for loop in self._loops:
            loop.stopping.set()
        for loop in self._loops:
            loop.stop(0.5)
        self._leadership.resign()
        self._database.close()
