"""What every connector can do, whatever the firm and its platform."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from domain.account import AccountKey
from domain.order import EntryOrder, ExitOrder


class ReceiptStatus(StrEnum):
    """What became of an order at the venue."""

    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One order for one account. ``contracts`` is None for an exit, which closes what is open."""

    account: AccountKey
    order: EntryOrder | ExitOrder
    contracts: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A venue's answer. ``reason`` says why an order was not sent."""

    status: ReceiptStatus
    reason: str | None = None
    order_id: str | None = None
    message: str | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def success(self) -> bool:
        return self.status is ReceiptStatus.SUCCESS

    def as_row(self) -> dict[str, Any]:
        """Return the part of a connector row that the venue answers for; what it did not say is left out."""
        row: dict[str, Any] = {"status": str(self.status)}
        if self.reason is not None:
            row["reason"] = self.reason
        if self.order_id is not None:
            row["order_id"] = self.order_id
        if self.message is not None:
            row["message"] = self.message
        if self.details:
            row["details"] = self.details
        return row


class Venue(Protocol):
    """Takes orders. An implementation speaks one wire protocol, or none.

    ``live``: there is a firm at the other end that can be asked for an account's status.
    """

    @property
    def live(self) -> bool: ...

    def place_entry(self, leg: Leg) -> Receipt: ...

    def place_exit(self, leg: Leg) -> Receipt: ...

    def account_status(self, account: AccountKey) -> dict[str, Any] | None: ...


class Connector:
    """A firm's way out. It knows the firm; the venue knows the protocol."""

    def __init__(self, firm_code: str, venue: Venue) -> None:
        self.firm_code = firm_code
        self._venue = venue

    @property
    def live(self) -> bool:
        """Return whether a firm is at the other end: on paper and without a connection there is nobody to ask."""
        return self._venue.live

    def send_entry_order(self, leg: Leg) -> Receipt:
        """Hand an entry to the venue and return its receipt."""
        self._check(leg)
        return self._venue.place_entry(leg)

    def send_exit_order(self, leg: Leg) -> Receipt:
        """Hand an exit to the venue and return its receipt."""
        self._check(leg)
        return self._venue.place_exit(leg)

    def get_account_status(self, program_id: int) -> dict[str, Any] | None:
        """Return what the venue says of an account, None where it says nothing.

        The dictionary is described at ``connectors.account_status.read_status``, which reads it.
        """
        return self._venue.account_status(AccountKey(self.firm_code, program_id))

    def _check(self, leg: Leg) -> None:
        if leg.account.firm_code != self.firm_code:
            raise ValueError(f"an order of {leg.account} was handed to the connector of {self.firm_code}")
