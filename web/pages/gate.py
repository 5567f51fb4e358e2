"""The one place that says who may look at pages, and who may act on them."""

from __future__ import annotations

from flask import Response
from flask_wtf.csrf import generate_csrf

from database.connection import DatabaseUnavailable
from domain.person import Role, Via
from web.sessions import current_person, refusal


def turned_away() -> Response | None:
    """Return the answer to a request whose sender may not see pages, None where he may.

    A browser is sent to the login. Raises DatabaseUnavailable where nobody can say who the sender is.
    """
    return None if current_person() is not None else refusal(Role.VIEWER)


def may_act() -> bool:
    """Return whether the current request's sender may change something; False where nobody can say."""
    try:
        person = current_person()
    except DatabaseUnavailable:
        return False
    return person is not None and person.is_operator


def form_token() -> str:
    """Return what a form of the current person must bring back; the bearer of an API token needs nothing.

    Raises DatabaseUnavailable.
    """
    person = current_person()
    return "" if person is None or person.via is Via.TOKEN else str(generate_csrf())


def signature() -> str:
    """Return how the current person stands in the record. Raises DatabaseUnavailable."""
    person = current_person()
    # The table of routes lets nobody come here unknown; and who has no name can sign nothing.
    return "" if person is None else person.signature
