"""Tells channels what waits in the outbox: many notices as one message, each at least once, patient with the dead."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from alerts.channels import Channel, NotDelivered
from alerts.message import message_of
from alerts.model import Severity
from database.alert_outbox import AlertOutbox
from domain.day_span import DaySpan
from domain.notice import Notice

# What happens within these belongs together; afterwards a channel rests for a while, so that a storm stays one message.
GATHER_SECONDS = 5.0
REST_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 300.0


class Delivery:
    """Delivers to every channel on its own: one that is dead or hangs delays nobody's notices but its own message's.

    ``clock`` in seconds, forward only; ``now`` the time in UTC, for quiet hours.
    """

    def __init__(
        self,
        outbox: AlertOutbox,
        channels: Sequence[Channel],
        *,
        quiet: DaySpan | None,
        logger: logging.Logger,
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
        gather: float = GATHER_SECONDS,
        rest: float = REST_SECONDS,
    ) -> None:
        self._outbox = outbox
        self._channels = channels
        self._quiet = quiet
        self._logger = logger
        self._now = now
        self._clock = clock
        self._gather = gather
        self._rest = rest
        self._due: dict[str, float] = {}
        self._failures: dict[str, int] = {}

    def deliver(self, channel: Channel) -> None:
        """Send what waits for a channel, if it is due. Raises DatabaseUnavailable."""
        if self._clock() < self._due.get(channel.name, float("-inf")):
            return
        notices = self._ready(self._outbox.waiting(channel.name))
        if not notices:
            return
        try:
            channel.send(message_of(notices))
        except NotDelivered as error:
            self._outbox.failed(notices, str(error))
            self._pause(channel, error)
            return
        # Noted after it was taken: whoever dies in between tells it twice, never not at all.
        self._outbox.delivered(notices, channel.name, [each.name for each in self._channels])
        self._failures.pop(channel.name, None)
        self._due[channel.name] = self._clock() + self._rest
        self._logger.info("%s notices went to %s", len(notices), channel.name, extra={"event": "alert_delivered"})

    def _ready(self, notices: list[Notice]) -> list[Notice]:
        if self._quiet is not None and self._quiet.began(self._now()) is not None:
            notices = [notice for notice in notices if notice.severity == Severity.CRITICAL]
        return notices if notices and notices[0].age >= self._gather else []

    def _pause(self, channel: Channel, error: NotDelivered) -> None:
        failures = self._failures.get(channel.name, 0) + 1
        self._failures[channel.name] = failures
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 10))
        self._due[channel.name] = self._clock() + pause
        self._logger.warning(
            "%s; next try in %.0f s", error, pause, extra={"event": "alert_not_delivered", "channel": channel.name}
        )
