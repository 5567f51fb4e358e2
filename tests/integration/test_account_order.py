"""News of accounts in the wrong order: late, repeated, from before a new start, and caches that hear of them late."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from account_engine.account_tracker import AccountTracker
from account_engine.account_view import Environment
from account_engine.standing import StandingState
from account_engine.tracked import AccountWrite, Known, Outcome
from database.accounts import AccountRecord
from database.connection import Database
from domain.account import AccountKey
from domain.account_update import AccountUpdate
from tests.conftest import Sql
from tests.integration.test_account_tracker import KEY, NOON, RULES, Clock, told, tracker

TODAY = NOON.date()
YESTERDAY = TODAY - timedelta(days=1)


def silence(clock: Clock, *, seconds: float) -> AccountUpdate:
    """What a disconnected platform sends."""
    return replace(told(clock, "0", "0", seconds=seconds), equity=None, balance=None, no_data=True)


def with_days(update: AccountUpdate, **days: str) -> AccountUpdate:
    """``d18="200"``: the platform says 200 of November 18."""
    return replace(update, daily_pl={date(2026, 11, int(day[1:])): Decimal(pl) for day, pl in days.items()})


def history(sql: Sql) -> list[tuple[str, Decimal | None]]:
    return [(row["kind"], row["equity"]) for row in sql("SELECT kind, equity FROM account_snapshots ORDER BY id")]


def test_an_older_update_that_sets_no_mark_is_kept_in_history_all_the_same(database: Database, sql: Sql) -> None:
    clock = Clock()
    accounts = tracker(database, clock)
    accounts.take(KEY, told(clock, "49800", seconds=-20))
    accounts.take(KEY, told(clock, "50100"))

    older = accounts.take(KEY, told(clock, "49900", seconds=-10))

    assert (older.outcome, older.view.tracked.version) == (Outcome.OLDER, 2)
    assert history(sql) == [("EXTREME", Decimal(49800)), ("EXTREME", Decimal(50100)), ("LATE", Decimal(49900))]


@pytest.mark.parametrize("equity", ["49900", "50900"])
def test_an_older_update_that_comes_twice_changes_nothing_the_second_time(
    database: Database, sql: Sql, equity: str
) -> None:
    clock = Clock()
    accounts = tracker(database, clock)
    accounts.take(KEY, told(clock, "50100"))
    older = told(clock, equity, seconds=-10)
    first = accounts.take(KEY, older)

    again = accounts.take(KEY, older)

    assert (first.outcome, again.outcome) == (Outcome.OLDER, Outcome.REPEATED)
    assert again.view.tracked == first.view.tracked
    assert len(history(sql)) == 2


def test_what_was_current_once_and_comes_again_late_is_not_kept_twice(database: Database, sql: Sql) -> None:
    clock = Clock()
    accounts = tracker(database, clock)
    first = told(clock, "50100")
    accounts.take(KEY, first)
    accounts.take(KEY, told(clock, "50200", seconds=5))

    assert accounts.take(KEY, first).outcome is Outcome.REPEATED
    assert history(sql) == [("EXTREME", Decimal(50100)), ("EXTREME", Decimal(50200))]


def test_an_older_update_never_takes_back_what_a_newer_one_says_of_a_day(database: Database, sql: Sql) -> None:
    clock = Clock()
    accounts = tracker(database, clock)
    accounts.take(KEY, with_days(told(clock, "50200"), d18="200"))

    accounts.take(KEY, with_days(told(clock, "50100", seconds=-10), d18="100", d17="70"))

    days = sql("SELECT day, platform_pl FROM account_days ORDER BY day")
    assert [(row["day"], row["platform_pl"]) for row in days] == [(YESTERDAY, Decimal(70)), (TODAY, Decimal(200))]


@pytest.mark.parametrize(
    ("seconds", "no_data"),
    [(9.999, True), (10, False), (10.001, False)],
)
def test_figures_from_before_the_connection_was_lost_do_not_bring_it_back(
    database: Database, seconds: float, no_data: bool
) -> None:
    clock = Clock()
    accounts = tracker(database, clock)
    accounts.take(KEY, told(clock, "50000"))
    accounts.take(KEY, silence(clock, seconds=10))

    seen = accounts.take(KEY, told(clock, "50050", seconds=seconds)).view

    assert seen.state["equity"] == Decimal(50050)
    assert seen.standing.no_data is no_data


@pytest.mark.parametrize(
    ("realized", "equity", "daily_floor"),
    [("-400", "49500", "49000"), ("400", "50500", "49000"), (None, "49500", "48500")],
)
def test_an_account_first_seen_within_a_day_had_no_position_when_the_day_began(
    database: Database, realized: str | None, equity: str, daily_floor: str
) -> None:
    clock = Clock()
    balance = Decimal(50000) + Decimal(realized or 0)
    first = replace(told(clock, equity, str(balance)), realized_pl=None if realized is None else Decimal(realized))

    assert tracker(database, clock).take(KEY, first).view.standing.daily_floor == Decimal(daily_floor)


def test_what_is_left_over_from_before_a_new_start_is_history_and_sets_no_mark(database: Database, sql: Sql) -> None:
    clock = Clock()
    accounts = tracker(database, clock)
    accounts.take(KEY, told(clock, "51000"))
    accounts.take(KEY, told(clock, "48000", seconds=1))
    clock.now += timedelta(seconds=60)
    began = accounts.restart(KEY, reason="the firm reset the account", set_by="owner")

    left_over = accounts.take(KEY, told(clock, "52000", seconds=-30))
    fresh = accounts.take(KEY, told(clock, "50000", seconds=1))

    assert began.view.tracked.life == 2
    assert left_over.outcome is Outcome.OLDER
    assert (fresh.outcome, fresh.view.standing.state) == (Outcome.CURRENT, StandingState.ACTIVE)
    assert (fresh.view.standing.high_water_mark, fresh.view.standing.floor) == (Decimal(50000), Decimal(48000))
    assert ("LATE", Decimal(52000)) in history(sql)
    assert tracker(database, clock).view(KEY).tracked == fresh.view.tracked
    restarts = sql("SELECT life, reason, set_by, restarted_at FROM account_restarts")
    assert restarts == [
        {"life": 2, "reason": "the firm reset the account", "set_by": "owner", "restarted_at": clock.now}
    ]


class Slow(AccountRecord):
    """A record whose answer comes after something else has happened, once."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.meanwhile: Callable[[], None] | None = None

    def write(self, change: AccountWrite) -> bool:
        written = super().write(change)
        self._let_happen()
        return written

    def read(self, keys: Iterable[AccountKey]) -> dict[AccountKey, Known]:
        found = super().read(keys)
        self._let_happen()
        return found

    def _let_happen(self) -> None:
        if self.meanwhile is not None:
            happen, self.meanwhile = self.meanwhile, None
            happen()


