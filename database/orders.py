"""The order ledger: what is planned, on its way, answered and open. Every change is an event that stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import cached_property
from typing import Any

from database.connection import Database, Row, Transaction
from database.order_rows import contract_row, keys, order_of
from database.queue import event_text
from domain.account import AccountKey
from domain.json_text import json_text
from domain.ledger import Exposure, LedgerOrder, OpenLeg, PlannedLeg, Purpose, client_order_id
from domain.order_state import FINAL, OrderState, may_follow

RowChanges = Callable[[LedgerOrder, str | None], Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedExit:
    """An exit that is on record as about to be sent, with what the venue has to know besides."""

    order: LedgerOrder
    remaining: Decimal
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a leg becomes. ``delay``: seconds until it is due again; ``answer``: the venue's words without secrets."""

    state: OrderState
    cause: str
    actor: str
    filled: Decimal = Decimal(0)
    average_price: Decimal | None = None
    venue_order_id: str | None = None
    not_held: Decimal = Decimal(0)
    delay: float | None = None
    answer: Mapping[str, Any] | None = None
    message: str | None = None


class OrderLedger:
    """The ledger as the processes see it. Every method raises DatabaseUnavailable when PostgreSQL cannot be reached."""

    def __init__(self, database: Database, *, worker: str) -> None:
        self._database = database
        self.worker = worker

    @cached_property
    def identity(self) -> str:
        """The ledger's own name, part of every client order id."""
        return str(self._database.run("ledger_identity")[0]["identity"])

    def know(self, accounts: Iterable[AccountKey]) -> None:
        """Give every account the row that its decisions lock."""
        self._database.run("know_order_accounts", **keys(accounts))

    def keep_acknowledgements(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Put on record under which stated policies accounts trade live, and what their owner says to it."""
        self._database.run("keep_acknowledgements", rows=json_text([dict(row) for row in rows]))

    def plan(self, transaction: Transaction, task_id: int, trade_id: str, legs: Sequence[PlannedLeg]) -> None:
        """Write down the legs of a task, in the transaction that records its decision."""
        if legs:
            rows = [self._planned(task_id, trade_id, leg) for leg in legs]
            transaction.rows("plan_orders", orders=json_text(rows), actor=self.worker)

    def claim_entries(
        self, accounts: Iterable[AccountKey], row_changes: RowChanges, *, limit: int, lease: float = 0.0
    ) -> tuple[list[LedgerOrder], list[LedgerOrder]]:
        """Return entries that are now SENDING and legs that are now NOT_SENT, with their rows in the log; committed."""
        with self._database.transaction() as transaction:
            transaction.rows("pass_gate")
            looked_at = transaction.rows("give_up_entries", actor=self.worker)
            given_up = [row for row in looked_at if row["id"] is not None]
            given_up += transaction.rows("give_up_exits", actor=self.worker)
            self._tell(transaction, given_up, row_changes)
            claimed = transaction.rows(
                "claim_entries",
                **keys(accounts),
                looked_at=[row["looked_at"] for row in looked_at],
                limit=limit,
                worker=self.worker,
                lease=lease,
            )
        return [order_of(row) for row in claimed], [order_of(row) for row in given_up]

    def exits_due(self, accounts: Iterable[AccountKey], *, limit: int) -> list[LedgerOrder]:
        """Return the exits whose turn it is."""
        return [order_of(row) for row in self._database.run("exits_due", **keys(accounts), limit=limit)]

    def claim_exit(self, order: LedgerOrder, row_changes: RowChanges, *, lease: float) -> ClaimedExit | None:
        """Size an exit and make it SENDING, or NOT_SENT where nothing is open; None where another was faster."""
        with self._database.transaction() as transaction:
            transaction.rows("lock_order_accounts", **keys([order.account]))
            rows = transaction.rows(
                "claim_exit",
                order_id=order.id,
                trade_id=order.trade_id,
                **order.account._asdict(),
                worker=self.worker,
                lease=lease,
            )
            self._tell(transaction, [row for row in rows if row["state"] == OrderState.NOT_SENT], row_changes)
        if not rows:
            return None
        return ClaimedExit(order=order_of(rows[0]), remaining=rows[0]["remaining"], entries=tuple(rows[0]["entries"]))

    def write(
        self,
        order_id: int,
        change: Change,
        row_changes: RowChanges,
        *,
        only_from: Iterable[OrderState] | None = None,
        replace_after: float | None = None,
        within: Transaction | None = None,
    ) -> LedgerOrder | None:
        """Write what became of a leg, with what it closes and with its row in the log; None where it may not follow.

        ``row_changes(order)`` gives the fields of the log's connector row for the leg as it is then. ``only_from``: the
        states in which the leg must still be. ``replace_after``: a leg that ends here unfilled is never sent again;
        another one takes its place after so many seconds. ``within``: the transaction, its own if None.
        """
        with self._database.transaction() if within is None else nullcontext(within) as transaction:
            before = transaction.row("lock_order", order_id=order_id)
            if before is None or not _may(before, change, only_from):
                return None
            values = {entry.name: getattr(change, entry.name) for entry in fields(change) if entry.name != "message"}
            values["state"] = str(change.state)
            values["filled"] = max(change.filled, before["filled"])
            values["answer"] = None if change.answer is None else json_text(dict(change.answer))
            after = order_of(transaction.rows("write_order", order_id=order_id, **values)[0])
            if after.purpose is Purpose.EXIT:
                closed = after.filled + after.not_held - before["filled"] - before["not_held"]
                if closed > 0:
                    self._close(transaction, after, closed)
            if replace_after is not None and after.state in FINAL and after.state is not OrderState.FILLED:
                self._next_leg(transaction, after, replace_after)
            self.write_row(transaction, after, row_changes(after, change.message))
        return after

    def write_row(self, transaction: Transaction, order: LedgerOrder, changes: Mapping[str, Any]) -> None:
        """Let the task's log say what the ledger says, and tell listeners."""
        event = {
            "event": "order",
            "task_id": order.task_id,
            "trade_id": order.trade_id,
            "order_id": order.id,
            "purpose": str(order.purpose),
            "state": str(order.state),
            **changes,
        }
        transaction.rows(
            "write_connector_row",
            task_id=order.task_id,
            firm_code=order.account.firm_code,
            program_id=order.account.program_id,
            changes=json_text(dict(changes)),
            event=event_text({**event, "firm_code": order.account.firm_code, "program_id": order.account.program_id}),
        )

    def settle_outside(
        self, order: LedgerOrder, quantity: Decimal, *, cause: str, actor: str, within: Transaction | None = None
    ) -> None:
        """Put on record that contracts of a trade were closed at the venue without an exit of ours."""
        with self._database.transaction() if within is None else nullcontext(within) as transaction:
            transaction.rows("lock_order_accounts", **keys([order.account]))
            self._close(transaction, order, quantity, cause=cause, actor=actor)

    def _next_leg(self, transaction: Transaction, order: LedgerOrder, delay: float) -> None:
        name = client_order_id(self.identity, order.task_id, order.account, order.purpose, order.leg + 1)
        transaction.rows("next_leg", order_id=order.id, client_order_id=name, delay=delay, actor=self.worker)

    def read(self, order_id: int) -> LedgerOrder | None:
        """Return a leg as it is now."""
        rows = self._database.run("read_order", order_id=order_id)
        return order_of(rows[0]) if rows else None

    def renew(self, order_ids: Iterable[int], *, lease: float) -> None:
        """Prolong the leases of legs whose calls are still running."""
        ids = list(order_ids)
        if ids:
            self._database.run("renew_order_leases", order_ids=ids, worker=self.worker, lease=lease)

    def entry_names(self, order: LedgerOrder) -> tuple[str, ...]:
        """Return the client order ids of the entries that an exit closes; none for an entry."""
        if order.purpose is Purpose.ENTRY:
            return ()
        rows = self._database.run("entry_names", trade_id=order.trade_id, **order.account._asdict())
        return tuple(row["client_order_id"] for row in rows)

    def take_over_lost(self, row_changes: RowChanges) -> list[LedgerOrder]:
        """Make the legs UNRESOLVED that were on their way when their worker was lost, and return them."""
        with self._database.transaction() as transaction:
            lost = transaction.rows("take_over_lost", actor=self.worker)
            self._tell(transaction, lost, row_changes)
        return [order_of(row) for row in lost]

    def waiting_exits(self, accounts: Iterable[AccountKey]) -> set[tuple[str, AccountKey]]:
        """Return trades and accounts with an exit that is planned and not sent."""
        rows = self._database.run("waiting_exits", **keys(accounts))
        return {(row["trade_id"], AccountKey(row["firm_code"], row["program_id"])) for row in rows}

    def unsettled(self, accounts: Iterable[AccountKey]) -> list[LedgerOrder]:
        """Return the legs whose end is not known: UNRESOLVED, ACCEPTED, PARTIALLY_FILLED."""
        return [order_of(row) for row in self._database.run("unsettled_orders", **keys(accounts))]

    def under_way(self, account: AccountKey) -> list[LedgerOrder]:
        """Return the legs of an account that may still fill: entries that were sent, exits whose call is running."""
        return [order_of(row) for row in self._database.run("under_way", **account._asdict())]

    def exit_is_on_its_way(self, account: AccountKey) -> bool:
        """Return whether the call for an exit is running. Its claim is wholly before this or after it."""
        with self._database.transaction() as transaction:
            lock_accounts(transaction, [account])
            return any(row["purpose"] == Purpose.EXIT for row in transaction.rows("under_way", **account._asdict()))

    def open_entries(self, accounts: Iterable[AccountKey]) -> list[LedgerOrder]:
        """Return the entries that were filled and are not closed again."""
        return [order_of(row) for row in self._database.run("open_entries", **keys(accounts))]

    def _tell(self, transaction: Transaction, rows: Iterable[Row], row_changes: RowChanges) -> None:
        """Write the log rows of legs that were changed in bulk, always in the same order: two workers may do so."""
        for order in sorted((order_of(row) for row in rows), key=lambda order: (order.task_id, order.id)):
            self.write_row(transaction, order, row_changes(order, None))

    def _close(
        self,
        transaction: Transaction,
        order: LedgerOrder,
        quantity: Decimal,
        *,
        cause: str | None = None,
        actor: str | None = None,
    ) -> None:
        transaction.rows(
            "close_entries",
            trade_id=order.trade_id,
            firm_code=order.account.firm_code,
            program_id=order.account.program_id,
            quantity=quantity,
            cause=cause or f"CLOSED_BY_ORDER {order.id}",
            actor=actor or self.worker,
        )

    def _planned(self, task_id: int, trade_id: str, leg: PlannedLeg) -> dict[str, Any]:
        values = {entry.name: getattr(leg, entry.name) for entry in fields(leg)}
        values.pop("account")
        return {
            **values,
            "task_id": task_id,
            "trade_id": trade_id,
            "firm_code": leg.account.firm_code,
            "program_id": leg.account.program_id,
            "client_order_id": client_order_id(self.identity, task_id, leg.account, leg.purpose, leg.leg),
            "symbol": leg.contract.root,
            "contract": contract_row(leg.contract),
        }


def exposures(transaction: Transaction, accounts: Iterable[AccountKey]) -> dict[AccountKey, Exposure]:
    """Return what is open or pending on each account; call it with the accounts' locks held."""
    legs: dict[AccountKey, list[OpenLeg]] = {}
    unresolved: dict[AccountKey, int] = {}
    for row in transaction.rows("exposures", **keys(accounts)):
        key = AccountKey(row["firm_code"], row["program_id"])
        leg = OpenLeg(root=row["symbol"], quantity=row["quantity"], risk=row["risk"], settled=row["settled"])
        legs.setdefault(key, []).append(leg)
        unresolved[key] = unresolved.get(key, 0) + row["unresolved"]
    return {key: Exposure(legs=tuple(found), unresolved=unresolved[key]) for key, found in legs.items()}


def lock_accounts(transaction: Transaction, accounts: Iterable[AccountKey]) -> None:
    """Hold the accounts' locks until the transaction ends: nobody else decides or sizes for them meanwhile."""
    transaction.rows("lock_order_accounts", **keys(accounts))


def open_trades(transaction: Transaction, trade_ids: Iterable[str]) -> dict[str, list[LedgerOrder]]:
    """Return the entries of trades that are open, or may be, by trade."""
    found: dict[str, list[LedgerOrder]] = {}
    for row in transaction.rows("open_entries_of_trades", trade_ids=list(trade_ids)):
        found.setdefault(row["trade_id"], []).append(order_of(row))
    return found


def _may(before: Row, change: Change, only_from: Iterable[OrderState] | None) -> bool:
    now = OrderState(before["state"])
    if only_from is not None and now not in set(only_from):
        return False
    # More of a partial fill is no change of state.
    return may_follow(now, change.state) or (now is change.state and change.filled > before["filled"])
