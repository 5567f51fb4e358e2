"""What venues and persons say of legs, written down: many at once, with what they close and their rows in the logs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from database.connection import Transaction
from database.order_rows import order_of
from database.queue import event_text
from domain.json_text import json_text
from domain.ledger import LedgerOrder, Purpose, client_order_id
from domain.order_state import FINAL, OrderState

ORDER_CHANGED = "order"
RowChanges = Callable[[LedgerOrder, str | None], Mapping[str, Any]]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderWrite:
    """A change of a leg. ``only_from``: the states in which it must still be, any that it may follow if None.

    ``attempt``: the attempt that this is the answer to; nothing is written where another one has begun since.
    ``replace_after``: a leg that ends here unfilled is never sent again; another takes its place after so many seconds.
    """

    order_id: int
    change: Change
    only_from: frozenset[OrderState] | None = None
    attempt: int | None = None
    replace_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderWriter:
    """Writes within a transaction. ``identity`` gives the ledger's own name; ``worker`` is this process's.

    ``row_changes(order, message)`` gives the fields of the log's connector row for a leg as it is then.
    """

    identity: Callable[[], str]
    worker: str
    row_changes: RowChanges

    def write(self, transaction: Transaction, writes: Sequence[OrderWrite]) -> dict[int, LedgerOrder]:
        """Write what became of legs, where that may be written; return the legs that went on, by id.

        Of two writes for one leg at most one may be allowed: name their attempts.
        """
        numbers = list({write.order_id for write in writes})
        changes = json_text([_row_of(write) for write in writes])
        rows = transaction.rows("write_orders", order_ids=numbers, changes=changes)
        asked = {(write.order_id, write.attempt): write for write in writes}
        told: list[tuple[LedgerOrder, str | None]] = []
        for row in sorted(rows, key=lambda row: int(row["id"])):
            after = order_of(row)
            write = asked.get((after.id, after.attempts)) or asked[after.id, None]
            if after.purpose is Purpose.EXIT:
                closed = after.filled + after.not_held - row["filled_before"] - row["not_held_before"]
                if closed > 0:
                    close_entries(transaction, after, closed, cause=f"CLOSED_BY_ORDER {after.id}", actor=self.worker)
            if write.replace_after is not None and after.state in FINAL and after.state is not OrderState.FILLED:
                self._next_leg(transaction, after, write.replace_after)
            told.append((after, write.change.message))
        self.tell(transaction, told)
        return {after.id: after for after, _ in told}

    def tell(self, transaction: Transaction, told: Iterable[tuple[LedgerOrder, str | None]]) -> None:
        """Let the logs say what the ledger says, and tell listeners; each leg with what there is to say of it.

        Always in the same order: two workers may do so.
        """
        by_task: dict[int, list[tuple[LedgerOrder, Mapping[str, Any]]]] = {}
        for order, message in sorted(told, key=lambda pair: (pair[0].task_id, pair[0].id)):
            by_task.setdefault(order.task_id, []).append((order, self.row_changes(order, message)))
        for task_id, legs in by_task.items():
            rows = {order.account: changes for order, changes in legs}
            transaction.ahead(
                "write_connector_rows",
                task_id=task_id,
                changes=json_text([{**account._asdict(), "changes": dict(row)} for account, row in rows.items()]),
                routed=any(changes["status"] == "SUCCESS" for _, changes in legs),
                events=[_event(order, changes) for order, changes in legs],
            )

    def _next_leg(self, transaction: Transaction, order: LedgerOrder, delay: float) -> None:
        name = client_order_id(self.identity(), order.task_id, order.account, order.purpose, order.leg + 1)
        transaction.rows("next_leg", order_id=order.id, client_order_id=name, delay=delay, actor=self.worker)


def is_of_order(event: str) -> bool:
    """Return whether an event's text is of an order that changed, without reading it."""
    return event.startswith(f'{{"event":"{ORDER_CHANGED}"')


def close_entries(transaction: Transaction, order: LedgerOrder, quantity: Decimal, *, cause: str, actor: str) -> None:
    """Give what was closed of a leg's trade on its account to the trade's entries, the oldest first."""
    transaction.rows(
        "close_entries",
        trade_id=order.trade_id,
        **order.account._asdict(),
        quantity=quantity,
        cause=cause,
        actor=actor,
    )


def _row_of(write: OrderWrite) -> dict[str, Any]:
    change = write.change
    values = {entry.name: getattr(change, entry.name) for entry in fields(change) if entry.name != "message"}
    return {
        **values,
        "id": write.order_id,
        "only_from": None if write.only_from is None else sorted(map(str, write.only_from)),
        "attempt": write.attempt,
        "answer": None if change.answer is None else dict(change.answer),
    }


def _event(order: LedgerOrder, changes: Mapping[str, Any]) -> str:
    return event_text(
        {
            "event": ORDER_CHANGED,
            "task_id": order.task_id,
            "trade_id": order.trade_id,
            "order_id": order.id,
            "purpose": str(order.purpose),
            "state": str(order.state),
            **changes,
            **order.account._asdict(),
        }
    )
