"""The venue of a live account whose firm has no live venue: it refuses, and says so."""

from __future__ import annotations

from typing import Any

from connectors.base_connector import Leg, Receipt, ReceiptStatus
from domain.account import AccountKey


class UnavailableVenue:
    """Sends nothing: an order is never reported as placed where nothing can place it."""

    live = False

    def __init__(self, firm_code: str) -> None:
        self._receipt = Receipt(
            status=ReceiptStatus.SKIPPED,
            reason="NO_LIVE_CONNECTOR",
            message=f"This version has no live connection to {firm_code}; the order was not sent.",
        )

    def place_entry(self, leg: Leg) -> Receipt:  # noqa: ARG002 - the venue's interface
        return self._receipt

    def place_exit(self, leg: Leg) -> Receipt:  # noqa: ARG002 - the venue's interface
        return self._receipt

    def account_status(self, account: AccountKey) -> dict[str, Any] | None:  # noqa: ARG002 - the venue's interface
        return None
