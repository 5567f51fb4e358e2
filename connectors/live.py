"""From how a platform is reached to the connector that reaches it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from config.settings import Settings
from config.venue_logins import venue_login
from connectors.live_connector import LiveConnector
from connectors.platforms.ctrader import CTrader
from connectors.platforms.dxtrade import DXtrade
from connectors.platforms.projectx import ProjectX
from connectors.platforms.tradovate import Tradovate
from connectors.venue import LiveVenue
from domain.account import AccountKey
from domain.venue_login import VenueLogin

PLATFORMS: Mapping[str, Callable[[VenueLogin, Mapping[AccountKey, str]], LiveVenue]] = {
    "tradovate": Tradovate,
    "projectx": ProjectX,
    "ctrader": CTrader,
    "dxtrade": DXtrade,
}


def live_logins(accounts: Iterable[AccountKey], settings: Settings) -> dict[AccountKey, tuple[VenueLogin, str]]:
    """Return how armed accounts are reached, each with its name at its platform."""
    found: dict[AccountKey, tuple[VenueLogin, str]] = {}
    for account in accounts:
        login, name = venue_login(account, settings), settings.programs[account].account_name
        if isinstance(login, VenueLogin) and name is not None:
            found[account] = (login, name)
    return found


def live_connectors(logins: Mapping[AccountKey, tuple[VenueLogin, str]]) -> dict[AccountKey, LiveConnector]:
    """Return a connector for each account; accounts with the same login share one. Opens no connection.

    The text beside a login is the account's name at the platform. Raises ValueError for a platform that is not known
    and for a template that cannot be read.
    """
    shared: dict[VenueLogin, dict[AccountKey, str]] = {}
    for account, (login, name) in logins.items():
        shared.setdefault(login, {})[account] = name
    found: dict[AccountKey, LiveConnector] = {}
    for login, names in shared.items():
        connector = LiveConnector(login.firm_code, _venue(login, names), login.secrets())
        found |= dict.fromkeys(names, connector)
    return found


def _venue(login: VenueLogin, names: Mapping[AccountKey, str]) -> LiveVenue:
    if login.platform not in PLATFORMS:
        raise ValueError(f"{login.platform} is no platform with a connector; there are {', '.join(PLATFORMS)}, http")
    return PLATFORMS[login.platform](login, names)
