"""The order ledger: what is planned, on its way, answered and open. Every change is an event that stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

from database.connection import Database, Transaction
from database.order_rows import contract_row, keys, order_of
from database.order_writes import Change, OrderWrite, OrderWriter, RowChanges, close_entries
from domain.account import AccountKey
from domain.json_text import json_text
from domain.ledger import Exposure, LedgerOrder, OpenLeg, PlannedLeg, Purpose, client_order_id
from domain.order_state import OrderState

__all__ = [
    "Change",
    "ClaimedExit",
    "ExitsDue",
    "NextEntries",
    "OrderLedger",
    "OrderWrite",
    "RowChanges",
    "Written",
    "exposures",
    "lock_accounts",
    "open_trades",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedExit:
    """An exit that is on record as about to be sent, with what the venue has to know besides."""

    order: LedgerOrder
    remaining: Decimal
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NextEntries:
    """Which entries to claim: the next of each of ``accounts``, at most ``limit``, for ``lease`` seconds."""

    accounts: tuple[AccountKey, ...]
    limit: int
    lease: float


class ExitsDue(NamedTuple):
    """Exits whose turn it is; ``waiting``: whether any exit is planned, whosever turn it is."""

    orders: list[LedgerOrder]
    waiting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The legs that went on, by id, and the entries that were claimed together with that."""

    orders: Mapping[int, LedgerOrder]
    claimed: Sequence[LedgerOrder] = ()


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
        self,
        accounts: Iterable[AccountKey],
        row_changes: RowChanges,
        *,
        limit: int,
        lease: float = 0.0,
        sweep: bool = True,
    ) -> tuple[list[LedgerOrder], list[LedgerOrder]]:
        """Return entries that are now SENDING and legs that are now NOT_SENT, with their rows in the log; committed.

        ``sweep``: give up whatever must not be sent any more wherever it waits, and not only when its turn comes.
        """
        swept: list[LedgerOrder] = []
        with self._database.transaction() as transaction:
            transaction.ahead("pass_gate")
            if sweep:
                rows = transaction.rows("give_up_entries", actor=self.worker)
                rows += transaction.rows("give_up_exits", actor=self.worker)
                swept = [order_of(row) for row in rows]
                self._tell(transaction, swept, row_changes)
            claim = NextEntries(accounts=tuple(accounts), limit=limit, lease=lease)
            claimed, given_up = self._claim(transaction, claim, row_changes)
        return claimed, [*swept, *given_up]

    def _claim(
        self, transaction: Transaction, claim: NextEntries, row_changes: RowChanges
    ) -> tuple[list[LedgerOrder], list[LedgerOrder]]:
        """Claim within a transaction that has passed the gate."""
        if not claim.accounts or claim.limit <= 0:
            return [], []
        rows = transaction.rows(
            "claim_entries", **keys(claim.accounts), limit=claim.limit, worker=self.worker, lease=claim.lease
        )
        orders = sorted(map(order_of, rows), key=lambda order: order.id)
        given_up = [order for order in orders if order.state is OrderState.NOT_SENT]
        self._tell(transaction, given_up, row_changes)
        return [order for order in orders if order.state is OrderState.SENDING], given_up

    def exits_due(self, accounts: Iterable[AccountKey], *, limit: int) -> ExitsDue:
        """Return the exits whose turn it is, and whether others wait for theirs."""
        rows = self._database.run("exits_due", **keys(accounts), limit=limit)
        return ExitsDue([order_of(row) for row in rows if row["id"] is not None], waiting=rows[0]["waiting"])

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
            nothing = [order_of(row) for row in rows if row["state"] == OrderState.NOT_SENT]
            self._tell(transaction, nothing, row_changes)
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
        write = OrderWrite(
            order_id=order_id,
            change=change,
            only_from=None if only_from is None else frozenset(only_from),
            replace_after=replace_after,
        )
        return self.write_all([write], row_changes, within=within).orders.get(order_id)

    def write_all(
        self,
        writes: Sequence[OrderWrite],
        row_changes: RowChanges,
        *,
        within: Transaction | None = None,
        then: NextEntries | None = None,
    ) -> Written:
        """Write what became of several legs, each of them once, together; then claim what may be sent ``then``."""
        claimed: list[LedgerOrder] = []
        with self._database.transaction() if within is None else nullcontext(within) as transaction:
            if then is not None:
                # Before any row is locked: whoever halts holds it while he looks at rows.
                transaction.ahead("pass_gate")
            orders = self._writer(row_changes).write(transaction, writes)
            if then is not None:
                claimed, _ = self._claim(transaction, then, row_changes)
        return Written(orders=orders, claimed=claimed)

    def settle_outside(
        self, order: LedgerOrder, quantity: Decimal, *, cause: str, actor: str, within: Transaction | None = None
    ) -> None:
        """Put on record that contracts of a trade were closed at the venue without an exit of ours."""
        with self._database.transaction() if within is None else nullcontext(within) as transaction:
            transaction.rows("lock_order_accounts", **keys([order.account]))
            close_entries(transaction, order, quantity, cause=cause, actor=actor)

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
            lost = [order_of(row) for row in transaction.rows("take_over_lost", actor=self.worker)]
            self._tell(transaction, lost, row_changes)
        return lost

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

    def _tell(self, transaction: Transaction, orders: Iterable[LedgerOrder], row_changes: RowChanges) -> None:
        self._writer(row_changes).tell(transaction, [(order, None) for order in orders])

    def _writer(self, row_changes: RowChanges) -> OrderWriter:
        return OrderWriter(identity=lambda: self.identity, worker=self.worker, row_changes=row_changes)

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
