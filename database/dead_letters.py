"""Dead letters: tasks that failed for good and legs that were never sent, until a person has dealt with them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from database.connection import Database, Row, Transaction
from database.operator_acts import NotKnown, NotPossible, acts_about, last_act, record_act
from database.order_inspection import account_of, replacements, with_events
from domain.acts import Act, LetterName, Signature
from domain.money import plain
from domain.order import TaskEvent

TASK = "task"
RETRIED_BY_HAND = "RETRIED_BY_HAND"
DISCARDED_BY_HAND = "DISCARDED_BY_HAND"
TASK_COLUMNS = (
    *("id", "trade_id", "event_type", "status", "attempts", "last_error", "payload", "created_at", "last_attempt_at"),
    *("finished_at", "requeued_at", "dealt_with_at"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """Whether another try can come to anything, and why. ``forbidden``: it would be wrong, not only of no use."""

    makes_sense: bool
    why: str
    forbidden: bool = False

    def as_row(self) -> dict[str, Any]:
        return {"makes_sense": self.makes_sense, "why": self.why}


def prospect(event_type: TaskEvent, *, of_leg: bool, trade_closed: bool, open_quantity: Decimal) -> Prospect:
    """Return what another try would come to.

    ``open_quantity``: contracts of the trade that are open or may be; of a leg those on its account.
    """
    if event_type is TaskEvent.EXIT:
        if open_quantity > 0:
            return Prospect(makes_sense=True, why=f"{plain(open_quantity)} contracts of the trade may still be open")
        return Prospect(makes_sense=False, why="by the ledger nothing of the trade is open")
    if event_type is TaskEvent.MFE_UPDATE:
        return Prospect(makes_sense=True, why="it only puts a figure on record")
    if trade_closed:
        return Prospect(makes_sense=False, forbidden=True, why="the trade was closed meanwhile: there is an exit of it")
    if of_leg and open_quantity > 0:
        return Prospect(
            makes_sense=False,
            forbidden=True,
            why=f"{plain(open_quantity)} contracts of the trade are open or pending on the account already",
        )
    return Prospect(makes_sense=True, why="it is decided anew by all checks")


class DeadLetters:
    """Lists, shows, retries and discards. Every method raises DatabaseUnavailable.

    ``show``, ``retry`` and ``discard`` raise NotKnown where there is no such task or leg, the last two NotPossible.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self, *, limit: int) -> list[Row]:
        """Return what nobody has dealt with, the newest first; ``age`` in seconds."""
        rows = self._database.run("dead_letters", limit=limit)
        return [
            {
                "name": str(LetterName(row["kind"], row["id"])),
                "trade_id": row["trade_id"],
                "event_type": row["event_type"],
                "account": account_of(row),
                "cause": row["cause"],
                "last_error": row["last_error"],
                "attempts": row["attempts"],
                "age": row["age"],
                "since": row["since"],
                "task_id": row["task_id"],
                "retry": _prospect_of(row, row["event_type"], of_leg=row["kind"] != TASK).as_row(),
            }
            for row in rows
        ]

    def show(self, name: LetterName) -> Row:
        """Return one with all that is on record of it: its task, the task's log, its order, what persons did."""
        with self._database.transaction() as transaction:
            order = None if name.kind == TASK else _found(transaction.row("read_order", order_id=name.id), name)
            task_id = name.id if order is None else order["task_id"]
            task = _found(transaction.row("read_task", task_id=task_id), name)
            about = {"task_id": name.id} if order is None else {"order_id": name.id}
            event_type = task["event_type"] if order is None else order["purpose"]
            facts = _facts(transaction, task["trade_id"], order)
            return {
                "name": str(name),
                "retry": _prospect_of(facts, event_type, of_leg=order is not None).as_row(),
                "task": {column: task[column] for column in TASK_COLUMNS},
                "log": transaction.rows("logs_of_task", task_id=task_id),
                "order": None if order is None else with_events(transaction, order),
                "acts": acts_about(transaction, **about),
            }

    def retry(self, name: LetterName, signature: Signature) -> Row:
        """Give one another try; return the task that will be decided.

        A task waits again with all its tries before it. A leg is never sent again: a new task asks for the same on its
        account alone and is decided anew. Raises NotPossible for an entry whose trade was closed meanwhile.
        """
        with self._database.transaction() as transaction:
            if name.kind == TASK:
                task = self._dead_task(transaction, name)
                _refuse(_facts(transaction, task["trade_id"], None), task["event_type"], name, of_leg=False)
                transaction.rows("requeue_task", task_id=name.id)
                record_act(transaction, Act.RETRY, signature, task_id=name.id)
                return {"name": str(name), "task_id": name.id, "only_account": None}
            leg = self._dead_leg(transaction, name)
            _refuse(_facts(transaction, leg["trade_id"], leg), leg["purpose"], name, of_leg=True)
            task_id = int(transaction.rows("retry_leg", order_id=name.id)[0]["id"])
            transaction.rows("leg_is_dealt_with", order_id=name.id, cause=RETRIED_BY_HAND, actor=signature.by)
            details = {"retried_task_id": leg["task_id"]}
            record_act(transaction, Act.RETRY, signature, task_id=task_id, order_id=name.id, details=details)
            return {"name": str(name), "task_id": task_id, "only_account": account_of(leg)}

    def discard(self, name: LetterName, signature: Signature) -> Row:
        """Put one aside for good: it is not listed any more, and cannot be given another try."""
        with self._database.transaction() as transaction:
            if name.kind == TASK:
                self._dead_task(transaction, name)
                transaction.rows("task_is_dealt_with", task_id=name.id)
                record_act(transaction, Act.DISCARD, signature, task_id=name.id)
            else:
                self._dead_leg(transaction, name)
                transaction.rows("leg_is_dealt_with", order_id=name.id, cause=DISCARDED_BY_HAND, actor=signature.by)
                record_act(transaction, Act.DISCARD, signature, order_id=name.id)
        return {"name": str(name)}

    def _dead_task(self, transaction: Transaction, name: LetterName) -> Row:
        task = _found(transaction.row("lock_task", task_id=name.id), name)
        about = last_act(transaction, task_id=name.id)
        if task["status"] != "FAILED":
            raise NotPossible(f"{name} is no dead letter: its status is {task['status']}{about}")
        if task["dealt_with_at"] is not None:
            raise NotPossible(f"{name} was dealt with already{about}")
        return task

    def _dead_leg(self, transaction: Transaction, name: LetterName) -> Row:
        # Looked at before it is locked: a lock on a planned leg would hide it from those who give up and claim.
        leg = _found(transaction.row("read_order", order_id=name.id), name)
        if leg["state"] != "NOT_SENT":
            raise NotPossible(f"{name} is no dead letter: order {name.id} is {leg['state']} ({leg['cause']})")
        leg = _found(transaction.row("lock_order", order_id=name.id), name)
        if leg["dealt_with_at"] is not None:
            raise NotPossible(f"{name} was dealt with already{last_act(transaction, order_id=name.id)}")
        replaced = replacements(transaction, leg)
        if replaced:
            raise NotPossible(f"{name} is no dead letter: order {replaced[-1]['id']} has taken its place")
        return leg


def _found(row: Row | None, name: LetterName) -> Row:
    if row is None:
        raise NotKnown(f"there is no {'task' if name.kind == TASK else 'order'} {name.id}")
    return row


def _facts(transaction: Transaction, trade_id: str, leg: Row | None) -> Row:
    account = {name: None if leg is None else leg[name] for name in ("firm_code", "program_id")}
    return transaction.rows("trade_facts", trade_id=trade_id, **account)[0]


def _prospect_of(facts: Row, event_type: str, *, of_leg: bool) -> Prospect:
    return prospect(
        TaskEvent(event_type), of_leg=of_leg, trade_closed=facts["trade_closed"], open_quantity=facts["open_quantity"]
    )


def _refuse(facts: Row, event_type: str, name: LetterName, *, of_leg: bool) -> None:
    found = _prospect_of(facts, event_type, of_leg=of_leg)
    if found.forbidden:
        raise NotPossible(f"{name} is not given another try: {found.why}")
