"""One process with an account clock, for tests: ``python tests/clock_process.py URL NOW``.

Its time is NOW (ISO 8601) plus what has passed since it started, so that days go by in a moment. With ``--storm`` it
also sends each account updates without end: seeded by chance, repeated, and in the wrong order.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import threading
import time as clocks
from datetime import datetime, time, timedelta
from decimal import Decimal

from account_engine.account_tracker import AccountTracker, Contended
from account_engine.account_view import Environment
from database.accounts import AccountRecord
from database.connection import Database
from database.leadership import Leadership
from domain.account import AccountKey
from domain.account_update import AccountUpdate, Source
from domain.drawdown_rule import Consequence, DailyLoss, DayBase, DrawdownRule, Family
from domain.firm_day import FirmDay
from domain.rule_set import AccountRules
from routing.account_clock import AccountClock
from routing.termination import told_to_stop, wait_until

FTMO, APEX, TOPSTEP = AccountKey("FTMO", 1), AccountKey("APEX", 1), AccountKey("TOPSTEP", 1)
ACCOUNTS = (FTMO, APEX, TOPSTEP)
DAYS = {
    FTMO: FirmDay(reset=time(0), zone="Europe/Prague"),
    APEX: FirmDay(reset=time(18), zone="America/New_York"),
    TOPSTEP: FirmDay(reset=time(17), zone="America/Chicago"),
}
CONSEQUENCES = {
    FTMO: Consequence.ACCOUNT_LOST,
    APEX: Consequence.PAUSED_TO_RESET,
    TOPSTEP: Consequence.PAUSED_TO_RESET,
}
FAMILIES = {FTMO: Family.STATIC, APEX: Family.TRAILING_INTRADAY, TOPSTEP: Family.TRAILING_EOD}
BALANCE = Decimal(50000)
# Updates of a storm lie within this many seconds before its time.
SPREAD = 2.0


def rules_of(key: AccountKey) -> AccountRules:
    """One account of each kind: a lost one, an intraday and an end-of-day trail."""
    return AccountRules(
        firm_code=key.firm_code,
        program_id=key.program_id,
        day=DAYS[key],
        drawdown=DrawdownRule(
            family=FAMILIES[key],
            starting_balance=BALANCE,
            amount=Decimal(2000),
            daily=DailyLoss(amount=Decimal(1000), base=DayBase.BALANCE, consequence=CONSEQUENCES[key]),
        ),
    )


class Clock:
    """A time that begins at ``now`` and passes like any other."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._began = clocks.monotonic()

    def __call__(self) -> datetime:
        return self._now + timedelta(seconds=clocks.monotonic() - self._began)


def tracker_of(database: Database, now: datetime, *, passing: bool = True) -> AccountTracker:
    """A tracker of ACCOUNTS whose time is ``now``, standing still unless ``passing``."""
    return AccountTracker(
        AccountRecord(database),
        rules_of=rules_of,
        environment_of=lambda _: Environment(read_at=now),
        clock=Clock(now) if passing else lambda: now,
        max_age=Decimal(10**9),
    )


def storm(tracker: AccountTracker, clock: Clock, seed: int, stopping: threading.Event) -> None:
    """Send updates until told to stop: 49100 to 50900 dollars, one in three repeated, all within SPREAD seconds."""
    chance, sent = random.Random(seed), list[tuple[AccountKey, AccountUpdate]]()
    while not stopping.is_set():
        if sent and chance.random() < 1 / 3:
            key, update = chance.choice(sent[-20:])
        else:
            key, now = chance.choice(ACCOUNTS), clock()
            update = AccountUpdate(
                at=now - timedelta(seconds=chance.random() * SPREAD),
                received_at=now,
                source=Source.PLATFORM,
                equity=BALANCE + chance.randrange(-900, 900),
                balance=BALANCE + chance.randrange(-500, 500),
            )
        try:
            tracker.take(key, update)
        except Contended:
            continue
        sent.append((key, update))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("now", type=datetime.fromisoformat)
    parser.add_argument("--storm", type=int)
    parser.add_argument("--interval", type=float, default=0.2)
    parser.add_argument("--idle", type=float, default=10.0)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    database, stopping = Database(options.url), told_to_stop()
    clock = Clock(options.now)
    tracker = AccountTracker(
        AccountRecord(database),
        rules_of=rules_of,
        environment_of=lambda _: Environment(read_at=options.now),
        clock=clock,
        max_age=Decimal(10**9),
    )
    logger = logging.getLogger("clock")
    leadership = Leadership(options.url, logger=logger, idle=options.idle)
    keeper = AccountClock(tracker, ACCOUNTS, leadership, interval=options.interval, logger=logger)
    keeper.start()
    if options.storm is not None:
        storm(tracker, clock, options.storm, stopping)
    wait_until(stopping)
    keeper.stop()
    leadership.resign()
    return 0


if __name__ == "__main__":
    sys.exit(main())
