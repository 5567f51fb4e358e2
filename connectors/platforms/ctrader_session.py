"""A login at cTrader: one connection that is opened at need, its two levels of authorisation, and its rate limits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from connectors.http_calls import RateLimit
from connectors.platforms.ctrader_connection import Connection, connect
from connectors.platforms.ctrader_errors import (
    TOO_OFTEN,
    Refusal,
    raise_no_login,
    raise_unless_refused,
    raise_unread,
    refusal_of,
)
from connectors.platforms.ctrader_waiter import Waiter, Watched, is_refusal
from connectors.platforms.ctrader_wire import (
    ExecutionType,
    Fields,
    Frame,
    Message,
    OrderStatus,
    choice,
    part,
)
from connectors.tickets import VenueLogin
from connectors.venue import NotSent, Unclear

# Spotware's documents: 50 requests a second and connection, 5 for historical ones. That the order lists are historical
# is not documented; read as such.
REQUESTS, HISTORICAL_REQUESTS = "50 per 1 second", "5 per 1 second"
HISTORICAL = frozenset({Message.ORDER_LIST_REQ, Message.ORDER_DETAILS_REQ, Message.ORDER_LIST_BY_POSITION_ID_REQ})
# A market order is accepted at once and filled some tenths of a second later; so long its fill is waited for.
SETTLING_SECONDS = 1.0
_REFUSED = frozenset({ExecutionType.ORDER_REJECTED, ExecutionType.ORDER_CANCEL_REJECTED})
_OVER = frozenset(
    {
        OrderStatus.ORDER_STATUS_FILLED,
        OrderStatus.ORDER_STATUS_REJECTED,
        OrderStatus.ORDER_STATUS_EXPIRED,
        OrderStatus.ORDER_STATUS_CANCELLED,
    }
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the venue said to an order: ``event`` is its newest execution event, ``refusal`` its no. One is there."""

    event: Fields | None = None
    refusal: Refusal | None = None


