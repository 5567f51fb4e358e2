"""Puts together what decides and what sends, from settings; opens no connection and starts no thread."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from account_engine import AccountStateManager
from config.arming import is_armed, may_still_close
from config.settings import Settings
from connectors import Connector, connector_for
from connectors.live import live_connectors, live_logins
from connectors.live_connector import LiveConnector
from database.connection import Database
from database.halts import HaltRecord
from database.reconciliation import out_of_sync
from domain.account import AccountKey
from domain.halt import Halt
from routing.facts import FactBook
from routing.order_service import OrderService
from routing.processor import LiveOrders, TaskProcessor


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterParts:
    """A router's parts. ``orders`` is None where no account trades live, or there is no database to record orders.

    ``closing``: accounts that are not armed, but whose venue can be reached to close what they hold from before.
    """

    book: FactBook
    dry: Mapping[AccountKey, Connector]
    live: Mapping[AccountKey, LiveConnector]
    closing: tuple[AccountKey, ...]
    orders: OrderService | None
    dry_run: bool

    @property
    def connectors(self) -> dict[AccountKey, Connector | LiveConnector]:
        """Every routed account's way out."""
        return {**self.dry, **self.live}

    def processor(
        self, settings: Settings, logger: logging.Logger, *, before_entries: Callable[[], None]
    ) -> TaskProcessor:
        """Return what decides tasks; ``before_entries`` is called before each batch of entries."""
        return TaskProcessor(
            self.book,
            self.dry,
            dry_run=self.dry_run,
            default_symbol=settings.default_symbol,
            example=settings.demonstration,
            logger=logger,
            before_entries=before_entries,
            live=LiveOrders(
                accounts=(*self.live, *self.closing),
                entry_lifetime=settings.entry_max_age,
                exit_lifetime=settings.exit_max_age,
            ),
        )


def router_parts(
    settings: Settings,
    states: AccountStateManager,
    database: Database | None,
    *,
    dry_run: bool,
    worker: str,
    logger: logging.Logger,
) -> RouterParts:
    """Return the parts for these settings; ``worker`` is this process's name in queue and ledger.

    An armed account whose connector cannot be made, as from a template that is none, stays in dry-run and is logged.
    """
    halts = None if database is None else HaltRecord(database)

    def halts_in_force() -> list[Halt]:
        return [] if halts is None else halts.in_force()

    def accounts_out_of_sync() -> dict[AccountKey, str]:
        return {} if database is None else out_of_sync(database)

    wanted = [] if dry_run else [account for account in settings.accounts if is_armed(account, settings)]
    live, failed = live_connectors(live_logins(wanted, settings))
    for account, why in failed.items():
        logger.error("%s stays in dry-run: %s", account, why, extra={"event": "no_connector"})
    slipped = [] if dry_run else [account for account in settings.accounts if may_still_close(account, settings)]
    closing, _ = live_connectors(live_logins(slipped, settings))
    book = FactBook(
        settings,
        states,
        dry_run=dry_run,
        halts=halts_in_force,
        out_of_sync=accounts_out_of_sync,
        unreachable=failed,
    )
    dry = {
        account.key: connector_for(account.key.firm_code, dry_reason=account.dry_reason)
        for account in book.accounts
        if account.dry_reason is not None
    }
    orders = None
    if database is not None and (live or closing):
        orders = OrderService(
            settings, database, {**live, **closing}, entering=tuple(live), worker=worker, logger=logger
        )
    return RouterParts(book=book, dry=dry, live=live, closing=tuple(closing), orders=orders, dry_run=dry_run)
