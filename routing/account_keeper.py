"""What a router process does besides deciding: closes days, asks live firms, seals the audit, makes months ahead."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from account_engine.account_tracker import AccountTracker
from config.settings import Settings
from database.leadership import Leadership
from database.tracked_accounts import utc_now
from domain.account import AccountKey
from routing.account_clock import AccountClock
from routing.audit_sealer import AuditSealer
from routing.month_maker import MonthMaker
from routing.status_poller import StatusPoller, StatusSource


class AccountKeeper:
    """Clock and poller of the routed accounts, the audit's sealer and the maker of months; one process leads at a time.

    ``busy`` says whether the router of this process has a long queue: sealing waits then.
    """

    def __init__(
        self,
        settings: Settings,
        url: str,
        tracker: AccountTracker,
        connectors: Mapping[AccountKey, StatusSource],
        logger: logging.Logger,
        *,
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self.leadership = Leadership(url, logger=logger)
        self._clock = AccountClock(tracker, settings.accounts, self.leadership, logger=logger)
        self._poller = StatusPoller(
            tracker,
            connectors,
            self.leadership,
            interval=settings.account_poll_interval,
            clock=utc_now,
            logger=logger,
        )
        self._sealer = AuditSealer(url, self.leadership, logger=logger, busy=busy)
        self._months = MonthMaker(url, self.leadership, logger=logger)

    def start(self) -> None:
        """Start all four; a second call does nothing while they run."""
        self._clock.start()
        self._poller.start()
        self._sealer.start()
        self._months.start()

    def stop(self) -> None:
        """Stop all four, the sealer last, and let another process lead."""
        self._months.stop()
        self._clock.stop()
        # A firm that hangs keeps nobody: its answer is asked for again by whoever leads next.
        self._poller.stop(0.5)
        self._sealer.stop()
        self.leadership.resign()
