"""What the ledger says that accounts hold, and the differences to what their venues say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from database.connection import Database
from domain.account import AccountKey
from domain.json_text import json_text


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPosition:
    """One contract as the ledger has it, in the venue's lots. ``under_way``: it may be changing at this moment."""

    quantity: Decimal
    under_way: bool
    trades: Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a venue holds that the ledger does not say, or the other way round. Quantities in the venue's lots."""

    kind: str
    symbol: str
    ledger_quantity: Decimal
    venue_quantity: Decimal
    proposal: str
    details: dict[str, Any] = field(default_factory=dict)


class ReconciliationRecord:
    """Reads the ledger's side and keeps what was found. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database, *, worker: str) -> None:
        self._database = database
        self._worker = worker

    def positions(self, account: AccountKey, *, settling: float) -> dict[str, LedgerPosition]:
        """Return what the account holds by symbol; what changed within ``settling`` seconds counts as under way."""
        rows = self._database.run("ledger_positions", **account._asdict(), settling=settling)
        return {
            row["symbol"]: LedgerPosition(quantity=row["quantity"], under_way=row["under_way"], trades=row["trades"])
            for row in rows
        }

    def unknown_names(self, names: Iterable[str]) -> set[str]:
        """Return those client order ids that the ledger did not give."""
        asked = set(names)
        rows = self._database.run("known_order_names", names=sorted(asked))
        return asked - {row["client_order_id"] for row in rows}

    def keep(self, account: AccountKey, differences: Iterable[Difference]) -> int:
        """Put on record that the account was reconciled, with what was found; return how many are new."""
        rows = [asdict(difference) for difference in differences]
        found = self._database.run("reconciled", **account._asdict(), worker=self._worker, differences=json_text(rows))
        return int(found[0]["new"])

    def failed(self, account: AccountKey, error: str) -> None:
        """Put on record that the account could not be reconciled."""
        self._database.run("reconcile_failed", **account._asdict(), error=error)


def out_of_sync(database: Database) -> dict[AccountKey, str]:
    """Return the accounts that hold more than the ledger says, with a sentence on each."""
    return {
        AccountKey(row["firm_code"], row["program_id"]): (
            f"Its venue holds more {row['symbol']} than the order ledger says, since {row['since']:%Y-%m-%d %H:%M} UTC."
        )
        for row in database.run("out_of_sync", again=True)
    }
