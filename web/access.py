"""Who may see more than a webhook's answer, and hear of what happens."""

from __future__ import annotations

from flask import request

from config.settings import Settings
from database.connection import DatabaseUnavailable
from web.doorkeeper import current_pass, doorkeeper

# In a request's environment, which lives as long as the connection that the request opens.
LET_IN = "router.let_in"


def is_trusted(settings: Settings, token: str | None = None) -> bool:  # noqa: ARG001 - the doorkeeper has its own
    """Return whether the current request's sender may see inside; ``token`` stands for its Authorization header.

    While the record of logins cannot be reached, who has nothing else is a stranger. How a listener was let in is kept
    with his connection: ``web.live_doors`` closes it when his login ends.
    """
    try:
        found = current_pass() if token is None else doorkeeper().admit(token)
    except DatabaseUnavailable:
        return False
    request.environ[LET_IN] = found
    return found is not None
