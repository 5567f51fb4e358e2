"""What the three webhooks share: read the body, check the sender, keep what is refused."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from flask import Response, g, jsonify, request

from config.settings import Settings
from database.connection import DatabaseUnavailable, StatementRefused
from database.signals import SignalStore, Stored, StoreOutcome
from signals.body import read_body
from signals.model import Signal
from signals.problem import InvalidSignal
from signals.redaction import redacted_text, stored_body
from web.bodies import BODY_LIMIT, BodyTooLarge, request_body
from web.refusals import Refused, invalid, too_large
from web.signal_limits import SignalLimits
from web.webhook_doors import WebhookDoors

# Requests at once that make a burst. One strategy's alerts never come near it.
CROWD = 16
# About as long as the desk is busy with what it took before it sees how many more have come.
CROWD_SECONDS = 0.025
TOO_MANY = 429

# Gets a body's fields and the text of it that may be stored; returns the JSON of the 200.
Handler = Callable[[dict[str, Any], str], dict[str, Any]]


class Intake:
    """Turns one request into one answer, and loses nothing on the way."""

    def __init__(self, settings: Settings, store: SignalStore, logger: logging.Logger) -> None:
        self._guarded = bool(settings.webhook_keys) or settings.webhook_allow is not None
        self._doors = WebhookDoors(settings)
        self._limits = SignalLimits(settings)
        self._own_secrets = settings.secrets()
        self._store = store
        self._logger = logger
        self._under_way = 0
        self._crowd_seen = float("-inf")
        self._lock = threading.Lock()

    def is_crowded(self) -> bool:
        """Return whether a burst is coming in, so that storing should come first."""
        return time.monotonic() - self._crowd_seen < CROWD_SECONDS

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what no answer, log line or row may show."""
        shown = tuple(self._doors.shown)
        return (*self._own_secrets, *shown) if shown else self._own_secrets

    def check(self, signal: Signal, fields: Mapping[str, Any]) -> None:
        """Raise Refused where the current request's signal is too old, or one too many."""
        # Who sends from a page is known by his login, and shows no secret of a webhook.
        self._limits.check(signal, request.environ, g.get("sender"), fields.get("strategy"))

    def check_price(self) -> None:
        """Raise Refused where the current request's price is one too many."""
        self._limits.check_rate(request.environ, g.sender)

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
        g.admitted_sender = not self._guarded
        try:
            body = request_body()
            given = token if token is not None or not request.query_string else request.args.get("token")
            sender = self._doors.enter(request.environ, given, body)
            fields, text = read_body(body)
            g.sender = self._doors.enter_by_body(fields.get("secret")) if sender is None else sender
            g.admitted_sender = True
            return _taken(handle(fields, stored_body(fields, self.secrets, text))), 200
        except InvalidSignal as error:
            return self._refuse(endpoint, body, invalid(error))
        except BodyTooLarge as error:
            return self._refuse(endpoint, error.beginning, too_large(BODY_LIMIT))
        except Refused as refused:
            return self._refuse(endpoint, body, refused)
        except (DatabaseUnavailable, StatementRefused) as error:
            self._logger.error("Nothing was stored: %s", error, extra={"event": "not_stored", "endpoint": endpoint})
            return self._not_stored()

    def _refuse(self, endpoint: str, body: bytes, refused: Refused) -> tuple[Response, int]:
        if not g.admitted_sender:
            refused = self._limits.stranger(refused, request.environ)
        if (refused.status_code == TOO_MANY or not g.admitted_sender) and not self._limits.may_keep():
            return self._told(refused)
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
        return self._told(refused)

    def _told(self, refused: Refused) -> tuple[Response, int]:
        answer = jsonify(refused.answer(self.secrets))
        if refused.retry_after is not None:
            answer.headers["Retry-After"] = str(refused.retry_after)
        return answer, refused.status_code

    @staticmethod
    def _not_stored() -> tuple[Response, int]:
        answer = jsonify(
            status="error",
            code="database_unavailable",
            message="The database cannot be reached. Nothing was stored; send it again.",
        )
        answer.headers["Retry-After"] = "5"
        return answer, 503


def _taken(answer: dict[str, Any]) -> Response:
    # As jsonify would, in a third of the time.
    text = orjson.dumps(answer, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
    return Response(text, mimetype="application/json")


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
