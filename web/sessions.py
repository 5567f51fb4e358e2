"""Who may do what: ``current_person`` for a request, and what guards routes of the page and of the API."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import wraps
from typing import ParamSpec, TypeVar
from urllib.parse import quote

from flask import Flask, Response, current_app, redirect, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, CSRFProtect

from database.connection import DatabaseUnavailable
from domain.json_text import json_text
from domain.person import Person, Role, Via
from web.bodies import BODY_LIMIT, BodyTooLarge, request_body
from web.doorkeeper import KEY, Doorkeeper, current_pass, doorkeeper
from web.session_cookie import SessionCookie

__all__ = ["Person", "Role", "Via", "current_person", "install_sessions", "operator_required", "refusal", "refused"]
__all__ += ["viewer_required"]

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
P = ParamSpec("P")
R = TypeVar("R", bound=ResponseReturnValue)


def install_sessions(app: Flask, keeper: Doorkeeper) -> None:
    """Give the application its login cookie and its protection against requests that other sites forge."""
    app.extensions[KEY] = keeper
    app.session_interface = SessionCookie(keeper)
    app.permanent_session_lifetime = timedelta(seconds=keeper.settings.session_lifetime)
    app.config |= {
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_REFRESH_EACH_REQUEST": False,
        # Asked for by name below: a bearer of a token needs none, because no other site can make a browser send it.
        "WTF_CSRF_CHECK_DEFAULT": False,
        # As long as the login itself: the page may stay open all day.
        "WTF_CSRF_TIME_LIMIT": None,
        # The token is the proof; the referrer would be looked at only without a proxy in front.
        "WTF_CSRF_SSL_STRICT": False,
        "MAX_FORM_MEMORY_SIZE": BODY_LIMIT,
    }
    CSRFProtect(app)


def current_person() -> Person | None:
    """Return who sends the current request, None for a stranger. Raises DatabaseUnavailable."""
    found = current_pass()
    return None if found is None else found.person


def viewer_required(view: Callable[P, R]) -> Callable[P, R | Response]:
    """Let everybody see a view who may see inside."""
    return _guarded(view, Role.VIEWER)


def operator_required(view: Callable[P, R]) -> Callable[P, R | Response]:
    """Let only those use a view who may change something."""
    return _guarded(view, Role.OPERATOR)


def refusal(needed: Role) -> Response | None:
    """Return the answer to a request whose sender has not the role that is needed, None where he may go on.

    A request that changes something and shows nothing but a cookie, or comes from this machine, has to bring the
    page's own token: a browser may have been made to send it by another site.
    """
    try:
        person = current_person()
        if person is None:
            return _stranger()
        if not person.role.covers(needed):
            return refused(403, "operator_needed", f"{person.name} may look, not change. Nothing was changed.")
        if person.via is not Via.TOKEN:
            current_app.secret_key = doorkeeper().key()
            return None if request.method in SAFE else _unless_own_page(person)
    except DatabaseUnavailable:
        answer = refused(503, "database_unavailable", "The database cannot be reached, so nobody can be let in.")
        answer.headers["Retry-After"] = "5"
        return answer
    return None


def _guarded(view: Callable[P, R], needed: Role) -> Callable[P, R | Response]:
    @wraps(view)
    def guarded(*arguments: P.args, **named: P.kwargs) -> R | Response:
        refused = refusal(needed)
        return view(*arguments, **named) if refused is None else refused

    return guarded


def _unless_own_page(person: Person) -> Response | None:
    try:
        current_app.extensions["csrf"].protect()
    except CSRFError as error:
        # A program on this machine has no page: it is told what it lacks.
        if person.via is Via.LOOPBACK and "text/html" not in request.headers.get("Accept", ""):
            return _stranger()
        return refused(403, "csrf", f"{error.description} Load the page again. Nothing was changed.")
    return None


def _stranger() -> Response:
    if _is_browser():
        path = request.full_path.rstrip("?")
        return redirect(f"/login?next={quote(path, safe='/')}", code=303)  # type: ignore[return-value]
    keeper = doorkeeper()
    if keeper.settings.api_token is None:
        message = "API_TOKEN is not set, so nobody may do this. Set it and send it as: Authorization: Bearer ..."
        return refused(403, "api_token_unset", message)
    what = "is wrong" if "Authorization" in request.headers else "is missing"
    message = f"The token {what}. Send API_TOKEN as the header Authorization: Bearer ... Nothing was stored."
    answer = refused(401, "wrong_token", message)
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _is_browser() -> bool:
    """Return whether a person looks at a page, and can be sent to the login."""
    shows = request.method in SAFE and "text/html" in request.headers.get("Accept", "")
    return shows and not request.path.startswith("/api/")


def refused(status: int, code: str, message: str) -> Response:
    """Return an answer to a request that goes no further."""
    # To its end: a sender whose body is left lying gets a reset, not the answer.
    with suppress(BodyTooLarge):
        request_body()
    content = json_text({"status": "error", "code": code, "message": message})
    return Response(content, status=status, mimetype="application/json")
