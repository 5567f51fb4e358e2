"""Faults that are put into a worker from outside, each of which the invariants must catch."""

from __future__ import annotations

from typing import Any

from database.order_rows import keys, order_of
from database.orders import Change, OrderLedger, RowChanges
from domain.ledger import LedgerOrder
from routing import order_desk
from routing.dispatcher import Dispatcher

SEND_BEFORE_COMMIT = "send before commit"
RESERVE_NOTHING = "reserve nothing"


def install(name: str | None) -> None:
    """Put one fault into this process, none for None."""
    if name == SEND_BEFORE_COMMIT:
        _send_before_commit()
    elif name == RESERVE_NOTHING:
        replace(order_desk, "exposures", lambda *_: {})
    elif name is not None:
        raise ValueError(f"no mutation is called {name}")


def replace(owner: object, name: str, value: object) -> None:
    """Put something in the place of a part of the product."""
    setattr(owner, name, value)


def _send_before_commit() -> None:
    """Call the venue for an entry inside the transaction that claims it."""
    answers: dict[int, Change] = {}
    serving: list[Dispatcher] = []
    start = Dispatcher.start

    def started(self: Dispatcher) -> None:
        serving.append(self)
        start(self)

    def claim_entries(
        self: OrderLedger, accounts: Any, row_changes: RowChanges, *, limit: int, lease: float = 0.0
    ) -> tuple[list[LedgerOrder], list[LedgerOrder]]:
        with self._database.transaction() as transaction:
            transaction.rows("pass_gate")
            looked_at = transaction.rows("give_up_entries", actor=self.worker)
            self._tell(transaction, [row for row in looked_at if row["id"] is not None], row_changes)
            rows = transaction.rows(
                "claim_entries",
                **keys(accounts),
                looked_at=[row["looked_at"] for row in looked_at],
                limit=limit,
                worker=self.worker,
                lease=lease,
            )
            claimed = [order_of(row) for row in rows]
            for order in claimed:
                dispatcher = serving[0]
                answers[order.id] = dispatcher._sender.send_entry(dispatcher._connectors[order.account], order)
        return claimed, []

    def send_entry(self: Dispatcher, order: LedgerOrder) -> None:
        self._write(order, answers.pop(order.id))

    replace(Dispatcher, "start", started)
    replace(OrderLedger, "claim_entries", claim_entries)
    replace(Dispatcher, "_send_entry", send_entry)
