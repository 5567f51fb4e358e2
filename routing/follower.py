"""Finds out what became of legs: what was accepted and may fill, and what nobody knows."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import partial

from connectors.live_connector import LiveConnector
from connectors.venue import NotSent, Unclear
from database.orders import Change, OrderLedger
from domain.account import AccountKey
from domain.ledger import LedgerOrder, Purpose
from domain.order_rows import connector_row
from domain.order_state import OrderState
from routing.sender import Sender, answered
from routing.venue_lookup import VenueLookup

# A leg is looked at again after half its age, so that a fill is seen soon and an old order asks little of the venue.
SHORTEST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 15.0


class Follower:
    """Looks after the legs of ``connectors``' accounts: those that this process sent, and every one while it leads.

    ``submit`` runs something in a thread; ``changed`` is called with each leg that went on. ``clock`` in UTC.
    """

    def __init__(
        self,
        ledger: OrderLedger,
        connectors: Mapping[AccountKey, LiveConnector],
        sender: Sender,
        *,
        submit: Callable[[Callable[[], None]], None],
        changed: Callable[[], None],
        clock: Callable[[], datetime],
        logger: logging.Logger,
    ) -> None:
        self._ledger = ledger
        self._connectors = connectors
        self._lookup = VenueLookup(ledger, connectors)
        self._sender = sender
        self._submit = submit
        self._changed = changed
        self._clock = clock
        self._logger = logger
        self._lock = threading.Lock()
        self._own: set[int] = set()
        self._busy: set[int] = set()
        self._looked: dict[int, float] = {}

    def sent(self, order: LedgerOrder) -> None:
        """Know of a leg that this process has sent: it follows it without being the leader."""
        if order.state in {OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.UNRESOLVED}:
            with self._lock:
                self._own.add(order.id)

    def round(self, *, leads: bool, serves: Collection[AccountKey]) -> None:
        """Look at every leg of ``serves`` whose turn it is; does not wait for venues. Raises DatabaseUnavailable."""
        if leads:
            self._take_over_lost()
        if not leads and not self._own:
            return
        orders = self._ledger.unsettled(serves)
        with self._lock:
            self._own &= {order.id for order in orders}
            own = set(self._own)
        waiting = self._ledger.waiting_exits(serves) if orders else set()
        for order in orders:
            if leads or order.id in own:
                closing = order.purpose is Purpose.ENTRY and (order.trade_id, order.account) in waiting
                self._look(order, self._pause(order, closing=closing), partial(self._follow, order, closing=closing))

    def _take_over_lost(self) -> None:
        for order in self._ledger.take_over_lost(connector_row):
            self._logger.warning(
                "Order %s of %s was on its way when its process was lost; it is unresolved",
                order.client_order_id,
                order.account,
                extra={"event": "order_unresolved", "trade_id": order.trade_id},
            )

    def _pause(self, order: LedgerOrder, *, closing: bool) -> float:
        if closing:
            return SHORTEST_PAUSE_SECONDS
        return min(LONGEST_PAUSE_SECONDS, max(SHORTEST_PAUSE_SECONDS, self._age(order) / 2))

    def _age(self, order: LedgerOrder) -> float:
        return (self._clock() - order.updated_at).total_seconds()

    def _look(self, order: LedgerOrder, pause: float, work: Callable[[], None]) -> None:
        now = time.monotonic()
        with self._lock:
            # What nobody knows is looked up at once; what was just accepted gets its time to fill. Counted from when it
            # was, and not from when this process began: a process may be lost before it has waited so long.
            first = now - (pause if order.state is OrderState.UNRESOLVED else self._age(order))
            if order.id in self._busy or now - self._looked.setdefault(order.id, first) < pause:
                return
            self._busy.add(order.id)
            self._looked[order.id] = now
        self._submit(lambda: self._at_work(order, work))

    def _at_work(self, order: LedgerOrder, work: Callable[[], None]) -> None:
        try:
            work()
        except (NotSent, Unclear) as error:
            connector = self._connectors[order.account]
            self._logger.info(
                "Order %s of %s could not be looked up: %s",
                order.client_order_id,
                order.account,
                connector.in_words(error),
                extra={"event": "order_lookup_failed", "trade_id": order.trade_id},
            )
        finally:
            with self._lock:
                self._busy.discard(order.id)

    def _follow(self, order: LedgerOrder, *, closing: bool) -> None:
        connector = self._connectors[order.account]
        asked_at = self._clock()
        report = self._lookup.of(order)
        if report is None:
            if order.state is OrderState.UNRESOLVED:
                self._absent(connector, order, asked_at)
            return
        if closing and report.order_id and report.state in {OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED}:
            # The trade is being closed: what has not filled yet must not fill behind the exit.
            connector.cancel_order(order.account, report.order_id)
            report = self._lookup.of(order) or report
        cause = "FOUND_AT_VENUE" if order.state is OrderState.UNRESOLVED else "FOLLOWED"
        self._write(order, answered(order, report, actor=self._ledger.worker, cause=cause))

    def _absent(self, connector: LiveConnector, order: LedgerOrder, asked_at: datetime) -> None:
        """Absence counts only where the venue lists everything, and once an order that was under way must be there."""
        capabilities = connector.capabilities
        if not capabilities.proves_absence:
            return
        age = (asked_at - order.updated_at).total_seconds()
        if age < (capabilities.settling_seconds or 0.0):
            return
        message = (
            f"The venue's complete list of orders does not have {order.client_order_id} "
            f"{age:.0f} s after its call ended: it was never taken."
        )
        change = Change(state=OrderState.NOT_SENT, cause="PROVEN_ABSENT", actor=self._ledger.worker, message=message)
        self._write(order, change)

    def _write(self, order: LedgerOrder, change: Change) -> None:
        delay = self._sender.replacement_delay(order, change)
        written = self._ledger.write(order.id, change, connector_row, only_from={order.state}, replace_after=delay)
        if written is not None and written.state is not order.state:
            self._changed()
