"""What a person decides where the ledger alone cannot know: how an order ended, and where trading halts."""

from __future__ import annotations

from collections.abc import Iterable

from database.connection import Database, Row, Transaction
from database.halts import HaltRecord
from database.operator_acts import NotKnown, NotPossible, last_act, record_act
from database.order_inspection import order_row, replacements
from database.order_rows import order_of
from database.orders import Change, OrderLedger
from domain.account import AccountKey
from domain.acts import RESOLVED_BY_HAND, Act, Resolution, Signature, objection
from domain.halt import ALL, HaltLevel, Scope, release_phrase
from domain.ledger import LedgerOrder, Purpose
from domain.order_rows import connector_row
from domain.order_state import IN_DOUBT, OrderState


class OperatorDesk:
    """Resolves orders and halts. ``known``: the configured accounts, beside those of the ledger.

    Every method raises DatabaseUnavailable.
    """

    def __init__(self, database: Database, known: Iterable[AccountKey] = ()) -> None:
        self._database = database
        self._known = tuple(known)
        self._halts = HaltRecord(database)

    def resolve(self, order_id: int, resolution: Resolution, signature: Signature) -> Row:
        """Put on record how an order ended of which nobody knew it; return it, and the leg that takes its place.

        What an exit did not close goes to another leg, for the position is still there. Raises NotKnown, and
        NotPossible for an order that is not UNRESOLVED (or SENDING by a worker that was lost), or cannot have ended so.
        """
        ledger = OrderLedger(self._database, worker=signature.by)
        # Read before the transaction begins: its first use asks the database on a connection of its own.
        _ = ledger.identity
        with self._database.transaction() as transaction:
            order = self._in_doubt(transaction, order_id)
            against = objection(order, resolution)
            if against is not None:
                raise NotPossible(against)
            after = ledger.write(
                order_id,
                _change(resolution, signature),
                connector_row,
                only_from={order.state},
                replace_after=0.0 if order.purpose is Purpose.EXIT else None,
                within=transaction,
            )
            if after is None:
                raise NotPossible(f"order {order_id} may not change from {order.state} to {resolution.outcome}")
            details = {
                "from_state": str(order.state),
                "outcome": str(resolution.outcome),
                "filled": resolution.contracts,
                "average_price": resolution.average_price,
                "venue_order_id": resolution.venue_order_id,
            }
            record_act(transaction, Act.RESOLVE, signature, order_id=order_id, details=details)
            row = transaction.rows("read_order", order_id=order_id)[0]
            replaced_by = [order_row(leg) for leg in replacements(transaction, row)]
        return {"order": order_row(row), "replaced_by": replaced_by[0] if replaced_by else None}

    def objection(self, order_id: int, resolution: Resolution) -> str | None:
        """Return why ``resolve`` would refuse this, in its words; None where it would not."""
        with self._database.transaction() as transaction:
            try:
                row = _resolvable(transaction, transaction.row("read_order", order_id=order_id), order_id)
            except NotPossible as error:
                return str(error)
            return objection(order_of(row), resolution)

    def test_signal(self, task_id: int, trade_id: str, signature: Signature) -> None:
        """Put on record who sent a test signal."""
        with self._database.transaction() as transaction:
            record_act(transaction, Act.TEST_SIGNAL, signature, task_id=task_id, details={"trade_id": trade_id})

    def halt(self, scope: Scope, level: HaltLevel, signature: Signature) -> Row:
        """Halt; return the halt and the entries that were on their way already. Raises NotKnown for a scope that
        covers no account: a misspelt firm would stop nobody."""
        accounts = {AccountKey(**row) for row in self._database.run("known_accounts")} | set(self._known)
        if scope != Scope() and not any(scope.covers(account) for account in accounts):
            known = ", ".join(map(str, sorted(accounts))) or "none"
            raise NotKnown(f"no account is in {scope}, so it would stop nobody; the accounts are {known}, or {ALL}")
        done = self._halts.halt(scope, level, reason=signature.reason, by=signature.by)
        return {
            "id": done.halt.id,
            "scope": str(scope),
            "level": str(level),
            "set_by": done.halt.set_by,
            "set_at": done.halt.set_at,
            "reason": done.halt.reason,
            "release_phrase": release_phrase(scope),
            "in_flight": done.in_flight,
        }

    def release(self, halt_id: int, phrase: str, signature: Signature) -> Row:
        """Release a halt. Raises NotKnown, NotPossible where it is released already, WrongPhrase."""
        self._halts.release(halt_id, phrase=phrase, reason=signature.reason, by=signature.by)
        return {"id": halt_id}

    def _in_doubt(self, transaction: Transaction, order_id: int) -> LedgerOrder:
        # Looked at before it is locked: a lock on a planned leg would hide it from those who give up and claim.
        row = _resolvable(transaction, transaction.row("read_order", order_id=order_id), order_id)
        row = _resolvable(transaction, transaction.row("lock_for_resolution", order_id=order_id), order_id)
        if row["state"] == OrderState.SENDING and not row["lease_is_over"]:
            raise NotPossible(
                f"order {order_id} is being sent at this moment by {row['worker']}: wait until "
                f"{row['lease_until']:%H:%M:%S} UTC"
            )
        return order_of(row)


def _resolvable(transaction: Transaction, row: Row | None, order_id: int) -> Row:
    if row is None:
        raise NotKnown(f"there is no order {order_id}")
    if OrderState(row["state"]) not in IN_DOUBT:
        about = last_act(transaction, order_id=order_id) or f" ({row['cause']}, {row['actor']})"
        raise NotPossible(f"order {order_id} is {row['state']}: there is nothing to resolve{about}")
    return row


def _change(resolution: Resolution, signature: Signature) -> Change:
    return Change(
        state=OrderState(resolution.outcome),
        cause=RESOLVED_BY_HAND,
        actor=signature.by,
        filled=resolution.contracts,
        average_price=resolution.average_price,
        venue_order_id=resolution.venue_order_id,
        answer={"resolved_by": signature.by, "reason": signature.reason},
        message=f"Resolved by {signature.by}: {signature.reason}",
    )