def slow_tracker(record: Slow, clock: Clock) -> AccountTracker:
    return AccountTracker(
        record,
        rules_of=lambda _: RULES,
        environment_of=lambda _: Environment(read_at=NOON),
        clock=clock,
        max_age=Decimal(300),
    )


def test_a_read_that_is_overtaken_by_a_write_does_not_undo_it(database: Database) -> None:
    clock = Clock()
    tracker(database, clock).take(KEY, told(clock, "50000"))
    record = Slow(database)
    accounts = slow_tracker(record, clock)

    def meanwhile() -> None:
        accounts.take(KEY, told(clock, "50500", seconds=1))

    record.meanwhile = meanwhile
    accounts.view(KEY)

    assert accounts.view(KEY).state["equity"] == Decimal(50500)


def test_a_write_whose_answer_is_overtaken_is_not_taken_for_the_newest(database: Database) -> None:
    clock = Clock()
    record = Slow(database)
    other = tracker(database, clock)
    accounts = slow_tracker(record, clock)
    accounts.view(KEY)

    def meanwhile() -> None:
        other.set_flags(KEY, {"paused": True}, set_by="owner", reason="news")
        accounts.heard(KEY, 2)

    record.meanwhile = meanwhile
    accounts.take(KEY, told(clock, "50000"))

    assert accounts.view(KEY).standing.state is StandingState.HALTED
