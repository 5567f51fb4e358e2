"""The channels that messages go to, by Apprise; their addresses stay in here."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import Any

from alerts.message import Message

# Apprise waits 4 s for a connection and 4 s for each piece of an answer unless an address says otherwise.


class NotDelivered(Exception):
    """A channel did not take a message. The text holds no secret: Apprise does not say more than that."""


class Channel:
    """One address of ALERT_URLS. ``name`` is its kind and place in the list, and nothing that is secret."""

    def __init__(self, name: str, target: Any) -> None:
        self.name = name
        self._target = target

    def send(self, message: Message) -> None:
        """Send a message; may take long. Raises NotDelivered."""
        try:
            taken = self._target.notify(title=message.title, body=message.body)
        except Exception as error:  # noqa: BLE001 - a plugin's fault is a channel that does not work
            # Its text may quote the address.
            raise NotDelivered(f"{self.name} failed with {type(error).__name__}") from None
        if not taken:
            raise NotDelivered(f"{self.name} did not take the message")


def channels_of(addresses: Sequence[str], logger: logging.Logger) -> tuple[Channel, ...]:
    """Return the channels that these addresses mean; one that Apprise cannot read is logged by its place and left out.

    Nothing is sent and nobody is connected.
    """
    if not addresses:
        return ()
    make = _package().Apprise.instantiate
    # It tells each attempt with the address, as far as it does not mask it itself.
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    found = []
    for place, address in enumerate(addresses, start=1):
        target = make(address, suppress_exceptions=True)
        name = f"{address.partition('://')[0]}#{place}"
        if target is None:
            logger.error("ALERT_URLS: channel %s cannot be read", name, extra={"event": "alert_channel_unreadable"})
        else:
            found.append(Channel(name, target))
    return tuple(found)


def _package() -> Any:
    with warnings.catch_warnings():
        # Some of its plugins use what Python is about to drop.
        warnings.simplefilter("ignore")
        import apprise  # noqa: PLC0415 - slow to load, and needed only where somebody is to be told

        # The first look at an address loads the plugins of all kinds.
        apprise.Apprise.instantiate("json://localhost", suppress_exceptions=True)
    return apprise
