"""Differences between the ledger and the venues, and what a person makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from database.connection import Database, Row, Transaction
from database.operator_acts import NotKnown, NotPossible, last_act, record_act
from database.order_inspection import account_of
from database.order_rows import keys, order_of
from database.orders import OrderLedger
from domain.account import AccountKey
from domain.acts import SETTLED_BY_HAND, Act, Settlement, Signature
from domain.ledger import LedgerOrder
from domain.money import plain
from domain.order_state import Side

# The words by which a reconciliation knows what a person has accepted.
HOW = {Settlement.ACCEPT: "ACCEPTED", Settlement.CLOSE: "CLOSED_IN_LEDGER"}
SHOWN = (
    *("id", "firm_code", "program_id", "kind", "symbol", "ledger_quantity", "venue_quantity", "proposal", "details"),
    *("found_at", "seen_at"),
)


class Differences:
    """Lists and settles. Quantities in the venue's lots. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self) -> list[Row]:
        """Return the differences that nobody has settled, the oldest first."""
        rows = self._database.run("list_differences")
        return [{"account": account_of(row), **{name: row[name] for name in SHOWN}} for row in rows]

    def settle(self, difference_id: int, how: Settlement, signature: Signature) -> Row:
        """Settle a difference; return what was closed in the ledger, by trade in contracts.

        ACCEPT: it is the owner's, entries are allowed again while it stays the same. CLOSE: what the ledger has more
        than the venue was closed there; the oldest of the trades that are named are closed in the ledger, by the
        difference and no more. Raises NotKnown, and NotPossible where it is settled or cannot be settled so.
        """
        with self._database.transaction() as transaction:
            row = transaction.row("lock_difference", difference_id=difference_id)
            if row is None:
                raise NotKnown(f"there is no difference {difference_id}")
            if row["settled_at"] is not None:
                about = last_act(transaction, difference_id=difference_id)
                settled = f"{row['settled_how']} by {row['settled_by']}"
                raise NotPossible(f"difference {difference_id} is settled already: {settled}{about}")
            closed = self._close(transaction, row, signature) if how is Settlement.CLOSE else []
            transaction.rows(
                "settle_difference",
                difference_id=difference_id,
                by=signature.by,
                how=HOW[how],
                reason=signature.reason,
            )
            act = Act.CLOSE_IN_LEDGER if how is Settlement.CLOSE else Act.ACCEPT
            details = {
                "ledger_quantity": row["ledger_quantity"],
                "venue_quantity": row["venue_quantity"],
                "closed": closed,
            }
            record_act(transaction, act, signature, difference_id=difference_id, details=details)
        return {
            "id": difference_id,
            "account": account_of(row),
            "symbol": row["symbol"],
            "how": HOW[how],
            "ledger_quantity": row["ledger_quantity"],
            "venue_quantity": row["venue_quantity"],
            "closed": closed,
        }

    def _close(self, transaction: Transaction, row: Row, signature: Signature) -> list[Row]:
        missing = _missing(row)
        account = AccountKey(row["firm_code"], row["program_id"])
        transaction.rows("lock_order_accounts", **keys([account]))
        _refuse_moved(transaction, row, account)
        named = {str(trade["trade_id"]) for trade in row["details"].get("trades", ())}
        side = Side.BUY if row["ledger_quantity"] > 0 else Side.SELL
        entries = [
            entry
            for entry in map(order_of, transaction.rows("open_entries", **keys([account])))
            if entry.side is side and entry.trade_id in named
        ]
        mixed = sorted({entry.trade_id for entry in entries if entry.contract.symbol != row["symbol"]})
        if mixed:
            # What is closed of a trade goes to its oldest entry, whatever contract that is in.
            raise NotPossible(
                f"difference {row['id']}: {', '.join(mixed)} is open in another contract, too; accept it instead"
            )
        ledger = OrderLedger(self._database, worker=signature.by)
        closed = []
        for entry, contracts in _shares(entries, missing, row["id"]):
            ledger.settle_outside(entry, contracts, cause=SETTLED_BY_HAND, actor=signature.by, within=transaction)
            closed.append({"trade_id": entry.trade_id, "contracts": contracts})
        return closed


def _missing(row: Row) -> Decimal:
    """Return how many lots the venue holds less than the ledger. Raises NotPossible where it holds no less."""
    ledger, venue = row["ledger_quantity"], row["venue_quantity"]
    less = abs(venue) < abs(ledger) and (venue == 0 or (venue > 0) == (ledger > 0))
    if row["kind"] not in {"TRADE_WITHOUT_POSITION", "DIFFERENT_SIZE"} or not less:
        raise NotPossible(
            f"difference {row['id']} ({row['kind']}: ledger {plain(ledger)}, venue {plain(venue)} lots) cannot be "
            "closed in the ledger: that is for what the venue holds less; accept it, or close it at the venue"
        )
    return Decimal(abs(ledger) - abs(venue))


def _refuse_moved(transaction: Transaction, row: Row, account: AccountKey) -> None:
    rows = transaction.rows("ledger_positions", **account._asdict(), settling=0.0)
    now = next((position for position in rows if position["symbol"] == row["symbol"]), None)
    if now is not None and now["under_way"]:
        raise NotPossible(
            f"orders of {row['symbol']} on {account} are under way or unresolved: difference {row['id']} can be closed "
            "once they have ended"
        )
    held = Decimal(0) if now is None else now["quantity"]
    if held != row["ledger_quantity"]:
        raise NotPossible(
            f"the ledger has {plain(held)} lots of {row['symbol']} on {account} by now, not "
            f"{plain(row['ledger_quantity'])} as when difference {row['id']} was seen: look again after the next "
            "reconciliation"
        )


def _shares(entries: list[LedgerOrder], missing: Decimal, difference_id: int) -> Iterator[tuple[LedgerOrder, Decimal]]:
    """Give the oldest entries their shares in lots that are missing, in contracts."""
    for entry in entries:
        lots = min(missing, entry.open_quantity * entry.contract.lots)
        if lots <= 0:
            return
        contracts = lots / entry.contract.lots
        if contracts * entry.contract.lots != lots:
            raise NotPossible(
                f"difference {difference_id}: {plain(lots)} lots are no exact part of trade {entry.trade_id}, whose "
                f"contract is {plain(entry.contract.lots)} lots; accept it instead"
            )
        yield entry, contracts
        missing -= lots
    if missing > 0:
        raise NotPossible(f"difference {difference_id}: the trades it names hold {plain(missing)} lots too few")
