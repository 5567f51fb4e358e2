"""The venue of dry-run: takes every order, keeps the newest, sends nothing."""

from __future__ import annotations

from collections import deque
from typing import Any

from connectors.base_connector import Leg, Receipt, ReceiptStatus
from domain.account import AccountKey

KEPT_ORDERS = 1_000


class PaperVenue:
    """Keeps orders instead of sending them. It invents neither fills nor balances."""

    live = False

    def __init__(self, reason: str = "GLOBAL_DRY_RUN_ENABLED") -> None:
        self._receipt = Receipt(status=ReceiptStatus.SKIPPED, reason=reason)
        self.orders: deque[Leg] = deque(maxlen=KEPT_ORDERS)

    def place_entry(self, leg: Leg) -> Receipt:
        return self._keep(leg)

    def place_exit(self, leg: Leg) -> Receipt:
        return self._keep(leg)

    def account_status(self, account: AccountKey) -> dict[str, Any] | None:  # noqa: ARG002 - the venue's interface
        return None

    def _keep(self, leg: Leg) -> Receipt:
        self.orders.append(leg)
        return self._receipt
