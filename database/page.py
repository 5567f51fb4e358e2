"""What the page shows, read in few statements. Read only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from database.connection import Database, Row
from database.orders import exposures
from domain.account import AccountKey
from domain.ledger import Exposure


class PageRecord:
    """Reads for the page. Every method raises DatabaseUnavailable when it cannot."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def status(self) -> Row:
        """Return queue, pace, halts in force and processes."""
        return self._database.run("page_status", again=True)[0]

    def exposures(self, accounts: Iterable[AccountKey]) -> Mapping[AccountKey, Exposure]:
        """Return what is open or pending on each account as of now; a decision asks under the accounts' locks."""
        with self._database.transaction() as transaction:
            return exposures(transaction, accounts)

    def usual_distance(self) -> Decimal | None:
        """Return the points to the stop of the newest entry, None where there was none."""
        rows = self._database.run("newest_distance", again=True)
        return rows[0]["distance"] if rows else None

    def positions(self) -> Mapping[AccountKey, list[Row]]:
        """Return what each account holds by the ledger, a row a contract."""
        found: dict[AccountKey, list[Row]] = {}
        for row in self._database.run("page_positions", again=True):
            found.setdefault(AccountKey(row["firm_code"], row["program_id"]), []).append(row)
        return found

    def attention(self, *, limit: int) -> Row:
        """Return unresolved orders, conflicts of the last day and venues that could not be compared."""
        return self._database.run("page_attention", again=True, limit=limit)[0]

    def newest_signals(self, *, limit: int) -> list[Row]:
        """Return the newest signals first, each with its verdicts as the log's rows have them."""
        return self._database.run("page_signals", again=True, limit=limit)
