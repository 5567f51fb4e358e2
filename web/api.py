"""What the API's routes share: JSON in and out, who signs, one answer for each kind of refusal.

Who may call which route stands in ``web.routes``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, request

from account_engine.account_tracker import Contended
from config.settings import Settings
from database.connection import DatabaseUnavailable
from domain.json_text import json_text
from domain.person import Person, Via
from signals.body import read_body
from signals.problem import FieldProblem, InvalidSignal
from web.bodies import BODY_LIMIT, BodyTooLarge, request_body
from web.refusals import Refused, invalid, too_large
from web.sessions import current_person

NOTHING_STORED = "Nothing was stored."
SIGNED_BY = "set_by"
SIGNATURES = ("by", SIGNED_BY)
LONGEST_NAME = 100
BY_TOKEN = f" ({Via.TOKEN})"


class Api:
    """Answers requests in JSON."""

    def __init__(self, settings: Settings, logger: logging.Logger) -> None:
        self._secrets = settings.secrets()
        self._logger = logger

    def change(
        self,
        handle: Callable[[dict[str, Any]], Mapping[str, Any]],
        *,
        may_be_empty: bool = False,
        signed: bool = False,
    ) -> Response:
        """Answer with what ``handle`` returns for the request's JSON object.

        ``signed``: a person's act. The record then says who did it and how he showed who he is: by the name of his
        login, or, for the bearer of a token, by the name that he gives himself in the body.
        """

        def answer() -> Mapping[str, Any]:
            body = request_body()
            fields = {} if may_be_empty and not body else read_body(body)[0]
            return handle(_signed(fields, current_person()) if signed else fields)

        return self._answer(answer)

    def show(self, handle: Callable[[], Mapping[str, Any]]) -> Response:
        """Answer with what ``handle`` returns."""
        return self._answer(handle)

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
        if refused.retry_after is not None:
            answer.headers["Retry-After"] = str(refused.retry_after)
        return answer


def asked() -> dict[str, str]:
    """Return the parameters of the current address. Raises InvalidSignal for one that is there twice, or empty."""
    found = request.args.to_dict(flat=False)
    accepted = "a value, once; a parameter that is not wanted is left out"
    problems = [
        FieldProblem(field=name, given=", ".join(values), accepted=accepted)
        for name, values in found.items()
        if len(values) != 1 or not values[0]
    ]
    if problems:
        raise InvalidSignal(*problems[:20])
    return {name: values[0] for name, values in found.items()}


def _signed(fields: dict[str, Any], person: Person | None) -> dict[str, Any]:
    rest = {name: value for name, value in fields.items() if name not in SIGNATURES}
    if person is not None and person.via is not Via.TOKEN:
        return {**rest, SIGNED_BY: person.signature}
    given = next((fields[name] for name in SIGNATURES if name in fields), None)
    # What is no name is refused further on, where the answer says what is accepted.
    if not isinstance(given, str) or not 0 < len(given.strip()) <= LONGEST_NAME:
        return fields
    return {**rest, SIGNED_BY: f"{given.strip()[: LONGEST_NAME - len(BY_TOKEN)]}{BY_TOKEN}"}


def _endpoint() -> str:
    # The rule, not the path: what a stranger writes into a path has no place in a log line.
    return "unknown" if request.url_rule is None else request.url_rule.rule


def _json(content: Mapping[str, Any], status: int) -> Response:
    return Response(json_text(content), status=status, mimetype="application/json")


def _later(code: str, message: str) -> Response:
    answer = _json({"status": "error", "code": code, "message": message}, 503)
    answer.headers["Retry-After"] = "5" if code == "database_unavailable" else "1"
    return answer
