"""Asks venues what became of legs and of the stops that went along with entries."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.live_connector import LiveConnector
from connectors.venue import STOP_OF, OrderReport
from database.orders import OrderLedger
from domain.account import AccountKey
from domain.ledger import LedgerOrder
from domain.order_state import OrderState


class VenueLookup:
    """Every method raises NotSent and Unclear as the venue does, and DatabaseUnavailable."""

    def __init__(self, ledger: OrderLedger, connectors: Mapping[AccountKey, LiveConnector]) -> None:
        self._ledger = ledger
        self._connectors = connectors

    def of(self, order: LedgerOrder) -> OrderReport | None:
        """Return what the venue's record says of a leg, None where it is not there."""
        return self._connectors[order.account].find_order(
            order.account,
            order.client_order_id,
            sent_at=order.sent_at or order.created_at,
            order_id=order.venue_order_id,
            contract=order.contract,
            entries=self._ledger.entry_names(order),
        )

    def settle_stops(self, account: AccountKey, symbol: str) -> bool:
        """Put on record what stops have closed of an account's trades in a contract; return whether any has.

        Asked where the venue holds less than the ledger says, and not otherwise: venues count every question.
        """
        settled = False
        for order in self._ledger.open_entries([account]):
            if order.contract.symbol != symbol or order.stop_price is None:
                continue
            stop = self._connectors[account].find_order(
                account,
                order.client_order_id + STOP_OF,
                sent_at=order.sent_at or order.created_at,
                contract=order.contract,
            )
            # Its exits may have closed a part; the stop closed what was left.
            if stop is not None and stop.state is OrderState.FILLED and stop.filled > 0:
                closed = min(stop.filled, order.open_quantity)
                self._ledger.settle_outside(order, closed, cause="STOP_FILLED", actor=self._ledger.worker)
                settled = True
        return settled
