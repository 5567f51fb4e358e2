"""How each account's platform is reached, from what its owner set; and what is missing for that. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from config.firm_data import firms
from config.groups import ProgramSettings
from config.platforms import ACCOUNT_NAME, FACTS, URL, Platform
from config.reading import account_owner, firm_owner
from domain.account import AccountKey
from domain.venue_login import VenueLogin

if TYPE_CHECKING:
    from config.settings import Settings


def platform_of(firm_code: str, settings: Settings) -> Platform:
    """Return the platform of a firm's accounts: the owner's choice, or the firm's own; NONE for an unknown firm."""
    firm, known = settings.firms.get(firm_code), firms().get(firm_code)
    if firm is None or known is None:
        return Platform.NONE
    return known.platform.name if firm.platform is None else firm.platform


def venue_login(account: AccountKey, settings: Settings) -> VenueLogin | tuple[str, ...]:
    """Return how the account's platform is reached, or the names of the variables that are missing for it.

    What is set for the account goes before what is set for its firm, field by field: two accounts may share a key and
    have users of their own. A missing variable is named as the firm's, which serves all of its accounts; the account's
    name at the platform is its own. Accounts with equal logins can share one connection.
    """
    platform = platform_of(account.firm_code, settings)
    facts = FACTS.get(platform)
    if facts is None:
        return (firm_owner(account.firm_code).prefix + "PLATFORM",)
    missing = tuple(_variable(account, name) for name in facts.needs if _value(account, name, settings) is None)
    if missing:
        return missing
    template = _value(account, "API_TEMPLATE", settings)
    return VenueLogin(
        firm_code=account.firm_code,
        platform=str(platform),
        url=_value(account, URL, settings),
        user=_value(account, "API_USER", settings),
        password=_value(account, "API_PASSWORD", settings),
        key=_value(account, "API_KEY", settings),
        secret=_value(account, "API_SECRET", settings),
        token=_value(account, "API_TOKEN", settings),
        domain=_value(account, "API_DOMAIN", settings),
        template=None if template is None else str(template),
        timeout=settings.connector_timeout,
    )


def carries_stop(account: AccountKey, settings: Settings) -> bool | None:
    """Return whether an entry can take its stop along to the account's platform; None where there is no platform."""
    facts = FACTS.get(platform_of(account.firm_code, settings))
    if facts is None or facts.carries_stop is not None:
        return None if facts is None else facts.carries_stop
    template = _value(account, "API_TEMPLATE", settings)
    return template is not None and template.carries_stop is True


def _value(account: AccountKey, variable: str, settings: Settings) -> Any:
    """Return what is set for a variable of the login, the account's own first; the firm's published address last."""
    program = settings.programs.get(account, ProgramSettings())
    field = variable.lower()
    own = getattr(program, field)
    if own is not None or variable == ACCOUNT_NAME:
        return own
    firms_own = getattr(settings.firms[account.firm_code], field)
    if firms_own is not None or variable != URL:
        return firms_own
    published = firms()[account.firm_code].platform
    return published.url if platform_of(account.firm_code, settings) is published.name else None


def _variable(account: AccountKey, name: str) -> str:
    owner = account_owner(account) if name == ACCOUNT_NAME else firm_owner(account.firm_code)
    return owner.prefix + name
