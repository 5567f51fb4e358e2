"""The trading platforms: what each asks for at the door, and what it can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

URL, USER, PASSWORD = "API_URL", "API_USER", "API_PASSWORD"
KEY, SECRET, TOKEN = "API_KEY", "API_SECRET", "API_TOKEN"
TEMPLATE, ACCOUNT_NAME = "API_TEMPLATE", "ACCOUNT_NAME"

HTTP_SCHEMES = ("https://", "http://")
WEBSOCKET_SCHEMES = ("wss://", "ws://")


class Platform(StrEnum):
    """Whose protocol a firm's accounts speak; NONE: no connector, so nothing can be sent."""

    TRADOVATE = "tradovate"
    PROJECTX = "projectx"
    CTRADER = "ctrader"
    DXTRADE = "dxtrade"
    HTTP = "http"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformFacts:
    """``needs``: settings without which nobody gets in. ``carries_stop``: an entry can take its stop along.

    ``carries_stop`` is None where the platform's template says it. ``cfds``: it trades no dated futures. ``schemes``:
    how its address begins.
    """

    needs: tuple[str, ...]
    carries_stop: bool | None
    cfds: bool = False
    schemes: tuple[str, ...] = HTTP_SCHEMES


# Fields and brackets as the platforms' interfaces have them: Tradovate /auth/accesstokenrequest and placeoso, ProjectX
# /api/Auth/loginKey and stopLossBracket, cTrader Open API and relativeStopLoss, DXtrade /login and IF-THEN groups.
FACTS: Mapping[Platform, PlatformFacts] = MappingProxyType(
    {
        Platform.TRADOVATE: PlatformFacts(needs=(URL, USER, PASSWORD, KEY, SECRET, ACCOUNT_NAME), carries_stop=True),
        Platform.PROJECTX: PlatformFacts(needs=(URL, USER, KEY, ACCOUNT_NAME), carries_stop=True),
        Platform.CTRADER: PlatformFacts(
            needs=(URL, KEY, SECRET, TOKEN, ACCOUNT_NAME), carries_stop=True, cfds=True, schemes=WEBSOCKET_SCHEMES
        ),
        Platform.DXTRADE: PlatformFacts(needs=(URL, USER, PASSWORD, ACCOUNT_NAME), carries_stop=True, cfds=True),
        Platform.HTTP: PlatformFacts(needs=(URL, TEMPLATE, ACCOUNT_NAME), carries_stop=None),
    }
)
