"""The order ledger as people look at it: filtered, and one order with every change of it."""

from __future__ import annotations

from collections.abc import Sequence

from database.connection import Database, Row, Transaction
from database.operator_acts import NotKnown, acts_about
from domain.account import AccountKey
from domain.acts import OrderFilter

SHOWN = (
    *("id", "state", "purpose", "trade_id", "firm_code", "program_id", "side", "quantity", "filled", "average_price"),
    *("closed", "not_held", "open_quantity", "cause", "actor", "task_id", "leg", "client_order_id", "venue_order_id"),
    *("asked_quantity", "asked_percent", "entry_price", "stop_price", "worst_case", "attempts", "worker"),
    *("lease_until", "due_at", "created_at", "sent_at", "updated_at", "expires_at", "closed_at", "dealt_with_at"),
)
SAME_LEG = ("task_id", "firm_code", "program_id", "purpose", "leg")


class OrderInspection:
    """Reads; changes nothing. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def orders(self, wanted: OrderFilter) -> list[Row]:
        """Return orders, the newest first. Quantities in contracts, prices in points, risks in dollars."""
        rows = self._database.run(
            "orders_shown",
            firm_code=None if wanted.account is None else wanted.account.firm_code,
            program_id=None if wanted.account is None else wanted.account.program_id,
            trade_id=wanted.trade_id,
            state=None if wanted.state is None else str(wanted.state),
            only_open=wanted.only_open,
            limit=wanted.limit,
        )
        return [order_row(row) for row in rows]

    def order(self, order_id: int) -> Row:
        """Return one order with its events and what persons did about it. Raises NotKnown."""
        with self._database.transaction() as transaction:
            row = transaction.row("read_order", order_id=order_id)
            if row is None:
                raise NotKnown(f"there is no order {order_id}")
            return {**with_events(transaction, row), "acts": acts_about(transaction, order_id=order_id)}


def order_row(row: Row) -> Row:
    """Return an order as it is shown."""
    return {"account": account_of(row), "contract": row["contract"]["symbol"], **{name: row[name] for name in SHOWN}}


def account_of(row: Row) -> str | None:
    """Return the account of a row in text, None for a row of no account."""
    return None if row["firm_code"] is None else str(AccountKey(row["firm_code"], row["program_id"]))


def with_events(transaction: Transaction, row: Row) -> Row:
    """Return an order as it is shown, with every change of it in order and the leg that has taken its place."""
    after = replacements(transaction, row)
    return {
        **order_row(row),
        "answer": row["answer"],
        "events": transaction.rows("events_of_order", order_id=row["id"]),
        "replaced_by": after[0]["id"] if after else None,
    }


def replacements(transaction: Transaction, row: Row) -> Sequence[Row]:
    """Return the legs that took an order's place, in order."""
    return transaction.rows("legs_after", **{name: row[name] for name in SAME_LEG})
