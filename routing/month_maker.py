"""Has the months of the record made ahead, in the leading process."""

from __future__ import annotations

import logging

from database.connection import Database
from database.months import MonthsBusy, make_months
from routing.leader_loop import LeaderLoop, Leads

# There is time: a month is missed weeks before its first row comes.
LOOK_SECONDS = 60.0


class MonthMaker:
    """Looks once in ``interval`` seconds, the first time at its start. Between two looks it holds no connection."""

    def __init__(self, url: str, leadership: Leads, *, interval: float = LOOK_SECONDS, logger: logging.Logger) -> None:
        self._database = Database(url, size=1, statement_timeout=60.0, name="execution-router-months")
        self._logger = logger
        self._loop = LeaderLoop("month-maker", self.tick, leadership, interval=interval, logger=logger)

    def start(self) -> None:
        """Start the thread; a second call does nothing while it runs."""
        self._loop.start()

    def stop(self, timeout: float = 2.0) -> bool:
        """Return whether the thread ended in time."""
        done = self._loop.stop(timeout)
        self._database.close()
        return done

    def tick(self) -> None:
        """Make what is missing. Raises DatabaseUnavailable."""
        try:
            made = make_months(self._database)
        except MonthsBusy as busy:
            self._logger.warning("%s", busy, extra={"event": "months_busy"})
            return
        finally:
            self._database.close()
        if made:
            self._logger.info("Months made ahead: %s", ", ".join(made), extra={"event": "months_made"})
