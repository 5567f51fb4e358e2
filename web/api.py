"""What the API's routes share: who may ask, JSON in and out, one answer for each kind of refusal."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, request

from account_engine.account_tracker import Contended
from config.settings import Settings
from database.connection import DatabaseUnavailable
from domain.json_text import json_text
from signals.body import read_body
from signals.problem import InvalidSignal
from web.access import has_token, is_trusted
from web.bodies import BODY_LIMIT, BodyTooLarge, request_body
from web.refusals import Refused, invalid, too_large

NOTHING_STORED = "Nothing was stored."


class Api:
    """Answers requests in JSON. What changes something needs the bearer of API_TOKEN, also from this machine."""

    def __init__(self, settings: Settings, logger: logging.Logger) -> None:
        self._settings = settings
        self._secrets = settings.secrets()
        self._logger = logger

    def change(self, handle: Callable[[dict[str, Any]], Mapping[str, Any]], *, may_be_empty: bool = False) -> Response:
        """Answer with what ``handle`` returns for the request's JSON object."""

        def answer() -> Mapping[str, Any]:
            # Read before the token is looked at: a sender whose body is left lying gets a reset, not the answer.
            body = request_body()
            self._check_token()
            return handle({} if may_be_empty and not body else read_body(body)[0])

        return self._answer(answer)

    def show(self, handle: Callable[[], Mapping[str, Any]]) -> Response:
        """Answer with what ``handle`` returns, to this machine itself and to the bearer of API_TOKEN."""

        def answer() -> Mapping[str, Any]:
            if not is_trusted(self._settings):
                self._check_token()
            return handle()

        return self._answer(answer)

    def _answer(self, handle: Callable[[], Mapping[str, Any]]) -> Response:
        try:
            return _json(handle(), 200)
        except InvalidSignal as error:
            return self._refuse(invalid(error, code="invalid_request", fate=NOTHING_STORED))
        except BodyTooLarge:
            return self._refuse(too_large(BODY_LIMIT, fate=NOTHING_STORED))
        except Refused as refused:
            return self._refuse(refused)
        except DatabaseUnavailable as error:
            self._logger.error("%s failed: %s", _endpoint(), error, extra={"event": "not_stored"})
            # A connection that broke may have broken after the commit. To send the same again is safe.
            return _later("database_unavailable", "The database cannot be reached. Send it again.")
        except Contended as error:
            self._logger.warning("%s failed: %s", _endpoint(), error, extra={"event": "contended"})
            return _later("contended", f"{error}. Send it again.")

    def _check_token(self) -> None:
        if has_token(self._settings):
            return
        if self._settings.api_token is None:
            message = "API_TOKEN is not set, so nobody may do this. Set it and send it as: Authorization: Bearer ..."
            raise Refused(403, "api_token_unset", message)
        what = "is wrong" if "Authorization" in request.headers else "is missing"
        message = f"The token {what}. Send API_TOKEN as the header Authorization: Bearer ... {NOTHING_STORED}"
        raise Refused(401, "wrong_token", message)

    def _refuse(self, refused: Refused) -> Response:
        problems = refused.masked_problems(self._secrets)
        self._logger.warning(
            "Refused with %s %s: %s",
            refused.status_code,
            refused.code,
            "; ".join(f"{problem.field} = {problem.given!r}" for problem in problems) or refused.message,
            extra={"event": "request_refused", "endpoint": _endpoint()},
        )
        answer = _json(refused.answer(self._secrets), refused.status_code)
        if refused.status_code == 401:
            answer.headers["WWW-Authenticate"] = "Bearer"
        return answer


def _endpoint() -> str:
    # The rule, not the path: what a stranger writes into a path has no place in a log line.
    return "unknown" if request.url_rule is None else request.url_rule.rule


def _json(content: Mapping[str, Any], status: int) -> Response:
    return Response(json_text(content), status=status, mimetype="application/json")


def _later(code: str, message: str) -> Response:
    answer = _json({"status": "error", "code": code, "message": message}, 503)
    answer.headers["Retry-After"] = "5" if code == "database_unavailable" else "1"
    return answer
