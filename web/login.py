"""The login page, and the way out."""

from __future__ import annotations

import logging
from collections.abc import Callable

from flask import (
    Blueprint,
    Response,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
    session,
)
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError

from database.connection import DatabaseUnavailable
from web.assets import Assets
from web.doorkeeper import LOGIN, Doorkeeper
from web.formats import chosen_theme
from web.sessions import current_person

HOME = "/"
Handler = Callable[[], ResponseReturnValue]
LONGEST_NEXT, LONGEST_NAME, LONGEST_PASSWORD = 500, 60, 1000


def login_routes(keeper: Doorkeeper, assets: Assets, logger: logging.Logger) -> Blueprint:
    """Return the routes of the login. Everybody may reach them."""
    routes = Blueprint("login", __name__, template_folder="templates")
    desk = _LoginDesk(keeper, assets, logger)

    @routes.get("/login")
    def page() -> ResponseReturnValue:
        return desk.answer(desk.page)

    @routes.post("/login")
    def enter() -> ResponseReturnValue:
        return desk.answer(desk.enter)

    @routes.post("/logout")
    def leave() -> ResponseReturnValue:
        return desk.answer(desk.leave)

    return routes


class _LoginDesk:
    def __init__(self, keeper: Doorkeeper, assets: Assets, logger: logging.Logger) -> None:
        self._keeper = keeper
        self._assets = assets
        self._logger = logger

    def answer(self, handle: Handler) -> ResponseReturnValue:
        """Answer with what ``handle`` returns, or with the page that says why not."""
        try:
            current_app.secret_key = self._keeper.key()
            return handle()
        except DatabaseUnavailable:
            return Response("The database cannot be reached, so nobody can log in.", 503, {"Retry-After": "5"})
        except CSRFError:
            return self._form(400, "The page was open for too long or in another window. Please try again.")

    def page(self) -> ResponseReturnValue:
        """Show the form, or what is missing for it; somebody who is in already goes where he wanted to."""
        if current_person() is not None:
            return redirect(safe_next(request.args.get("next")), 303)
        return self._form(200, None)

    def enter(self) -> ResponseReturnValue:
        """Let somebody in whose password is right."""
        current_app.extensions["csrf"].protect()
        source = self._keeper.source()
        wait = self._keeper.record.may_try(source)
        if wait > 0:
            self._log("login_delayed", "A login was put off for %s s: too many attempts from %s", wait, source)
            answer = self._form(429, f"Too many attempts. Try again in {wait} seconds.")
            answer.headers["Retry-After"] = str(wait)
            return answer
        password = self._keeper.check(request.form.get("password", "")[:LONGEST_PASSWORD].strip())
        if password is None:
            self._log("login_refused", "A login with a wrong password from %s", source)
            return self._form(401, "The password is wrong.")
        self._keeper.record.succeeded(source)
        self._end()
        name = _name(request.form.get("name", "")) or str(password.role)
        # Everything of the stranger's session goes: nobody can have prepared it for him.
        session.clear()
        session.permanent = True
        session[LOGIN] = self._keeper.record.begin(
            name=name, role=password.role, credential=self._keeper.credential(password), source=source
        )
        self._logger.info(
            "%s logged in as %s from %s", name, password.role, source, extra={"event": "login", "role": password.role}
        )
        return redirect(safe_next(request.form.get("next")), 303)

    def leave(self) -> ResponseReturnValue:
        """End the login; with ``everywhere`` every login of everybody, which is an operator's to do."""
        current_app.extensions["csrf"].protect()
        person = current_person()
        if person is not None and person.is_operator and request.form.get("everywhere"):
            self._keeper.record.end_all()
            self._logger.warning("%s ended every login", person.signature, extra={"event": "logins_ended"})
        self._end()
        session.clear()
        return redirect("/login", 303)

    def _end(self) -> None:
        number = session.get(LOGIN)
        if isinstance(number, str):
            self._keeper.record.end(number)

    def _form(self, status: int, message: str | None) -> Response:
        page = render_template(
            "login.html",
            asset=self._assets.address,
            theme=chosen_theme(),
            message=message,
            may_log_in=self._keeper.may_log_in,
            name=_name(request.form.get("name", "")),
            next=safe_next(request.values.get("next")),
        )
        return make_response(page, status)

    def _log(self, event: str, text: str, *values: object) -> None:
        self._logger.warning(text, *values, extra={"event": event})


def safe_next(target: str | None) -> str:
    """Return where to go after the login: a path of ours, the front page for anything else."""
    if target is None or len(target) > LONGEST_NEXT or not target.isprintable() or "\\" in target:
        return HOME
    own = target.startswith("/") and not target.startswith("//")
    return target if own and not target.startswith(("/login", "/logout")) else HOME


def _name(text: str) -> str:
    return "".join(character for character in text if character.isprintable()).strip()[:LONGEST_NAME]
