"""The one place that says who may look at pages."""

from __future__ import annotations

from flask import Response

from domain.person import Role
from web.sessions import current_person, refusal


def turned_away() -> Response | None:
    """Return the answer to a request whose sender may not see pages, None where he may.

    A browser is sent to the login. Raises DatabaseUnavailable where nobody can say who the sender is.
    """
    return None if current_person() is not None else refusal(Role.VIEWER)
