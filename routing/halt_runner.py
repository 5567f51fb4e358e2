"""Does what a halt orders beyond stopping entries: takes working entries back, closes everything. Until it is done."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from connectors.live_connector import LiveConnector
from connectors.venue import NotSent, Unclear
from database.connection import DatabaseUnavailable
from database.halts import HaltAction, HaltRecord
from database.orders import OrderLedger
from domain.account import AccountKey
from domain.ledger import LedgerOrder, Purpose
from domain.order_rows import connector_row
from domain.order_state import IN_DOUBT
from routing.patience import outage_pause
from routing.sender import answered
from routing.venue_lookup import VenueLookup

LEASE_SECONDS = 60.0
RETRY_SECONDS = 2.0


class HaltRunner:
    """Serves the halts' actions at ``connectors``' accounts. ``submit`` runs something in a thread.

    An action is repeated until the venue says that nothing is left: entries that were on their way when the halt began
    may still arrive.
    """

    def __init__(
        self,
        halts: HaltRecord,
        ledger: OrderLedger,
        connectors: Mapping[AccountKey, LiveConnector],
        *,
        submit: Callable[[Callable[[], None]], None],
        logger: logging.Logger,
    ) -> None:
        self._halts = halts
        self._ledger = ledger
        self._connectors = connectors
        self._lookup = VenueLookup(ledger, connectors)
        self._submit = submit
        self._logger = logger

    def round(self, serves: Collection[AccountKey]) -> None:
        """Take what is to be done at ``serves``; does not wait for the venues. Raises DatabaseUnavailable."""
        for action in self._halts.claim_actions(serves, lease=LEASE_SECONDS):
            self._submit(partial(self._carry_out, action))

    def _carry_out(self, action: HaltAction) -> None:
        until = time.monotonic() + LEASE_SECONDS
        try:
            done, said = self._cancel(action) if action.action == "CANCEL" else self._flatten(action)
        except Exception as error:
            # Whatever it was: what a halt orders is tried again soon.
            words = self._connectors[action.account].in_words(error)
            self._logger.error(
                "%s of halt %s at %s failed and is tried again: %s",
                action.action,
                action.halt_id,
                action.account,
                words,
                exc_info=None if isinstance(error, NotSent | Unclear | DatabaseUnavailable) else error,
                extra={"event": "halt_action_failed"},
            )
            self._put(action, {"error": words, "tries": action.tries}, done=False, until=until)
            return
        self._put(action, {"said": said, "tries": action.tries}, done=done, until=until)
        if done:
            self._logger.warning(
                "%s of halt %s at %s is done: %s",
                action.action,
                action.halt_id,
                action.account,
                "; ".join(said) or "there was nothing to do",
                extra={"event": "halt_action_done"},
            )

    def _put(self, action: HaltAction, outcome: Mapping[str, Any], *, done: bool, until: float) -> None:
        """Put on record what came of an action, as soon as the database is there.

        ``until``: when others take it anyway, in seconds of ``time.monotonic``. Unless it is given back before, nobody
        goes on with it until then.
        """
        for failures in itertools.count(1):
            try:
                self._halts.ended(action, outcome, done=done, delay=RETRY_SECONDS)
            except DatabaseUnavailable:
                if time.monotonic() >= until:
                    raise
                time.sleep(outage_pause(failures))
            else:
                return

    def _cancel(self, action: HaltAction) -> tuple[bool, list[str]]:
        """Take back what has not filled of entries; protective orders stay where they are."""
        said = []
        connector = self._connectors[action.account]
        for order in self._ledger.under_way(action.account):
            if order.state in IN_DOUBT or order.purpose is Purpose.EXIT:
                continue
            if order.venue_order_id is not None:
                connector.cancel_order(action.account, order.venue_order_id)
                said.append(f"cancelled {order.client_order_id}")
            self._look_up(order)
        return not self._ledger.under_way(action.account), said

    def _flatten(self, action: HaltAction) -> tuple[bool, list[str]]:
        connector = self._connectors[action.account]
        self._cancel(action)
        if self._ledger.exit_is_on_its_way(action.account):
            # An exit whose call is running has read the position already; closing it now could turn it.
            return False, ["an exit is on its way"]
        said = connector.flatten(action.account)
        under_way = self._ledger.under_way(action.account)
        if connector.positions(action.account) or connector.working_orders(action.account) or under_way:
            return False, said
        for order in self._ledger.open_entries([action.account]):
            self._ledger.settle_outside(
                order, order.open_quantity, cause=f"FLATTENED_BY_HALT {action.halt_id}", actor=self._ledger.worker
            )
        return True, said

    def _look_up(self, order: LedgerOrder) -> None:
        report = self._lookup.of(order)
        if report is not None:
            change = answered(order, report, actor=self._ledger.worker, cause="CANCELLED_BY_HALT")
            self._ledger.write(order.id, change, connector_row, only_from={order.state})
