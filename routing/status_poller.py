"""Asks live firms what their accounts are worth, again and again, and hands it to the tracker."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from account_engine.account_tracker import AccountTracker
from connectors.account_status import InvalidStatus, read_status, refuse_zeros
from domain.account import AccountKey
from routing.leader_loop import LeaderLoop, Leads
from routing.patience import Complaints


class StatusSource(Protocol):
    """A connector as the poller needs it; without ``live`` there is nobody to ask."""

    @property
    def firm_code(self) -> str: ...

    @property
    def live(self) -> bool: ...

    def get_account_status(self, program_id: int) -> dict[str, Any] | None: ...


class StatusPoller:
    """Asks the live connectors of ``connectors`` every ``interval`` seconds, in the leading process.

    Each connector is asked for its accounts one after the other, in a thread of its own: one that hangs delays nobody
    else and is not asked again before it has answered. An answer that fails, says nothing or cannot be true is logged
    and changes nothing, so that the account's figures grow stale. ``clock`` gives the time in UTC.
    """

    def __init__(
        self,
        tracker: AccountTracker,
        connectors: Mapping[AccountKey, StatusSource],
        leadership: Leads,
        *,
        interval: float,
        clock: Callable[[], datetime],
        logger: logging.Logger,
    ) -> None:
        self._tracker = tracker
        self._clock = clock
        self._complaints = Complaints(logger, "account_status_failed")
        self._accounts: dict[StatusSource, list[AccountKey]] = {}
        for key, connector in connectors.items():
            self._accounts.setdefault(connector, []).append(key)
        self._asking: dict[StatusSource, threading.Thread] = {}
        self._loop = LeaderLoop("status-poller", self.tick, leadership, interval=interval, logger=logger)

    def start(self) -> None:
        """Start the thread; a second call does nothing while it runs."""
        self._loop.start()

    def stop(self, timeout: float = 5.0) -> bool:
        """Wait for the answers that are on their way; return whether all came within ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        done = self._loop.stop(timeout)
        for thread in tuple(self._asking.values()):
            thread.join(max(0.0, deadline - time.monotonic()))
        return done and not any(thread.is_alive() for thread in self._asking.values())

    def is_alive(self) -> bool:
        """Return whether the thread runs."""
        return self._loop.is_alive()

    def tick(self) -> None:
        """Ask every live connector that is not being asked already; does not wait for the answers."""
        for connector, keys in self._accounts.items():
            asking = self._asking.get(connector)
            if not connector.live or (asking is not None and asking.is_alive()):
                continue
            self._asking[connector] = threading.Thread(
                target=self._ask_all, args=(connector, keys), name=f"status-{connector.firm_code}", daemon=True
            )
            self._asking[connector].start()

    def _ask_all(self, connector: StatusSource, keys: Sequence[AccountKey]) -> None:
        for key in keys:
            if self._loop.stopping.is_set():
                return
            try:
                self._ask(connector, key)
            except Exception as error:  # noqa: BLE001 - one account's answer must not stop the others
                self._complaints.about(key, error, "the firm's answer was not used")
            else:
                self._complaints.settled(key)

    def _ask(self, connector: StatusSource, key: AccountKey) -> None:
        asked_at = self._clock()
        status = connector.get_account_status(key.program_id)
        if status is None:
            raise InvalidStatus("the firm says nothing of the account")
        update = read_status(status, asked_at=asked_at, received_at=self._clock())
        standing = self._tracker.view(key).standing
        refuse_zeros(update, (standing.floor, standing.daily_floor))
        self._tracker.take(key, update)
