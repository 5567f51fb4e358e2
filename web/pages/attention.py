"""What needs a person: each item says what is wrong, since when, and where it is put right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from account_engine.standing import StandingState
from config.settings import Settings
from database.connection import Database, Row
from database.dead_letters import DeadLetters
from database.differences import Differences
from database.page import PageRecord
from domain.account import AccountKey
from domain.money import plain
from web.pages.account_rows import AccountRow
from web.pages.frame import link

MOST_SHOWN = 5


class Need(StrEnum):
    """How soon a person has to look."""

    NOW = "now"
    SOON = "soon"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing to look at. ``address`` leads to where it is dealt with."""

    need: Need
    kind: str
    text: str
    address: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Everything that needs a person, the most urgent first; ``more``: how many are not listed, by their kind."""

    items: tuple[Item, ...]
    more: tuple[tuple[str, int], ...]


class AttentionReader:
    """Collects what needs a person. The configuration's own problems are known from the start."""

    def __init__(self, settings: Settings, database: Database, record: PageRecord) -> None:
        self._settings = settings
        self._letters = DeadLetters(database)
        self._differences = Differences(database)
        self._record = record

    def read(self, accounts: Sequence[AccountRow]) -> Attention:
        """Return it as of now. Raises DatabaseUnavailable."""
        told = self._record.attention(limit=MOST_SHOWN)
        letters = self._letters.waiting(limit=100)
        differences = self._differences.open()
        items = [
            *(_unresolved(row) for row in told["unresolved"]),
            *(_difference(row) for row in differences[:MOST_SHOWN]),
            *(_not_compared(row) for row in told["not_compared"]),
            *_of_accounts(accounts),
            *(_letter(row) for row in letters[:MOST_SHOWN]),
            *(_conflict(row) for row in told["conflicts"]),
            *self._of_configuration(),
        ]
        counts = (
            ("unresolved orders", told["unresolved_count"] - len(told["unresolved"])),
            ("differences", max(len(differences) - MOST_SHOWN, 0)),
            ("dead letters", max(len(letters) - MOST_SHOWN, 0)),
            ("conflicts", told["conflict_count"] - len(told["conflicts"])),
        )
        return Attention(
            items=tuple(sorted(items, key=lambda item: item.need is not Need.NOW)),
            more=tuple((what, count) for what, count in counts if count > 0),
        )

    def _of_configuration(self) -> Iterator[Item]:
        for number, problem in enumerate(self._settings.errors, start=1):
            where = link("pages.configuration", "/health") + f"#problem-{number}"
            yield Item(need=Need.SOON, kind="Configuration", text=problem.message, address=where)


def _unresolved(row: Row) -> Item:
    size = "" if row["quantity"] is None else f"{plain(Decimal(str(row['quantity'])))} "
    return Item(
        need=Need.NOW,
        kind="Unresolved order",
        text=f"{_account(row)}: nobody knows whether {row['side']} {size}{row['symbol']} of {row['trade_id']} "
        "was taken. Its entries wait.",
        address=link("pages.order", f"/api/orders/{row['id']}", order_id=row["id"]),
        since=datetime.fromisoformat(row["updated_at"]),
    )


def _difference(row: Row) -> Item:
    ledger, venue = plain(row["ledger_quantity"]), plain(row["venue_quantity"])
    return Item(
        need=Need.NOW,
        kind="Out of sync",
        text=f"{_account(row)} {row['symbol']}: the ledger has {ledger} lots, the venue {venue}. {row['proposal']}",
        address=link("pages.difference", "/api/differences", difference_id=row["id"]),
        since=row["found_at"],
    )


def _not_compared(row: Row) -> Item:
    compared = row["reconciled_at"]
    return Item(
        need=Need.SOON,
        kind="Not compared",
        text=f"{_account(row)} could not be compared with its venue: {row['reconcile_error']}",
        address=_page_of(AccountKey(row["firm_code"], row["program_id"])),
        since=None if compared is None else datetime.fromisoformat(compared),
    )


def _of_accounts(accounts: Sequence[AccountRow]) -> Iterator[Item]:
    for row in accounts:
        state = row.standing.state
        if state is StandingState.BREACHED:
            yield _of_account(row, Need.NOW, "Breached")
        elif state is StandingState.UNKNOWN:
            yield _of_account(row, Need.SOON if row.dry else Need.NOW, "Figures")


def _of_account(row: AccountRow, need: Need, kind: str) -> Item:
    reason = row.standing.reasons[0] if row.standing.reasons else ""
    return Item(
        need=need, kind=kind, text=f"{row.key}: {reason}", address=_page_of(row.key), since=row.standing.breached_at
    )


def _letter(row: Row) -> Item:
    about = f"{row['account']}, " if row["account"] else ""
    why = row["last_error"] or row["cause"]
    return Item(
        need=Need.SOON,
        kind="Dead letter",
        text=f"{about}{row['event_type']} of {row['trade_id']} was given up: {why}",
        address=link("pages.dead_letter", f"/api/dead-letters/{row['name']}", name=row["name"]),
        since=row["since"],
    )


def _conflict(row: Row) -> Item:
    return Item(
        need=Need.SOON,
        kind="Conflict",
        text=f"{row['lifecycle'] or 'A signal'} of {row['trade_id']} came again with other content; the first counts.",
        address=link("pages.trade", "/api/orders", trade_id=row["trade_id"]) + f"#conflict-{row['id']}",
        since=datetime.fromisoformat(row["received_at"]),
    )


def _account(row: Row | dict[str, Any]) -> str:
    return str(AccountKey(row["firm_code"], row["program_id"]))


def _page_of(key: AccountKey) -> str:
    otherwise = f"/api/v1/accounts/{key.firm_code}/{key.program_id}/standing"
    return link("pages.account", otherwise, firm=key.firm_code, program=key.program_id)
