"""Who is told when something is wrong: the settings of alerts."""

import re
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import unquote

from pydantic import BeforeValidator

from config.declared import operational
from config.kinds import Expected, WholeSeconds
from domain.day_span import DaySpan, day_span


def _addresses(text: str) -> tuple[str, ...] | None:
    found = tuple(dict.fromkeys(text.split()))
    if any("://" not in address for address in found):
        raise ValueError("not the address of a channel")
    return found or None


AlertUrls = Annotated[
    tuple[str, ...] | None,
    BeforeValidator(_addresses),
    Expected("addresses of Apprise channels separated by spaces, such as tgram://TOKEN/CHAT discord://ID/TOKEN"),
]
SpanOfDay = Annotated[
    DaySpan | None,
    BeforeValidator(day_span),
    Expected("two times of day and a zone, such as 22:00-07:00 America/New_York"),
]


@dataclass(frozen=True, kw_only=True)
class AlertSettings:
    """Alerts of the whole service. Times in seconds."""

    alert_urls: Annotated[
        AlertUrls,
        operational("Channels that alerts go to, as Apprise writes them: Telegram, Discord, Slack, mail and others"),
    ] = field(default=None, repr=False)
    alert_quiet_hours: Annotated[
        SpanOfDay, operational("Part of the day in which warnings wait; critical alerts go out at any time")
    ] = None
    alert_session: Annotated[
        SpanOfDay, operational("Hours of working days in which signals are expected; unset: silence raises no alert")
    ] = None
    alert_silence: Annotated[
        WholeSeconds,
        operational("Seconds of the session without a signal that raise an alert", "ALERT_SILENCE_SECONDS"),
    ] = 3600


# Shorter parts of an address are numbers of ports and words such as "x"; to mask them would deface every text.
SHORTEST_SECRET = 6


def secrets_of_channels(addresses: tuple[str, ...]) -> set[str]:
    """Return what of the channels' addresses no log may show: the whole, and each part behind the kind of channel.

    Which part of an address is its token depends on the kind of channel, so every longer part counts as one.
    """
    found = set(addresses)
    for address in addresses:
        rest = address.partition("://")[2]
        parts = {rest, *re.split(r"[/:@?&=,]+", rest)}
        hidden = {part for part in parts if len(part) >= SHORTEST_SECRET}
        found |= hidden | {unquote(part) for part in hidden}
    return found - PLAIN_WORDS


# Hosts and words of addresses that are no secrets and stand in many texts.
PLAIN_WORDS = {"localhost", "127.0.0.1"}
