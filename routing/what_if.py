"""What an entry would be decided from if it came now; nothing is stored and nobody is asked but our own record."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from account_engine import AccountStateManager
from config.arming import is_armed
from config.settings import Settings
from connectors import Connector
from connectors.live_connector import LiveConnector
from database.connection import Database
from database.halts import HaltRecord
from database.orders import exposures
from database.reconciliation import out_of_sync
from domain.account import AccountKey
from domain.order import EntryOrder
from risk_engine.decision import EntryFacts
from routing.facts import FactBook
from routing.ledger_view import LedgerView


class WhatIf:
    """Gathers facts as the router does. ``connectors``: the router's; an armed account without one stays dry."""

    def __init__(
        self,
        settings: Settings,
        states: AccountStateManager,
        database: Database,
        connectors: Mapping[AccountKey, Connector | LiveConnector],
    ) -> None:
        self._database = database
        self._book = FactBook(
            settings,
            states,
            dry_run=settings.dry_run,
            halts=HaltRecord(database).in_force,
            out_of_sync=lambda: out_of_sync(database),
            unreachable=[
                account
                for account, connector in connectors.items()
                if not isinstance(connector, LiveConnector) and is_armed(account, settings)
            ],
        )

    def facts(self, order: EntryOrder, account: AccountKey) -> EntryFacts:
        """Return the facts of this entry for this account alone, as of now. Raises DatabaseUnavailable.

        The accounts' locks are not held: an order that is decided at the same moment may not be counted yet.
        """
        self._book.refresh()
        with self._database.transaction() as transaction:
            view = LedgerView(exposures=exposures(transaction, self._book.live))
        return self._book.seen().of(order, trade_closed=False, age=Decimal(0), view=view, only=[str(account)])
