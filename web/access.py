"""Who may see more than a webhook's answer."""

from __future__ import annotations

from config.settings import Settings
from database.connection import DatabaseUnavailable
from web.doorkeeper import current_pass, doorkeeper


def is_trusted(settings: Settings, token: str | None = None) -> bool:  # noqa: ARG001 - the doorkeeper has its own
    """Return whether the current request's sender may see inside; ``token`` stands for its Authorization header.

    While the record of logins cannot be reached, who has nothing else is a stranger.
    """
    try:
        return (current_pass() if token is None else doorkeeper().admit(token)) is not None
    except DatabaseUnavailable:
        return False
