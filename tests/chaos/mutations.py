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
        self: OrderLedger, accounts: Any, row_changes: RowChanges, *, limit: int, lease: float = 0.0, sweep: bool = True
    ) -> tuple[list[LedgerOrder], list[LedgerOrder]]:
        with self._database.transaction() as transaction:
            transaction.rows("pass_gate")
            given_up = transaction.rows("give_up_entries", actor=self.worker) if sweep else []
            rows = transaction.rows("claim_entries", **keys(accounts), limit=limit, worker=self.worker, lease=lease)
            given_up += [row for row in rows if row["state"] == "NOT_SENT"]
            self._tell(transaction, map(order_of, given_up), row_changes)
            claimed = [order_of(row) for row in rows if row["state"] == "SENDING"]
            for order in claimed:
                dispatcher = serving[0]
                answers[order.id] = dispatcher._sender.send_entry(dispatcher._connectors[order.account], order)
        return claimed, []

    def send_entry(self: Dispatcher, order: LedgerOrder) -> None:
        self._write(order, answers.pop(order.id))

    replace(Dispatcher, "start", started)
    # Every entry goes the one way that this fault is in.
    replace(Dispatcher, "_next_entries", lambda *_: None)
    replace(OrderLedger, "claim_entries", claim_entries)
    replace(Dispatcher, "_send_entry", send_entry)