class Session:
    """Shared by all threads. ``changed`` is told when what is known of symbols no longer holds."""

    def __init__(self, login: VenueLogin) -> None:
        self._login = login
        self._door = threading.Lock()
        self._gates: dict[int, threading.Lock] = {}
        self._connection: Connection | None = None
        self._failure: tuple[float, NotSent] | None = None
        self._requests, self._historical = RateLimit(REQUESTS), RateLimit(HISTORICAL_REQUESTS)
        # A message that the venue blocks for a while must not hold up the others: least of all exits.
        self._kinds: dict[Message, RateLimit] = {}
        self.changed: Callable[[], None] = lambda: None

    def ask(self, account: int, message: Message, answer: Message, fields: Fields | None = None) -> Fields:
        """Return the answer to a request that changes nothing. Raises NotSent and Unclear."""
        connection = self.ready(account)
        self._turn(message)
        frame = self._answer(connection, message, {"ctidTraderAccountId": account, **(fields or {})})
        if is_refusal(frame):
            raise_unread(self._refused(connection, message, frame, account))
        if frame.type != answer:
            raise Unclear(f"message {frame.type} in answer to {message.name}")
        return frame.payload

    def act(self, message: Message, fields: Fields, watched: Watched) -> Outcome:
        """Send an order, or what changes one, once; return what became of it within a moment.

        Raises NotSent where it was not sent or not taken for now, Unclear where that is not known.
        """
        account = watched.account
        connection = self.ready(account)
        self._turn(message)
        asked = time.monotonic()
        waiter = connection.send(message, {"ctidTraderAccountId": account, **fields}, watched)
        try:
            outcome = self._follow(connection, message, waiter, account)
        except Unclear:
            self._doubt(connection, asked)
            raise
        finally:
            connection.finish(waiter)
        return outcome

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        with self._door:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def clean(self, words: str) -> str:
        """Return a text without the login's secrets, should the venue have repeated one."""
        for secret in self._login.secrets():
            words = words.replace(secret, "***")
        return words

    def _follow(self, connection: Connection, message: Message, waiter: Waiter, account: int) -> Outcome:
        deadline = time.monotonic() + self._login.timeout
        outcome = Outcome()
        while True:
            try:
                frame = waiter.next(deadline)
            except Unclear:
                if outcome.event is None:
                    raise
                return outcome
            if is_refusal(frame):
                refusal = self._refused(connection, message, frame, account)
                if outcome.event is None:
                    raise_unless_refused(refusal)
                return Outcome(event=outcome.event, refusal=refusal)
            if frame.type != Message.EXECUTION_EVENT:
                raise Unclear(f"message {frame.type} in answer to {message.name}")
            if outcome.event is None:
                deadline = min(deadline, time.monotonic() + SETTLING_SECONDS)
            outcome = Outcome(event=frame.payload)
            if _over(frame.payload):
                return outcome

    def _answer(self, connection: Connection, message: Message, fields: Fields) -> Frame:
        asked = time.monotonic()
        waiter = connection.send(message, fields)
        try:
            return waiter.next(asked + self._login.timeout)
        except Unclear as error:
            self._doubt(connection, asked)
            raise Unclear(f"{message.name}: {error}") from error
        finally:
            connection.finish(waiter)

    def _doubt(self, connection: Connection, since: float) -> None:
        # Silent ever since: half-open perhaps. Nothing new goes over it, what is under way may still be answered.
        if connection.heard_at < since:
            connection.retire()

    def _refused(self, connection: Connection, message: Message, frame: Frame, account: int) -> Refusal:
        told = refusal_of(frame)
        refusal = Refusal(told.code, told.description and self.clean(told.description), told.retry_after)
        if refusal.session_lost:
            connection.authorised.discard(account)
            if refusal.code == "CH_CLIENT_NOT_AUTHENTICATED":
                connection.retire()
        elif refusal.code in TOO_OFTEN and refusal.retry_after is not None:
            self._kind(message).close_for(refusal.retry_after)
        return refusal

    def _turn(self, message: Message) -> None:
        self._kind(message).wait()
        if message in HISTORICAL:
            self._historical.wait()
        self._requests.wait()

    def _kind(self, message: Message) -> RateLimit:
        return self._kinds.get(message) or self._kinds.setdefault(message, RateLimit(REQUESTS))

    def ready(self, account: int) -> Connection:
        """Return a connection on which the account may be used. Raises NotSent."""
        connection = self._opened()
        if account not in connection.authorised:
            with self._lock_of(self._gates.setdefault(account, threading.Lock())):
                if account not in connection.authorised:
                    token = self._credential("token", self._login.token)
                    fields = {"ctidTraderAccountId": account, "accessToken": token}
                    self._log_in(connection, Message.ACCOUNT_AUTH_REQ, Message.ACCOUNT_AUTH_RES, fields)
                    connection.authorised.add(account)
        return connection

    def _opened(self) -> Connection:
        connection = self._connection
        if connection is not None and connection.usable:
            return connection
        came = time.monotonic()
        with self._lock_of(self._door):
            if self._connection is not None and self._connection.usable:
                return self._connection
            if self._failure is not None and self._failure[0] > came:
                # Somebody tried while this one waited; a queue of tries would last for ever.
                failure = self._failure[1]
                raise NotSent(str(failure), final=failure.final, retry_after=failure.retry_after)
            try:
                self._connection = self._open()
            except NotSent as error:
                self._failure = (time.monotonic(), error)
                raise
            self.changed()
            return self._connection

    def _open(self) -> Connection:
        fields = {
            "clientId": self._credential("key", self._login.key),
            "clientSecret": self._credential("secret", self._login.secret),
        }
        connection = connect(self._login.url, self._login.timeout, lambda _frame: self.changed())
        try:
            self._log_in(connection, Message.APPLICATION_AUTH_REQ, Message.APPLICATION_AUTH_RES, fields)
        except NotSent:
            connection.close()
            raise
        return connection

    def _log_in(self, connection: Connection, message: Message, answer: Message, fields: Fields) -> None:
        self._turn(message)
        with before_sending():
            frame = self._answer(connection, message, fields)
        if is_refusal(frame):
            told = refusal_of(frame)
            raise_no_login(Refusal(told.code, told.description and self.clean(told.description), told.retry_after))
        elif frame.type != answer:
            raise NotSent(f"message {frame.type} in answer to {message.name}")

    def _credential(self, name: str, value: str | None) -> str:
        if not value:
            raise NotSent(f"the login of {self._login.firm_code} at cTrader has no {name}", final=True)
        return value

    @contextmanager
    def _lock_of(self, lock: threading.Lock) -> Iterator[None]:
        if not lock.acquire(timeout=2 * self._login.timeout):
            raise NotSent("another call is still logging in")
        try:
            yield
        finally:
            lock.release()


@contextmanager
def before_sending() -> Iterator[None]:
    """Turn an unclear answer into NotSent: what was to be sent afterwards was certainly not."""
    try:
        yield
    except Unclear as error:
        raise NotSent(str(error)) from error


def _over(event: Fields) -> bool:
    if choice(ExecutionType, event, "executionType") in _REFUSED:
        return True
    return choice(OrderStatus, part(event, "order"), "orderStatus") in _OVER
