"""Takes planned legs and sends them: entries of an account one after another, accounts beside one another."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from connectors.deadline import not_after
from connectors.live_connector import LiveConnector
from database.connection import DatabaseUnavailable
from database.orders import Change, ClaimedExit, NextEntries, OrderLedger
from domain.account import AccountKey
from domain.ledger import LedgerOrder, Purpose
from domain.order_rows import connector_row
from domain.order_state import IN_DOUBT, OrderState
from routing.answer_book import AnswerBook
from routing.patience import outage_pause
from routing.sender import Sender

MOST_THREADS = 200
# A call that has not left when this part of its lease is over does not leave any more.
SENDABLE_PART_OF_LEASE = 0.5
# What must not be sent any more is found at the latest after so long; before that, when its turn to be sent comes.
SWEEP_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """The accounts that a process sends for: exits wait for nobody, entries until their account is reconciled."""

    exits: Collection[AccountKey]
    entries: Collection[AccountKey]


class Dispatcher:
    """Serves the planned legs of ``connectors``' accounts from a thread, each call in a thread of a pool.

    ``admitted`` says whose exits this process sends now, and whose entries. ``lease`` in seconds: legs whose process is
    lost become UNRESOLVED after it. ``settled`` is called with every leg that was answered.
    """

    def __init__(
        self,
        ledger: OrderLedger,
        connectors: Mapping[AccountKey, LiveConnector],
        sender: Sender,
        *,
        admitted: Callable[[], Admitted],
        settled: Callable[[LedgerOrder], None],
        lease: float,
        poll_interval: float,
        logger: logging.Logger,
    ) -> None:
        self._ledger = ledger
        self._connectors = connectors
        self._sender = sender
        self._admitted = admitted
        self._settled = settled
        self._lease = lease
        self._poll_interval = poll_interval
        self._logger = logger
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._lock = threading.Lock()
        self._in_hand: dict[int, LedgerOrder] = {}
        self._sweep_at = float("-inf")
        self._swept = False
        # Whether an exit may have become due with the next answer.
        self._exits_wait = True
        self._wakes = 0
        self._answers = AnswerBook(
            ledger,
            next_entries=self._next_entries,
            claimed=self._hand_over_entries,
            done=self._answered,
            sendable=self._sendable,
            logger=logger,
        )
        self._size = min(MOST_THREADS, max(8, 3 * len(connectors)))
        self._pool = ThreadPoolExecutor(self._size, thread_name_prefix="send")
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start serving; a second call does nothing."""
        if self._threads:
            return
        self._threads = [
            threading.Thread(target=self._serve, name="dispatcher", daemon=True),
            threading.Thread(target=self._renew, name="dispatcher-leases", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float) -> None:
        """Take no more legs and wait for the calls that are running, at most ``timeout`` seconds.

        A call that still runs then is put on record as UNRESOLVED; its answer is written all the same if it comes.
        """
        deadline = time.monotonic() + timeout
        self._stopping.set()
        self._woken.set()
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        while self._held() and time.monotonic() < deadline:
            time.sleep(0.02)
        for order in self._held():
            change = Change(state=OrderState.UNRESOLVED, cause="STOPPED_WHILE_SENDING", actor=self._ledger.worker)
            # On its own: the answer may come at the same time, and whichever is first is written.
            self._ledger.write(order.id, change, connector_row, only_from=IN_DOUBT)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def wake(self) -> None:
        """Look for legs now."""
        with self._lock:
            self._wakes += 1
            self._exits_wait = True
        self._look()

    def heard(self) -> None:
        """Look for legs if an order that went on, here or elsewhere, may have made one due.

        While calls are under way it is nearly always one of these, and what follows on those is seen to.
        """
        if self._exits_wait or not self._in_hand:
            self._look()

    def _look(self) -> None:
        if not self._woken.is_set():
            self._woken.set()

    def is_alive(self) -> bool:
        """Return whether the loop runs."""
        return bool(self._threads) and self._threads[0].is_alive()

    def submit(self, work: Callable[[], None]) -> None:
        """Run something beside the sends, in a thread of the same pool."""
        if not self._stopping.is_set():
            self._pool.submit(self._guarded, work)

    def _serve(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                busy = self._round()
                failures = 0
            except DatabaseUnavailable as error:
                failures += 1
                self._logger.warning("Dispatcher has no database: %s", error, extra={"event": "database_away"})
                self._stopping.wait(outage_pause(failures))
                continue
            except Exception:
                self._logger.exception("A round of the dispatcher failed", extra={"event": "round_failed"})
                busy = False
            if not busy:
                resting = self._swept and not self._in_hand
                self._woken.wait(self._poll_interval if resting else min(self._poll_interval, SWEEP_SECONDS))

    def _round(self) -> bool:
        admitted = self._admitted()
        held = self._held()
        # Counted from before the claim, as the lease is: this process may be stopped right behind its commit.
        sendable = self._sendable()
        claimed, given_up = self._claim_entries(admitted.entries, held)
        self._hand_over_entries(claimed, sendable)
        exits = self._exits_due(admitted.exits, limit=max(0, self._size - len(held) - len(claimed)))
        for order in exits:
            sendable = self._sendable()
            taken = self._ledger.claim_exit(order, connector_row, lease=self._lease)
            if taken is not None and taken.order.state is OrderState.SENDING:
                self._hand_over(taken.order, sendable, partial(self._send_exit, taken))
        return bool(claimed or given_up or exits)

    def _exits_due(self, accounts: Collection[AccountKey], *, limit: int) -> list[LedgerOrder]:
        with self._lock:
            wakes = self._wakes
        found = self._ledger.exits_due(accounts, limit=limit)
        with self._lock:
            # One that was planned meanwhile may wait already for an answer.
            self._exits_wait = found.waiting or self._wakes != wakes
        return found.orders

    def _claim_entries(
        self, admitted: Collection[AccountKey], held: Collection[LedgerOrder]
    ) -> tuple[list[LedgerOrder], list[LedgerOrder]]:
        """Return what was claimed and what was given up. Accounts with an entry on its way need no look."""
        entering = {order.account for order in held if order.purpose is Purpose.ENTRY}
        accounts = [account for account in admitted if account not in entering]
        limit = self._room(len(held))
        self._swept = time.monotonic() >= self._sweep_at
        if self._swept:
            self._sweep_at = time.monotonic() + SWEEP_SECONDS
        elif not accounts or limit == 0:
            return [], []
        return self._ledger.claim_entries(accounts, connector_row, limit=limit, lease=self._lease, sweep=self._swept)

    def _sendable(self) -> float:
        """Until when what is claimed from now on may leave, in seconds of ``time.monotonic``."""
        return time.monotonic() + self._lease * SENDABLE_PART_OF_LEASE

    def _hand_over(self, order: LedgerOrder, sendable: float, send: Callable[[], None]) -> None:
        with self._lock:
            self._in_hand[order.id] = order

        def work() -> None:
            try:
                with not_after(sendable):
                    send()
            except BaseException:
                self._let_go(order)
                self._look()
                raise

        self._pool.submit(self._guarded, work)

    def _hand_over_entries(self, orders: Sequence[LedgerOrder], sendable: float) -> None:
        for order in orders:
            self._hand_over(order, sendable, partial(self._send_entry, order))

    def _send_entry(self, order: LedgerOrder) -> None:
        self._write(order, self._sender.send_entry(self._connectors[order.account], order))

    def _send_exit(self, claimed: ClaimedExit) -> None:
        connector = self._connectors[claimed.order.account]
        self._write(claimed.order, self._sender.send_exit(connector, claimed))

    def _write(self, order: LedgerOrder, change: Change) -> None:
        self._answers.take(order, change, replace_after=self._sender.replacement_delay(order, change))

    def _answered(self, order: LedgerOrder, written: LedgerOrder | None, *, followed: bool) -> None:
        """Go on behind the answer to a call. ``followed``: nothing but an exit can be due because of it."""
        self._let_go(order)
        if self._exits_wait or not followed:
            self._look()
        if written is None:
            return
        self._logger.info(
            "Order %s of %s is %s: %s",
            written.client_order_id,
            written.account,
            written.state,
            written.cause,
            extra={"event": "order_written", "trade_id": written.trade_id, "order_id": written.id},
        )
        self._settled(written)

    def _let_go(self, order: LedgerOrder) -> None:
        with self._lock:
            # Another attempt may be in hand by now.
            if self._in_hand.get(order.id) is order:
                del self._in_hand[order.id]

    def _next_entries(self, accounts: Collection[AccountKey], answered: int) -> NextEntries | None:
        """Return what to claim behind the answers of so many calls, None for nothing."""
        # The threads of those calls are free in a moment.
        limit = self._room(len(self._held()) - answered)
        if self._stopping.is_set() or not accounts or limit <= 0:
            return None
        admitted = set(self._admitted().entries)
        return NextEntries(accounts=tuple(sorted(admitted.intersection(accounts))), limit=limit, lease=self._lease)

    def _room(self, held: int) -> int:
        """Return for how many more entries there are threads, a third of which is kept for exits."""
        return max(0, self._size - held - self._size // 3)

    def _renew(self) -> None:
        while not self._stopping.wait(self._lease / 4):
            try:
                self._ledger.renew([order.id for order in self._held()], lease=self._lease)
            except DatabaseUnavailable as error:
                self._logger.warning("Leases were not renewed: %s", error, extra={"event": "renew_failed"})

    def _held(self) -> list[LedgerOrder]:
        with self._lock:
            return list(self._in_hand.values())

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            self._logger.exception("Work on an order failed", extra={"event": "order_work_failed"})
