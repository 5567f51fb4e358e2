"""A test message to each channel of ALERT_URLS."""

from __future__ import annotations

import logging
from typing import NamedTuple

from alerts.channels import NotDelivered, channels_of
from alerts.message import Message
from config.settings import Settings

TEST = Message("Execution router: test", "This is a test. Alerts of the execution router arrive here.")
NO_CHANNEL = "ALERT_URLS names no channel that can be used."


class Tried(NamedTuple):
    """What became of the message at one channel; ``problem`` is None where it was taken."""

    channel: str
    problem: str | None

    @property
    def words(self) -> str:
        return self.problem or f"{self.channel} took the message"


def try_channels(settings: Settings) -> tuple[list[Tried], bool]:
    """Send the test and return what became of it at each channel, and whether all that are configured took it."""
    addresses = settings.alert_urls or ()
    tried = []
    for channel in channels_of(addresses, logging.getLogger("alerts")):
        try:
            channel.send(TEST)
        except NotDelivered as error:
            tried.append(Tried(channel.name, str(error)))
        else:
            tried.append(Tried(channel.name, None))
    well = bool(tried) and len(tried) == len(addresses) and all(one.problem is None for one in tried)
    return tried, well
