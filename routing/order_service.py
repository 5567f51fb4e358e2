"""Everything that a router process does for accounts that trade live, besides deciding."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial

from config.policies import policy_rows
from config.settings import Settings
from connectors.live_connector import LiveConnector
from database.connection import Database, DatabaseUnavailable
from database.halts import HaltRecord
from database.orders import OrderLedger
from database.queue import TaskQueue
from database.reconciliation import ReconciliationRecord
from database.tracked_accounts import utc_now
from domain.account import AccountKey
from domain.ledger import LedgerOrder
from routing.dispatcher import Admitted, Dispatcher
from routing.facts import Seen
from routing.follower import Follower
from routing.halt_runner import HaltRunner
from routing.interpreter import take_short_turns
from routing.leader_loop import Leads
from routing.order_desk import OrderDesk
from routing.patience import outage_pause
from routing.reconciler import Reconciler
from routing.retry import RetryPolicy
from routing.sender import Sender
from routing.venue_lookup import VenueLookup

ROUND_SECONDS = 0.2


class OrderService:
    """Sends, follows, reconciles, halts. ``leadership``: of several processes one looks after what has no owner.

    Nothing runs before ``start``; then those of ``entering`` that are reconciled may enter, and exits of all accounts
    go out at once. An account that may only close is not spoken to before there is something to close.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        connectors: Mapping[AccountKey, LiveConnector],
        *,
        entering: Collection[AccountKey],
        worker: str,
        logger: logging.Logger,
    ) -> None:
        self.ledger = OrderLedger(database, worker=worker)
        self._acknowledged = [
            row
            for row in policy_rows(settings)
            if row["acknowledgement"] and AccountKey(row["firm_code"], row["program_id"]) in entering
        ]
        self._entering = tuple(entering)
        self._database = database
        self._connectors = dict(connectors)
        self._logger = logger
        self._leads: Leads | None = None
        self._leading = False
        self.sender = sender = Sender(
            retry=RetryPolicy(max_attempts=settings.send_max_attempts, base=settings.send_retry_base),
            clock=utc_now,
            actor=worker,
            logger=logger,
        )
        self._dispatcher = Dispatcher(
            self.ledger,
            connectors,
            sender,
            admitted=self._admitted,
            settled=self._sent,
            lease=settings.task_lease,
            poll_interval=settings.poll_interval,
            logger=logger,
        )
        submit, wake = self._dispatcher.submit, self._dispatcher.wake
        self._follower = Follower(
            self.ledger, connectors, sender, submit=submit, changed=wake, clock=utc_now, logger=logger
        )
        self._reconciler = Reconciler(
            ReconciliationRecord(database, worker=worker),
            VenueLookup(self.ledger, connectors),
            connectors,
            interval=settings.reconcile_interval,
            submit=submit,
            changed=wake,
            logger=logger,
        )
        self._halt_runner = HaltRunner(HaltRecord(database), self.ledger, connectors, submit=submit, logger=logger)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, leadership: Leads | None = None) -> None:
        """Start; a second call does nothing. Without ``leadership`` this process looks after everything."""
        if self._thread is not None:
            return
        self._leads = leadership
        # A thread that decides would else keep the interpreter for milliseconds from those that send.
        take_short_turns()
        self._dispatcher.start()
        self._thread = threading.Thread(target=self._run, name="order-service", daemon=True)
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Finish the calls that are running, or put them on record as unresolved; close the connections."""
        deadline = time.monotonic() + timeout
        self._stopping.set()
        self._dispatcher.stop(timeout)
        if self._thread is not None:
            self._thread.join(max(0.1, deadline - time.monotonic()))
        for connector in set(self._connectors.values()):
            connector.close()

    def desk(self, queue: TaskQueue, *, look: Callable[[], Seen]) -> OrderDesk:
        """Return what decides tasks for these accounts and plans their legs; ``look`` sees how the accounts are."""
        return OrderDesk(self._database, self.ledger, queue, self._entering, planned=self.wake, look=look)

    def wake(self) -> None:
        """Look for planned legs now."""
        self._dispatcher.wake()

    def heard(self) -> None:
        """An order went on, here or in another process."""
        self._dispatcher.heard()

    def _serves(self) -> list[AccountKey]:
        """Return the accounts that this process may speak for: where one session is all, only the leader does."""
        leading = self._leading
        return [
            account
            for account, connector in self._connectors.items()
            if leading or not connector.capabilities.single_session
        ]

    def _admitted(self) -> Admitted:
        serves, ready = self._serves(), set(self._reconciler.ready())
        return Admitted(exits=serves, entries=[account for account in serves if account in ready])

    def _sent(self, order: LedgerOrder) -> None:
        self._follower.sent(order)

    def _run(self) -> None:
        failures = 0
        known = False
        while not self._stopping.wait(ROUND_SECONDS if failures == 0 else outage_pause(failures)):
            try:
                if not known:
                    self.ledger.know(self._connectors)
                    self.ledger.keep_acknowledgements(self._acknowledged)
                    known = True
                self._leading = self._leads is None or self._leads.is_leader()
                serves = self._serves()
                entering = [account for account in serves if account in self._entering]
                self._guarded(partial(self._reconciler.round, leads=self._leading, serves=entering))
                self._guarded(partial(self._follower.round, leads=self._leading, serves=serves))
                self._guarded(partial(self._halt_runner.round, serves))
                failures = 0
            except DatabaseUnavailable as error:
                failures += 1
                self._leading = False
                self._logger.warning("Orders have no database: %s", error, extra={"event": "database_away"})

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except DatabaseUnavailable:
            raise
        except Exception:
            self._logger.exception("A round of the order service failed", extra={"event": "round_failed"})
