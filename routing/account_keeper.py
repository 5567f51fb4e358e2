"""What a router process does for the accounts besides deciding: closes their days, asks live firms how they are."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from account_engine.account_tracker import AccountTracker
from config.settings import Settings
from database.leadership import Leadership
from domain.account import AccountKey
from routing.account_clock import AccountClock
from routing.status_poller import StatusPoller, StatusSource
from routing.tracked_accounts import utc_now


class AccountKeeper:
    """Clock and poller of the routed accounts, of which one process on the database leads at a time."""

    def __init__(
        self,
        settings: Settings,
        url: str,
        tracker: AccountTracker,
        connectors: Mapping[AccountKey, StatusSource],
        logger: logging.Logger,
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

    def start(self) -> None:
        """Start both; a second call does nothing while they run."""
        self._clock.start()
        self._poller.start()

    def stop(self) -> None:
        """Stop both and let another process lead."""
        self._clock.stop()
        self._poller.stop()
        self.leadership.resign()
