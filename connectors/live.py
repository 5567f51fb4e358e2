"""From how a platform is reached to the connector that reaches it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from config.settings import Settings
from config.venue_logins import venue_login
from connectors.live_connector import LiveConnector
from connectors.platforms.ctrader import CTrader
from connectors.platforms.dxtrade import DXtrade
from connectors.platforms.projectx import ProjectX
from connectors.platforms.template import TemplateVenue
from connectors.platforms.template_file import VenueTemplate
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

# The platform that is described by a template of the user's own.
HTTP = "http"


def live_logins(accounts: Iterable[AccountKey], settings: Settings) -> dict[AccountKey, tuple[VenueLogin, str]]:
    """Return how armed accounts are reached, each with its name at its platform."""
    found: dict[AccountKey, tuple[VenueLogin, str]] = {}
    for account in accounts:
        login, name = venue_login(account, settings), settings.programs[account].account_name
        if isinstance(login, VenueLogin) and name is not None:
            found[account] = (login, name)
    return found


def live_connectors(
    logins: Mapping[AccountKey, tuple[VenueLogin, str]],
) -> tuple[dict[AccountKey, LiveConnector], dict[AccountKey, str]]:
    """Return a connector for each account, and for those that can have none a sentence that says why.

    Accounts with the same login share a connector. The text beside a login is the account's name at the platform.
    Opens no connection.
    """
    shared: dict[VenueLogin, dict[AccountKey, str]] = {}
    for account, (login, name) in logins.items():
        shared.setdefault(login, {})[account] = name
    found: dict[AccountKey, LiveConnector] = {}
    failed: dict[AccountKey, str] = {}
    for login, names in shared.items():
        try:
            connector = LiveConnector(login.firm_code, _venue(login, names), login.secrets())
        except (ValueError, OSError) as error:
            # One template that is wrong must not keep the other accounts from closing what they hold.
            failed |= dict.fromkeys(names, str(error))
        else:
            found |= dict.fromkeys(names, connector)
    return found, failed


def _venue(login: VenueLogin, names: Mapping[AccountKey, str]) -> LiveVenue:
    if login.platform == HTTP:
        template = VenueTemplate.from_json(Path(login.template or "").read_text(encoding="utf-8"))
        return TemplateVenue(login, names, template)
    if login.platform not in PLATFORMS:
        raise ValueError(f"{login.platform} is no platform with a connector; there are {', '.join(PLATFORMS)}, {HTTP}")
    return PLATFORMS[login.platform](login, names)
