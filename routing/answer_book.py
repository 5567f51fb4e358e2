"""Writes down what venues answered: many answers at once, and with them the claims of what waited for just that."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from database.connection import DatabaseUnavailable, StatementRefused
from database.orders import Change, NextEntries, OrderLedger, OrderWrite, Written
from domain.account import AccountKey
from domain.ledger import LedgerOrder, Purpose
from domain.order_rows import connector_row
from domain.order_state import IN_DOUBT, OrderState
from routing.patience import outage_pause

# What could not be written because the database was away is written as soon as it is back.
WRITE_TRIES = 200
MOST_TOGETHER = 50


class Answer(NamedTuple):
    """What became of the call for an order as it was claimed."""

    order: LedgerOrder
    write: OrderWrite


class Done(Protocol):
    """Called with each order that was answered, and what that made of it: None where nothing was written.

    ``followed``: the account's next entry has been claimed with it.
    """

    def __call__(self, order: LedgerOrder, written: LedgerOrder | None, /, *, followed: bool) -> None: ...


class AnswerBook:
    """Takes answers from the threads that made the calls. No thread of its own, and no caller waits for another.

    Who finds nobody writing writes, and goes on until nothing is left: the others leave theirs and are free.
    ``next_entries`` says what to claim with the answers to entries of these accounts, which are so many answers in all;
    ``claimed`` is called with what was. ``sendable``: until when what is claimed from now on may leave.
    """

    def __init__(
        self,
        ledger: OrderLedger,
        *,
        next_entries: Callable[[Collection[AccountKey], int], NextEntries | None],
        claimed: Callable[[Sequence[LedgerOrder], float], None],
        done: Done,
        sendable: Callable[[], float],
        logger: logging.Logger,
    ) -> None:
        self._ledger = ledger
        self._next_entries = next_entries
        self._claimed = claimed
        self._done = done
        self._sendable = sendable
        self._logger = logger
        self._lock = threading.Lock()
        self._waiting: list[Answer] = []
        self._busy = False

    def take(self, order: LedgerOrder, change: Change, *, replace_after: float | None) -> None:
        """See to it that an answer is written, however long the database is away. Never raises."""
        only_from = IN_DOUBT
        if change.state in {OrderState.PLANNED, OrderState.NOT_SENT}:
            # Where others took the leg for lost meanwhile, what they find out counts.
            only_from = frozenset({OrderState.SENDING})
        write = OrderWrite(
            order_id=order.id, change=change, only_from=only_from, attempt=order.attempts, replace_after=replace_after
        )
        with self._lock:
            self._waiting.append(Answer(order, write))
            if self._busy:
                return
            self._busy = True
        try:
            self._write_all()
        except BaseException:
            # Whoever comes next has to find the book free.
            with self._lock:
                self._busy = False
            raise

    def _write_all(self) -> None:
        failures = 0
        while answers := self._next():
            try:
                self._write(answers)
                failures = 0
            except DatabaseUnavailable as error:
                failures += 1
                self._logger.warning("An answer waits for the database: %s", error, extra={"event": "database_away"})
                if failures < WRITE_TRIES:
                    with self._lock:
                        self._waiting[:0] = answers
                    time.sleep(outage_pause(failures))
                else:
                    self._give_up(answers, error)

    def _next(self) -> list[Answer]:
        with self._lock:
            answers, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
            self._busy = bool(answers)
        return answers

    def _write(self, answers: list[Answer]) -> None:
        """Write answers and tell of them. Raises DatabaseUnavailable; what PostgreSQL refuses is only logged."""
        sendable = self._sendable()
        try:
            written = self._written(answers)
        except DatabaseUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the next answers must be written
            if isinstance(error, StatementRefused) and len(answers) > 1:
                # One that is refused must not take the others with it.
                for answer in answers:
                    self._write([answer])
            else:
                self._give_up(answers, error)
            return
        self._guarded(partial(self._claimed, written.claimed, sendable))
        following = {order.account for order in written.claimed}
        for order, _ in answers:
            followed = order.purpose is Purpose.ENTRY and order.account in following
            self._guarded(partial(self._done, order, written.orders.get(order.id), followed=followed))

    def _written(self, answers: list[Answer]) -> Written:
        writes = [answer.write for answer in answers]
        entered = {order.account for order, _ in answers if order.purpose is Purpose.ENTRY}
        then = self._next_entries(entered, len(answers))
        if then is None:
            return self._ledger.write_all(writes, connector_row)
        try:
            return self._ledger.write_all(writes, connector_row, then=then)
        except StatementRefused:
            # Answers come before anything new.
            return self._ledger.write_all(writes, connector_row)

    def _give_up(self, answers: list[Answer], error: Exception) -> None:
        for order, _ in answers:
            self._logger.error(
                "The answer to order %s of %s could not be written",
                order.client_order_id,
                order.account,
                exc_info=error,
                extra={"event": "order_work_failed", "trade_id": order.trade_id},
            )
            self._guarded(partial(self._done, order, None, followed=False))

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            self._logger.exception("Work on an order failed", extra={"event": "order_work_failed"})
