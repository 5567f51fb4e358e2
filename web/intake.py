"""What the three webhooks share: read the body, check the secret, keep what is refused."""

from __future__ import annotations

import hmac
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from flask import Response, jsonify, request

from config.settings import Settings
from database.connection import DatabaseUnavailable, StatementRefused
from database.signals import SignalStore, Stored, StoreOutcome
from signals.body import read_body
from signals.problem import InvalidSignal
from signals.redaction import redacted_text, stored_body
from web.bodies import BODY_LIMIT, BodyTooLarge, request_body
from web.refusals import Refused, invalid, too_large, wrong_secret

# Requests at once that make a burst. One strategy's alerts never come near it.
CROWD = 8
CROWD_SECONDS = 0.02


# Gets a body's fields and the text of it that may be stored; returns the JSON of the 200.
Handler = Callable[[dict[str, Any], str], dict[str, Any]]


class Intake:
    """Turns one request into one answer, and loses nothing on the way."""

    def __init__(self, settings: Settings, store: SignalStore, logger: logging.Logger) -> None:
        self._secret = settings.webhook_secret
        self.secrets = settings.secrets()
        self._store = store
        self._logger = logger
        self._under_way = 0
        self._crowd_seen = float("-inf")
        self._lock = threading.Lock()

    def is_crowded(self) -> bool:
        """Return whether a burst is coming in, so that storing should come first."""
        return time.monotonic() - self._crowd_seen < CROWD_SECONDS

    def receive(self, endpoint: str, token: str | None, handle: Handler) -> tuple[Response, int]:
        """Answer a request with what ``handle`` returns; it is called once the sender is known."""
        with self._lock:
            self._under_way += 1
            if self._under_way >= CROWD:
                self._crowd_seen = time.monotonic()
        try:
            return self._answer(endpoint, token, handle)
        finally:
            with self._lock:
                self._under_way -= 1

    def tell(self, answer: dict[str, Any]) -> None:
        """Log that a signal is on record: where its trade's story begins."""
        self._logger.info(
            "Signal of %s is %s as task %s",
            answer["trade_id"],
            answer["status"],
            answer["task_id"],
            extra={"event": "signal_stored", "trade_id": answer["trade_id"], "task_id": answer["task_id"]},
        )

    def _answer(self, endpoint: str, token: str | None, handle: Handler) -> tuple[Response, int]:
        body = b""
        try:
            body = request_body()
            given = token if token is not None or not request.query_string else request.args.get("token")
            self._check(given, required=False)
            fields, text = read_body(body)
            if given is None:
                self._check(fields.get("secret"), required=True)
            return jsonify(handle(fields, stored_body(fields, self.secrets, text))), 200
        except InvalidSignal as error:
            return self._refuse(endpoint, body, invalid(error))
        except BodyTooLarge as error:
            return self._refuse(endpoint, error.beginning, too_large(BODY_LIMIT))
        except Refused as refused:
            return self._refuse(endpoint, body, refused)
        except (DatabaseUnavailable, StatementRefused) as error:
            self._logger.error("Nothing was stored: %s", error, extra={"event": "not_stored", "endpoint": endpoint})
            return self._not_stored()

    def _check(self, given: object, *, required: bool) -> None:
        if self._secret is None or (given is None and not required):
            return
        text = given if isinstance(given, str) else ""
        if not hmac.compare_digest(text.encode("utf-8", "replace"), self._secret.encode()):
            raise wrong_secret(missing=given is None)

    def _refuse(self, endpoint: str, body: bytes, refused: Refused) -> tuple[Response, int]:
        problems = refused.masked_problems(self.secrets)
        self._logger.warning(
            "Refused with %s %s: %s",
            refused.status_code,
            refused.code,
            "; ".join(f"{problem.field} = {problem.given!r}" for problem in problems) or refused.message,
            extra={"event": "webhook_refused", "endpoint": endpoint},
        )
        try:
            self._store.keep_refused(
                endpoint=endpoint,
                status_code=refused.status_code,
                code=refused.code,
                message=refused.message,
                problems=problems,
                body=redacted_text(body, self.secrets),
                trade_id=refused.trade_id,
                signal_id=refused.signal_id,
            )
        except (DatabaseUnavailable, StatementRefused) as error:
            # The answer is right even where the copy for the owner could not be kept.
            self._logger.error("A refused body was not kept: %s", error, extra={"event": "refused_not_kept"})
        return jsonify(refused.answer(self.secrets)), refused.status_code

    @staticmethod
    def _not_stored() -> tuple[Response, int]:
        answer = jsonify(
            status="error",
            code="database_unavailable",
            message="The database cannot be reached. Nothing was stored; send it again.",
        )
        answer.headers["Retry-After"] = "5"
        return answer, 503


def stored_answer(stored: Stored) -> dict[str, Any]:
    """Return the 200 for a stored or repeated event. Raises Refused (409) for one that contradicts the stored one."""
    if stored.outcome is StoreOutcome.CONFLICT:
        message = (
            f"Trade {stored.trade_id} already has this event with other content. The first one stands; "
            "this body is kept in refused_webhooks (view signal_conflicts)."
        )
        raise Refused(409, "conflict", message, (), stored.trade_id, signal_id=stored.signal_id, task_id=stored.task_id)
    answer: dict[str, Any] = {
        "status": str(stored.outcome),
        "task_id": stored.task_id,
        "trade_id": stored.trade_id,
        "signal_id": stored.signal_id,
    }
    if stored.unknown_trade:
        answer["warning"] = "unknown_trade"
    return answer
