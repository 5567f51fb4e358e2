"""Reads accounts as the pages show them, many in few statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from database.halts import HaltRecord
from database.reconciliation import out_of_sync
from domain.account import AccountKey
from domain.halt import halt_of
from domain.ledger import Exposure
from web.pages.account_rows import AccountRow, AccountRows, OnRecord

if TYPE_CHECKING:
    from web.pages.site import Site


class AccountReader:
    """Reads rows of routed accounts."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._halts = HaltRecord(site.database)
        rules = {key: site.tracker.rules_of(key) for key in site.settings.accounts}
        self._rows = AccountRows(site.settings, rules)

    def read(self, keys: Sequence[AccountKey]) -> list[AccountRow]:
        """Return the rows as of now, in the order of ``keys``. Raises DatabaseUnavailable."""
        self._site.tracker.refresh(keys)
        record = self._site.record
        exposures, positions = record.exposures(keys), record.positions()
        halts, differing = self._halts.in_force(), out_of_sync(self._site.database)
        return [
            self._rows.row(
                self._site.tracker.view(key),
                OnRecord(
                    exposure=exposures.get(key, Exposure()),
                    positions=positions.get(key, ()),
                    halt=halt_of(key, halts),
                    out_of_sync=differing.get(key),
                ),
            )
            for key in keys
        ]
