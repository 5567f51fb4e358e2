"""A firm's way out over a live venue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from connectors.tickets import EntryTicket, ExitTicket
from connectors.venue import Capabilities, LiveVenue, NotSent, OrderReport, Position, Unclear, WorkingOrder
from domain.account import AccountKey
from domain.contract import Contract
from domain.order_state import OrderState
from signals.redaction import mask_values, without_secrets


class LiveConnector:
    """The connector of a firm, or of one account with a login of its own. Nothing that it returns holds a secret.

    Every method raises NotSent and Unclear as ``LiveVenue`` says; any other failure of a venue is Unclear.
    """

    live = True

    def __init__(self, firm_code: str, venue: LiveVenue, secrets: tuple[str, ...] = ()) -> None:
        self.firm_code = firm_code
        self._venue = venue
        self._secrets = secrets

    @property
    def capabilities(self) -> Capabilities:
        return self._venue.capabilities

    def send_entry_order(self, ticket: EntryTicket) -> OrderReport:
        """Hand an entry to the venue, once."""
        self._check(ticket.account)
        return self._clean(self._venue.place_entry(ticket))

    def send_exit_order(self, ticket: ExitTicket) -> OrderReport:
        """Hand an exit to the venue, once."""
        self._check(ticket.account)
        report = self._clean(self._venue.place_exit(ticket))
        nothing_sent = report.state is OrderState.CANCELLED and report.filled == 0 and report.order_id is None
        # A venue that sends nothing because nothing is held has told that the trade is not open any more.
        return replace(report, not_held=ticket.quantity) if nothing_sent else report

    def find_order(
        self,
        account: AccountKey,
        client_order_id: str,
        *,
        sent_at: datetime,
        order_id: str | None = None,
        contract: Contract | None = None,
        entries: Sequence[str] = (),
    ) -> OrderReport | None:
        """Return what the venue's record says of a leg, None where it is not there; see ``LiveVenue.find_order``."""
        self._check(account)
        found = self._venue.find_order(
            account, client_order_id, sent_at=sent_at, order_id=order_id, contract=contract, entries=entries
        )
        return None if found is None else self._clean(found)

    def working_orders(self, account: AccountKey) -> list[WorkingOrder]:
        """Return the orders that wait in the market."""
        self._check(account)
        return self._venue.working_orders(account)

    def positions(self, account: AccountKey) -> list[Position]:
        """Return what the account holds."""
        self._check(account)
        return self._venue.positions(account)

    def cancel_order(self, account: AccountKey, order_id: str) -> None:
        """Cancel a working order."""
        self._check(account)
        self._venue.cancel_order(account, order_id)

    def flatten(self, account: AccountKey) -> list[str]:
        """Cancel every working order of an account and close every position; return what was done."""
        self._check(account)
        return self._venue.flatten(account)

    def get_account_status(self, program_id: int) -> dict[str, Any] | None:
        """Return what the venue says of an account, None where it says nothing.

        The dictionary is described at ``connectors.account_status.read_status``, which reads it.
        """
        return self._venue.account_status(AccountKey(self.firm_code, program_id))

    def close(self) -> None:
        """Close the venue's connections."""
        self._venue.close()

    def in_words(self, error: Exception) -> str:
        """Return an error's sentence without secrets."""
        text = str(error) if isinstance(error, NotSent | Unclear) else f"{type(error).__name__}: {error}"
        return mask_values(text, self._secrets)

    def without_secrets(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Return a venue's words with every secret masked."""
        clean: dict[str, Any] = without_secrets(dict(raw), self._secrets)
        return clean

    def _clean(self, report: OrderReport) -> OrderReport:
        message = None if report.message is None else mask_values(report.message, self._secrets)
        return replace(report, raw=self.without_secrets(report.raw), message=message)

    def _check(self, account: AccountKey) -> None:
        if account.firm_code != self.firm_code:
            raise ValueError(f"an order of {account} was handed to the connector of {self.firm_code}")
