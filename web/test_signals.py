"""A test signal: a person's own entry, taken in as the webhook takes one, to see the whole way in dry-run."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from database.operator_acts import NotPossible
from database.operator_desk import OperatorDesk
from domain.acts import Signature
from domain.json_text import json_text
from domain.test_signal import new_trade_id


class TakeSignal(Protocol):
    """Stores the signal that fields describe, and returns the webhook's answer."""

    def __call__(self, fields: Mapping[str, Any], raw_body: str, *, source: str) -> dict[str, Any]: ...


class TestSignals:
    """Sends them. ``armed``: the accounts that trade live by the settings of any process; ``clock``: now, in UTC."""

    # Its name begins as those of tests do.
    __test__ = False

    def __init__(
        self,
        take: TakeSignal,
        desk: OperatorDesk,
        *,
        armed: Callable[[], Sequence[str]],
        clock: Callable[[], datetime],
    ) -> None:
        self._take = take
        self._desk = desk
        self._armed = armed
        self._clock = clock

    def why_not(self) -> str | None:
        """Return why none is sent now, None where one may be. Raises DatabaseUnavailable."""
        armed = self._armed()
        if not armed:
            return None
        verb = "trades" if len(armed) == 1 else "trade"
        return f"{', '.join(armed)} {verb} live, and a test signal is for dry-run alone: set EXECUTION_DRY_RUN first."

    def body(self, given: Mapping[str, Any], by: str) -> dict[str, Any]:
        """Return the body of a test signal with these fields, as the webhook would be sent it."""
        now = self._clock()
        return {
            **given,
            "event_type": "ENTRY",
            "trade_id": new_trade_id(now, secrets.token_hex(4)),
            "alert_time": now.isoformat(),
            "test": True,
            "sent_by": by,
        }

    def send(self, given: Mapping[str, Any], signature: Signature, *, source: str) -> dict[str, Any]:
        """Send one; return the webhook's answer. Raises InvalidSignal, Refused, NotPossible, DatabaseUnavailable."""
        why_not = self.why_not()
        if why_not is not None:
            raise NotPossible(why_not.removesuffix("."))
        body = self.body(given, signature.by)
        answer = self._take(body, json_text(body), source=source)
        self._desk.test_signal(answer["task_id"], answer["trade_id"], signature)
        return answer
