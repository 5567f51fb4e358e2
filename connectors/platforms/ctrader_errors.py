"""What cTrader's error codes mean for an order, a read and a login. Codes: ProtoOAErrorCode and ProtoErrorCode."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NoReturn

from connectors.platforms.ctrader_wire import Frame, text, whole
from connectors.venue import NotSent, Unclear

# Said of a request that was looked at and not passed on.
NOT_NOW = frozenset(
    {
        "REQUEST_FREQUENCY_EXCEEDED",
        "BLOCKED_PAYLOAD_TYPE",
        "SERVER_IS_UNDER_MAINTENANCE",
        # Another order works on the position at this moment.
        "POSITION_LOCKED",
        "PENDING_EXECUTION",
        "CONCURRENT_MODIFICATION",
    }
)
# Of these, the ones about how often the venue was asked.
TOO_OFTEN = frozenset({"REQUEST_FREQUENCY_EXCEEDED", "BLOCKED_PAYLOAD_TYPE"})
# They leave open whether the trading server behind the proxy has the request.
LEAVES_OPEN = frozenset(
    {"UNKNOWN_ERROR", "INTERNAL_SERVER_ERROR", "TIMEOUT_ERROR", "CANT_ROUTE_REQUEST", "CH_SERVER_NOT_REACHABLE"}
)
SESSION_LOST = frozenset({"ACCOUNT_NOT_AUTHORIZED", "CH_CLIENT_NOT_AUTHENTICATED"})
GONE = frozenset({"POSITION_NOT_FOUND", "POSITION_NOT_OPEN", "ORDER_NOT_FOUND", "ENTITY_NOT_FOUND"})
LOGGED_IN_ALREADY = frozenset({"ALREADY_LOGGED_IN", "CH_CLIENT_ALREADY_AUTHENTICATED"})
# No use in trying again before somebody has put the login right.
LOGIN_IS_WRONG = frozenset(
    {
        "CH_CLIENT_AUTH_FAILURE",
        "CH_OA_CLIENT_NOT_FOUND",
        "CH_ACCESS_TOKEN_INVALID",
        "OA_AUTH_TOKEN_EXPIRED",
        "CH_CTID_TRADER_ACCOUNT_NOT_FOUND",
        "RET_NO_SUCH_LOGIN",
        "RET_ACCOUNT_DISABLED",
    }
)
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 3600.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """The venue's no. ``retry_after`` in seconds where it says when to come again."""

    code: str
    description: str | None
    retry_after: float | None

    def __str__(self) -> str:
        return f"{self.code}: {self.description}" if self.description else self.code

    @property
    def session_lost(self) -> bool:
        # The venue also says it in words alone, under INVALID_REQUEST (seen in public clients, not in its documents).
        said = "account is not authorized" in (self.description or "").lower()
        return said or self.code in SESSION_LOST or self.code in LOGIN_IS_WRONG

    @property
    def not_now(self) -> bool:
        return self.code in NOT_NOW or self.session_lost


def refusal_of(frame: Frame) -> Refusal:
    """Read ProtoOAErrorRes, ProtoOAOrderErrorEvent or ProtoErrorRes."""
    code = text(frame.payload, "errorCode") or "UNKNOWN_ERROR"
    return Refusal(code, text(frame.payload, "description"), _pause(frame, code))


def raise_unless_refused(refusal: Refusal) -> None:
    """Raise for an order what leaves it untaken (NotSent) or open (Unclear); return where the venue refused it."""
    if refusal.not_now:
        raise NotSent(str(refusal), retry_after=refusal.retry_after)
    if refusal.code in LEAVES_OPEN:
        raise Unclear(str(refusal), {"errorCode": refusal.code, "description": refusal.description})


def raise_unread(refusal: Refusal) -> NoReturn:
    """Raise what a read that was refused means: nothing is known."""
    if refusal.not_now:
        raise NotSent(str(refusal), retry_after=refusal.retry_after)
    raise Unclear(str(refusal), {"errorCode": refusal.code, "description": refusal.description})


def raise_no_login(refusal: Refusal) -> None:
    """Raise NotSent for a login that was refused; return where the venue only says that it was done before."""
    if refusal.code in LOGGED_IN_ALREADY:
        return
    hint = ""
    if refusal.code == "CANT_ROUTE_REQUEST":
        hint = " (a live account at the address for demo accounts, or the other way round?)"
    final = refusal.code in LOGIN_IS_WRONG
    raise NotSent(f"login refused: {refusal}{hint}", final=final, retry_after=refusal.retry_after)


def _pause(frame: Frame, code: str) -> float | None:
    if "retryAfter" in frame.payload:
        seconds = float(whole(frame.payload, "retryAfter"))
    elif "maintenanceEndTimestamp" in frame.payload:
        end = whole(frame.payload, "maintenanceEndTimestamp")
        # In seconds by the schema; clients have seen milliseconds in ProtoErrorRes.
        seconds = (end / 1000 if end > 10**11 else end) - time.time()
    elif code in NOT_NOW:
        seconds = SHORTEST_PAUSE
    else:
        return None
    return min(max(seconds, SHORTEST_PAUSE), LONGEST_PAUSE)
