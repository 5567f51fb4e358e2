"""The accounts' clock: closes each firm day when it has ended, and judges accounts by time alone."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from account_engine.account_tracker import AccountTracker
from account_engine.tracked import Reset
from database.connection import DatabaseUnavailable
from domain.account import AccountKey
from routing.leader_loop import LeaderLoop, Leads
from routing.patience import Complaints


class AccountClock:
    """Lets time pass for every account, once in ``interval`` seconds, in the leading process.

    What is due is found on record, not remembered: days that ended while no process ran are caught up in order.
    Leading only saves doubled work. A reset happens once whoever performs it, because the record takes a change of an
    account only on top of the newest one, and one reset a day.
    """

    def __init__(
        self,
        tracker: AccountTracker,
        accounts: Iterable[AccountKey],
        leadership: Leads,
        *,
        interval: float = 1.0,
        logger: logging.Logger,
    ) -> None:
        self._tracker = tracker
        self._accounts = list(accounts)
        self._logger = logger
        self._complaints = Complaints(logger, "account_clock_failed")
        self._loop = LeaderLoop("account-clock", self.tick, leadership, interval=interval, logger=logger)

    def start(self) -> None:
        """Start the thread; a second call does nothing while it runs."""
        self._loop.start()

    def stop(self, timeout: float = 5.0) -> bool:
        """Finish the account in hand; return whether that was done within ``timeout`` seconds."""
        return self._loop.stop(timeout)

    def is_alive(self) -> bool:
        """Return whether the thread runs."""
        return self._loop.is_alive()

    def tick(self) -> None:
        """Do now what is due for every account, leader or not. Raises DatabaseUnavailable."""
        try:
            self._tracker.refresh(self._accounts)
            self._complaints.settled("accounts")
        except DatabaseUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - a row that cannot be read must not stop the other accounts' days
            self._complaints.about("accounts", error, "what other processes changed could not be read")
        for key in tuple(self._accounts):
            if self._loop.stopping.is_set():
                return
            if not self._tracker.is_fresh(key):
                self._let_time_pass(key)

    def _let_time_pass(self, key: AccountKey) -> None:
        try:
            taken = self._tracker.let_time_pass(key)
        except DatabaseUnavailable:
            # It may be this account's row alone that somebody holds: the others come first next time.
            self._accounts.remove(key)
            self._accounts.append(key)
            raise
        except Exception as error:  # noqa: BLE001 - one account must not stop the others' days
            self._complaints.about(key, error, "time could not pass for the account; trying again")
            return
        self._complaints.settled(key)
        for reset in taken.resets:
            self._logger.info(*_sentence(key, reset), extra={"event": "day_closed"})


def _sentence(key: AccountKey, reset: Reset) -> tuple[object, ...]:
    how = "caught up" if reset.caught_up else "on time"
    released = "; the pause until the reset is over" if reset.released else ""
    return ("%s: day %s closed %s at equity %s%s", key, reset.day.day, how, reset.closing_equity, released)
