"""What a batch of decisions knows of the order ledger, kept true while it decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from domain.account import AccountKey
from domain.contract import Contract
from domain.ledger import Exposure, LedgerOrder, OpenLeg, PlannedLeg, Purpose
from domain.order import EntryOrder, ExitOrder


@dataclass
class LedgerView:
    """Exposures of the live accounts under their locks, and the open entries of the trades that are to be closed.

    ``reserve`` takes what was just approved into account, so that the next decision of the batch sees it.
    """

    exposures: dict[AccountKey, Exposure] = field(default_factory=dict)
    open_trades: dict[str, list[LedgerOrder]] = field(default_factory=dict)

    def exposure(self, account: AccountKey) -> Exposure:
        """Return what is open or pending on an account."""
        return self.exposures.get(account, Exposure())

    def reserve(self, leg: PlannedLeg) -> None:
        """Count an entry that is about to be planned."""
        pending = OpenLeg(
            root=leg.contract.root, quantity=leg.quantity or Decimal(0), risk=leg.worst_case, settled=False
        )
        self.exposures[leg.account] = self.exposure(leg.account).with_leg(pending)

    def open_entries(self, trade_id: str, account: AccountKey) -> list[LedgerOrder]:
        """Return the entries of a trade that are open on an account, or may be, the oldest first."""
        return [order for order in self.open_trades.get(trade_id, ()) if order.account == account]

    def holders(self, trade_id: str) -> list[AccountKey]:
        """Return the accounts that hold a trade, or may hold it."""
        return list(dict.fromkeys(order.account for order in self.open_trades.get(trade_id, ())))


def entry_leg(
    account: AccountKey,
    order: EntryOrder,
    contract: Contract,
    contracts: int,
    *,
    worst_case: Decimal | None,
    lifetime: float,
) -> PlannedLeg:
    """Return the leg of an approved entry. ``lifetime`` in seconds. Raises ValueError for one without a direction."""
    if order.direction is None:
        raise ValueError(f"trade {order.trade_id} says neither LONG nor SHORT")
    return PlannedLeg(
        account=account,
        purpose=Purpose.ENTRY,
        contract=contract,
        side=order.direction.side,
        lifetime=lifetime,
        cause="APPROVED",
        quantity=Decimal(contracts),
        entry_price=order.entry_price,
        stop_price=order.stop_loss,
        worst_case=worst_case,
    )


def exit_leg(
    account: AccountKey, order: ExitOrder, entries: list[LedgerOrder], *, contracts: Decimal | None, lifetime: float
) -> PlannedLeg:
    """Return the leg that closes a trade on an account, wholly or as far as the order asks.

    ``contracts``: what the order asks for, in contracts of what the account trades.
    """
    return PlannedLeg(
        account=account,
        purpose=Purpose.EXIT,
        contract=entries[0].contract,
        side=entries[0].side.opposite,
        lifetime=lifetime,
        cause="EXIT_SIGNAL",
        asked_quantity=contracts,
        asked_percent=None if contracts is not None else order.percent,
    )
