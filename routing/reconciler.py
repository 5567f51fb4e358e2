"""Holds orders and positions of every live account against its venue's own: at start-up, and again and again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal

from connectors.live_connector import LiveConnector
from connectors.venue import NotSent, Unclear, WorkingOrder
from database.reconciliation import Difference, LedgerPosition, ReconciliationRecord
from domain.account import AccountKey
from routing.venue_lookup import VenueLookup

# What changed so recently may not have reached both sides yet.
SETTLING_SECONDS = 3.0
RETRY_SECONDS = 5.0
LESS_HELD = frozenset({"TRADE_WITHOUT_POSITION", "DIFFERENT_SIZE"})


class Reconciler:
    """Compares and lists; it repairs nothing. What a stop has closed is put on record first, by the venue's word.

    ``ready`` are the accounts that this process has reconciled since it started: no entry goes out before. While it
    leads it goes on every ``interval`` seconds. ``submit`` runs something in a thread.
    """

    def __init__(
        self,
        record: ReconciliationRecord,
        lookup: VenueLookup,
        connectors: Mapping[AccountKey, LiveConnector],
        *,
        interval: float,
        submit: Callable[[Callable[[], None]], None],
        changed: Callable[[], None],
        logger: logging.Logger,
    ) -> None:
        self._record = record
        self._lookup = lookup
        self._connectors = connectors
        self._interval = interval
        self._submit = submit
        self._changed = changed
        self._logger = logger
        self._lock = threading.Lock()
        self._busy: set[AccountKey] = set()
        self._ready: set[AccountKey] = set()
        self._due: dict[AccountKey, float] = {}

    def ready(self) -> list[AccountKey]:
        """Return the accounts that may enter."""
        with self._lock:
            return sorted(self._ready)

    def round(self, *, leads: bool, serves: Collection[AccountKey]) -> None:
        """Reconcile every account of ``serves`` whose turn it is; does not wait for the venues."""
        now = time.monotonic()
        for account in serves:
            with self._lock:
                wanted = leads or account not in self._ready
                if not wanted or account in self._busy or now < self._due.get(account, now):
                    continue
                self._busy.add(account)
            self._submit(lambda account=account: self._reconcile(account))  # type: ignore[misc]

    def _reconcile(self, account: AccountKey) -> None:
        pause = RETRY_SECONDS
        try:
            found = self.differences(account)
            if self._settle_stops(account, found):
                found = self.differences(account)
            if found:
                # Both sides move; what is no more than a moment's difference does not last.
                time.sleep(SETTLING_SECONDS)
                again = {(d.kind, d.symbol): d for d in self.differences(account)}
                found = [again[d.kind, d.symbol] for d in found if (d.kind, d.symbol) in again]
            new = self._record.keep(account, found)
            if new:
                self._logger.warning(
                    "%s differs from its venue: %s",
                    account,
                    "; ".join(difference.proposal for difference in found),
                    extra={"event": "out_of_sync"},
                )
            with self._lock:
                self._ready.add(account)
            pause = self._interval
            self._changed()
        except (NotSent, Unclear) as error:
            words = self._connectors[account].in_words(error)
            self._logger.warning("%s was not reconciled: %s", account, words, extra={"event": "reconcile_failed"})
            self._record.failed(account, words)
        finally:
            with self._lock:
                self._busy.discard(account)
                self._due[account] = time.monotonic() + pause

    def _settle_stops(self, account: AccountKey, found: list[Difference]) -> bool:
        """A stop that has filled is the commonest difference, and the venue's own word on it settles it."""
        less = [d.symbol for d in found if d.kind in LESS_HELD and abs(d.venue_quantity) < abs(d.ledger_quantity)]
        settled = [symbol for symbol in less if self._lookup.settle_stops(account, symbol)]
        return bool(settled)

    def differences(self, account: AccountKey) -> list[Difference]:
        """Return what differs now, apart from what is under way. Raises NotSent or Unclear where the venue does."""
        connector = self._connectors[account]
        before = self._record.positions(account, settling=SETTLING_SECONDS)
        held = {position.symbol: position.quantity for position in connector.positions(account)}
        working = connector.working_orders(account)
        after = self._record.positions(account, settling=SETTLING_SECONDS)
        found = []
        for symbol in sorted({*held, *before, *after}):
            sides = [side[symbol] for side in (before, after) if symbol in side]
            if any(side.under_way for side in sides) or (sides and len(sides) < 2):
                continue
            ledger = sides[0] if sides else LedgerPosition(quantity=Decimal(0), under_way=False, trades=())
            if ledger.quantity != held.get(symbol, Decimal(0)):
                found.append(position_difference(account, symbol, ledger, held.get(symbol, Decimal(0))))
        unsettled = any(side.under_way for side in (*before.values(), *after.values()))
        return found + ([] if unsettled else self._unknown_orders(account, working, set(after)))

    def _unknown_orders(self, account: AccountKey, working: list[WorkingOrder], traded: set[str]) -> list[Difference]:
        names = {order.client_order_id.removesuffix("S") for order in working if order.client_order_id}
        unknown = self._record.unknown_names(names) if names else set()
        found: dict[str, Difference] = {}
        for order in working:
            name = (order.client_order_id or "").removesuffix("S")
            ours = name not in unknown if name else order.symbol in traded
            if not ours:
                found[order.symbol] = _unknown_order(account, order)
        return list(found.values())


def position_difference(account: AccountKey, symbol: str, ledger: LedgerPosition, venue: Decimal) -> Difference:
    """Return what two unequal quantities of one contract mean, with what could be done about it."""
    trades = ", ".join(str(trade["trade_id"]) for trade in ledger.trades) or "none"
    if ledger.quantity == 0:
        kind = "POSITION_WITHOUT_TRADE"
        proposal = (
            f"{account} holds {venue} {symbol} of which the ledger knows nothing: accept it as yours, or close it at "
            "the venue."
        )
    elif venue == 0:
        kind = "TRADE_WITHOUT_POSITION"
        proposal = (
            f"{account} holds no {symbol}, the ledger has {ledger.quantity} open (trades: {trades}): settle the trades "
            "in the ledger as closed at the venue."
        )
    else:
        kind = "DIFFERENT_SIZE"
        proposal = (
            f"{account} holds {venue} {symbol}, the ledger has {ledger.quantity} open (trades: {trades}): find out "
            "which is right, then settle in the ledger, accept, or close at the venue."
        )
    return Difference(
        kind=kind,
        symbol=symbol,
        ledger_quantity=ledger.quantity,
        venue_quantity=venue,
        proposal=proposal,
        details={"trades": list(ledger.trades)},
    )


def _unknown_order(account: AccountKey, order: WorkingOrder) -> Difference:
    return Difference(
        kind="UNKNOWN_ORDER",
        symbol=order.symbol,
        ledger_quantity=Decimal(0),
        venue_quantity=order.quantity,
        proposal=(
            f"{account} has a working {order.kind} order {order.order_id} ({order.side} {order.quantity} "
            f"{order.symbol}) that the ledger did not send: accept it as yours, or cancel it at the venue."
        ),
        details={"order_id": order.order_id, "client_order_id": order.client_order_id},
    )
