"""The accounts' clock on a real record: resets on time, caught up, once; two leaders, locked rows, outages."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg2
import pytest

from account_engine.account_tracker import RESET_GRACE, AccountTracker
from account_engine.account_view import Environment
from account_engine.tracked import AccountWrite, Known
from database.accounts import AccountRecord
from database.connection import Database
from domain.account import AccountKey
from domain.account_update import AccountUpdate, Source
from domain.rule_set import AccountRules
from routing.account_clock import AccountClock
from tests.clock_process import ACCOUNTS, APEX, FTMO, TOPSTEP, rules_of
from tests.conftest import Sql
from tests.processes import wait_until

NOON = datetime(2026, 11, 18, 17, 0, tzinfo=UTC)
RESET = datetime(2026, 11, 18, 23, 0, tzinfo=UTC)  # of all three in winter
SECOND = timedelta(seconds=1)
LOGGER = logging.getLogger("account-clock-test")


class Always:
    """Whoever believes to lead."""

    def is_leader(self) -> bool:
        return True


class Never:
    def is_leader(self) -> bool:
        return False


class Time:
    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def tracker(
    database: Database,
    time: Time,
    *,
    rules: Callable[[AccountKey], AccountRules] = rules_of,
    record: AccountRecord | None = None,
) -> AccountTracker:
    return AccountTracker(
        AccountRecord(database) if record is None else record,
        rules_of=rules,
        environment_of=lambda _: Environment(read_at=NOON),
        clock=time,
        max_age=Decimal(10**9),
    )


def clock_of(accounts: AccountTracker, keys: Iterable[AccountKey] = ACCOUNTS, interval: float = 0.01) -> AccountClock:
    return AccountClock(accounts, keys, Always(), interval=interval, logger=LOGGER)


def told(at: datetime, equity: int, balance: int = 50000, **more: Any) -> AccountUpdate:
    return AccountUpdate(
        **{"at": at, "received_at": at, "source": Source.PLATFORM, **more},
        equity=Decimal(equity),
        balance=Decimal(balance),
    )


@contextmanager
def running(clock: AccountClock) -> Iterator[AccountClock]:
    clock.start()
    try:
        yield clock
    finally:
        assert clock.stop(10.0)


def wait_for_resets(sql: Sql, number: int) -> None:
    wait_until(
        lambda: sql("SELECT count(*) FROM account_resets")[0]["count"] == number, what=f"{number} resets on record"
    )


# --- on time, exactly


@pytest.mark.parametrize(
    ("key", "day", "due"),
    [
        # Prague: summer time begins on 2026-03-29 and ends on 2026-10-25, at 01:00 UTC.
        (FTMO, "2026-03-28", "2026-03-28T23:00:00+00:00"),
        (FTMO, "2026-03-29", "2026-03-29T22:00:00+00:00"),
        (FTMO, "2026-10-24", "2026-10-24T22:00:00+00:00"),
        (FTMO, "2026-10-25", "2026-10-25T23:00:00+00:00"),
        # New York and Chicago: on 2026-03-08 and 2026-11-01, at 02:00 there.
        (APEX, "2026-03-07", "2026-03-07T23:00:00+00:00"),
        (APEX, "2026-03-08", "2026-03-08T22:00:00+00:00"),
        (APEX, "2026-10-31", "2026-10-31T22:00:00+00:00"),
        (APEX, "2026-11-01", "2026-11-01T23:00:00+00:00"),
        (TOPSTEP, "2026-03-07", "2026-03-07T23:00:00+00:00"),
        (TOPSTEP, "2026-03-08", "2026-03-08T22:00:00+00:00"),
        (TOPSTEP, "2026-10-31", "2026-10-31T22:00:00+00:00"),
        (TOPSTEP, "2026-11-01", "2026-11-01T23:00:00+00:00"),
    ],
)
def test_a_reset_is_at_its_instant_whatever_the_clocks_do(
    database: Database, sql: Sql, key: AccountKey, day: str, due: str
) -> None:
    instant = datetime.fromisoformat(due)
    time = Time(instant - timedelta(hours=3))
    accounts = tracker(database, time)
    accounts.take(key, told(time.now, 50100))
    clock = clock_of(accounts, [key])

    time.now = instant + RESET_GRACE - timedelta(microseconds=1)
    clock.tick()
    assert sql("SELECT 1 AS row FROM account_resets") == []
    time.now = instant + RESET_GRACE
    clock.tick()

    (reset,) = sql("SELECT day::text, due_at, caught_up, closing_equity FROM account_resets")
    assert reset == {"day": day, "due_at": instant, "caught_up": False, "closing_equity": Decimal(50100)}
    time.now = instant + timedelta(hours=22, minutes=59)
    clock.tick()
    assert len(sql("SELECT 1 AS row FROM account_resets")) == 1


def test_a_week_around_a_change_of_the_clock_is_caught_up_day_by_day(database: Database, sql: Sql) -> None:
    time = Time(datetime(2026, 3, 26, 12, 0, tzinfo=UTC))
    accounts = tracker(database, time)
    accounts.take(FTMO, told(time.now, 50100))
    time.now = datetime(2026, 4, 1, 12, 0, tzinfo=UTC)
    clock_of(tracker(database, time)).tick()
    resets = sql(
        "SELECT to_char(due_at AT TIME ZONE 'UTC', 'DD HH24') AS due, caught_up FROM account_resets ORDER BY day"
    )
    assert [row["due"] for row in resets] == ["26 23", "27 23", "28 23", "29 22", "30 22", "31 22"]
    assert all(row["caught_up"] for row in resets)


def test_a_clock_set_back_after_a_reset_does_nothing_again(database: Database, sql: Sql) -> None:
    time = Time()
    accounts = tracker(database, time)
    for key in ACCOUNTS:
        accounts.take(key, told(time.now, 50100))
    time.now = RESET + 6 * SECOND
    clock_of(accounts).tick()
    tables = ("account_resets", "account_days", "account_states", "account_snapshots", "account_alerts")
    before = {table: sql(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables}

    for earlier in (1, 60, 3600, 86400, 3 * 86400):
        time.now = RESET - earlier * SECOND
        clock_of(accounts).tick()
        clock_of(tracker(database, time)).tick()
    time.now = RESET + 7 * SECOND
    clock_of(accounts).tick()

    assert {table: sql(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables} == before


def test_a_reset_releases_what_is_paused_until_it_and_nothing_that_is_lost(database: Database, sql: Sql) -> None:
    time = Time()
    accounts = tracker(database, time)
    for key in ACCOUNTS:
        accounts.take(key, told(time.now, 50000))
        accounts.take(key, told(time.now + SECOND, 49000, 49000))
    time.now = RESET + 6 * SECOND

    clock_of(accounts).tick()

    rows = sql("SELECT firm_code, released FROM account_resets ORDER BY firm_code")
    assert [(row["firm_code"], row["released"]) for row in rows] == [("APEX", True), ("FTMO", False), ("TOPSTEP", True)]
    states = {key.firm_code: str(accounts.view(key).standing.state) for key in ACCOUNTS}
    assert states == {"APEX": "ACTIVE", "FTMO": "BREACHED", "TOPSTEP": "ACTIVE"}
    severe = "SELECT firm_code, rule, cleared_at FROM account_alerts WHERE rule IN ('BREACH', 'DAILY_LIMIT_REACHED')"
    assert {(row["firm_code"], row["rule"], row["cleared_at"]) for row in sql(severe)} == {
        ("APEX", "DAILY_LIMIT_REACHED", time.now),
        ("FTMO", "BREACH", None),
        ("TOPSTEP", "DAILY_LIMIT_REACHED", time.now),
    }


def test_news_of_a_closed_day_corrects_its_close_on_record(database: Database, sql: Sql) -> None:
    time = Time()
    accounts = tracker(database, time)
    accounts.take(TOPSTEP, told(NOON, 50200, 50100))
    time.now = RESET + 6 * SECOND
    clock_of(accounts).tick()

    accounts.take(TOPSTEP, told(RESET - SECOND, 50700, 50600, received_at=time.now))
    clock_of(tracker(database, time)).tick()

    (reset,) = sql("SELECT closing_balance, closing_equity, figures_at, caught_up FROM account_resets")
    assert reset == {
        "closing_balance": Decimal(50600),
        "closing_equity": Decimal(50700),
        "figures_at": RESET - SECOND,
        "caught_up": False,
    }
    (day,) = sql("SELECT * FROM account_days")
    assert (day["start_balance"], day["start_equity"]) == (50100, 50200)
    assert (day["end_balance"], day["end_equity"], day["high_equity"], day["low_equity"]) == (
        50600,
        50700,
        50700,
        50200,
    )
    assert (day["corrected"], day["caught_up"], day["finalised_at"]) == (True, False, RESET)
    (state,) = sql(
        "SELECT day_start_balance, day_start_equity, hwm_eod, floor FROM account_states WHERE firm_code = 'TOPSTEP'"
    )
    assert state == {
        "day_start_balance": Decimal(50600),
        "day_start_equity": Decimal(50700),
        "hwm_eod": Decimal(50600),
        "floor": Decimal(48600),
    }
    accounts.take(TOPSTEP, told(RESET - SECOND / 2, 50300, 50200, received_at=time.now))
    (day,) = sql("SELECT end_equity, high_equity, low_equity FROM account_days")
    assert (day["end_equity"], day["high_equity"], day["low_equity"]) == (50300, 50700, 50200)
    kinds = sql("SELECT kind, count(*) FROM account_snapshots GROUP BY kind ORDER BY kind")
    assert [(row["kind"], row["count"]) for row in kinds] == [("CLOSE", 1), ("EXTREME", 1), ("LATE", 2)]
    assert len(sql("SELECT 1 AS row FROM account_alerts WHERE rule = 'DAY_RESET'")) == 1


# --- who leads, and what if two do


def test_a_follower_does_nothing(database: Database, sql: Sql) -> None:
    time = Time()
    accounts = tracker(database, time)
    accounts.take(APEX, told(NOON, 50000))
    time.now = RESET + timedelta(days=2)
    with running(AccountClock(accounts, ACCOUNTS, Never(), interval=0.01, logger=LOGGER)) as clock:
        threading.Event().wait(0.3)
        assert clock.is_alive()
    assert sql("SELECT 1 AS row FROM account_resets") == []


def test_starting_twice_is_starting_once_and_a_stopped_clock_can_start_again(database: Database, sql: Sql) -> None:
    time = Time()
    accounts = tracker(database, time)
    accounts.take(APEX, told(NOON, 50000))
    clock = clock_of(accounts)
    assert not clock.is_alive()
    for day in (1, 2):
        clock.start()
        clock.start()
        assert len([thread for thread in threading.enumerate() if thread.name == "account-clock"]) == 1
        time.now = RESET + timedelta(days=day) + RESET_GRACE
        wait_for_resets(sql, 1 + day)
        assert clock.stop(5.0)
        assert not clock.is_alive()


def test_two_clocks_that_both_believe_to_lead_reset_once(database_url: str, sql: Sql) -> None:
    """No leadership at all: the record alone has to keep them apart, with updates coming in between."""
    days = 12
    time = Time(RESET - 30 * SECOND)
    databases = [Database(database_url, size=6) for _ in range(3)]
    clocks = [clock_of(tracker(database, time), interval=0.0) for database in databases[:2]]
    accounts = tracker(databases[2], time)
    written: dict[AccountKey, list[int]] = {key: [] for key in ACCOUNTS}
    closing: dict[tuple[AccountKey, int], int] = {}
    for key in ACCOUNTS:
        accounts.take(key, told(time.now, 50000))
    with running(clocks[0]), running(clocks[1]):
        for day in range(days):
            for number, key in enumerate(ACCOUNTS):
                for second in range(1, 6):
                    equity = 50000 + 37 * day * (-1) ** day + 11 * second + number
                    time.now = RESET + timedelta(days=day) - (10 - second) * SECOND
                    accounts.take(key, told(time.now, equity, equity))
                    written[key].append(equity)
                    closing[key, day] = equity
            time.now = RESET + timedelta(days=day) + RESET_GRACE
            wait_for_resets(sql, 3 * (day + 1))
        threading.Event().wait(0.2)
    for database in databases:
        database.close()

    for key in ACCOUNTS:
        resets = sql("SELECT * FROM account_resets WHERE firm_code = %s ORDER BY day", key.firm_code)
        assert [row["closing_equity"] for row in resets] == [closing[key, day] for day in range(days)]
        assert [row["due_at"] for row in resets] == [RESET + timedelta(days=day) for day in range(days)]
        assert not any(row["caught_up"] for row in resets)
        rows = sql("SELECT * FROM account_days WHERE firm_code = %s ORDER BY day", key.firm_code)
        assert [row["start_balance"] for row in rows[1:]] == [row["end_balance"] for row in rows[:-1]]
        (state,) = sql("SELECT * FROM account_states WHERE firm_code = %s", key.firm_code)
        assert state["hwm_intraday"] == max(50000, *written[key])
        assert state["hwm_eod"] == max(closing[key, day] for day in range(days))
        begun = sql("SELECT mark FROM account_alerts WHERE firm_code = %s AND is_event ORDER BY id", key.firm_code)
        assert [row["mark"] for row in begun] == [
            (RESET + timedelta(days=day)).date().isoformat() for day in range(1, days + 1)
        ]
        closes = sql("SELECT 1 AS row FROM account_snapshots WHERE firm_code = %s AND kind = 'CLOSE'", key.firm_code)
        assert len(closes) == days
    assert accounts_floor(sql, APEX) == max(50000, *written[APEX]) - 2000


def accounts_floor(sql: Sql, key: AccountKey) -> Decimal:
    floor = sql("SELECT floor FROM account_states WHERE firm_code = %s", key.firm_code)[0]["floor"]
    assert isinstance(floor, Decimal)
    return floor


# --- what goes wrong for one is no trouble for the others


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.__dict__.get("event", "") for record in caplog.records]


def test_an_account_that_fails_stops_no_other_and_is_complained_of_once(
    database: Database, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    time, broken = Time(), [True]

    def rules(key: AccountKey) -> AccountRules:
        if key == FTMO and broken[0]:
            raise ValueError("FTMO_1_MAX_DAILY_LOSS is no number")
        return rules_of(key)

    for key in ACCOUNTS:
        tracker(database, time).take(key, told(NOON, 50000))
    time.now = RESET + 6 * SECOND
    clock = clock_of(tracker(database, time, rules=rules))
    for _ in range(3):
        clock.tick()

    assert {row["firm_code"] for row in sql("SELECT firm_code FROM account_resets")} == {"APEX", "TOPSTEP"}
    assert events(caplog).count("account_clock_failed") == 1
    assert "FTMO/1" in caplog.text
    assert "FTMO_1_MAX_DAILY_LOSS is no number" in caplog.text

    broken[0] = False
    clock.tick()
    assert len(sql("SELECT 1 AS row FROM account_resets")) == 3
    broken[0] = True
    clock.tick()
    assert events(caplog).count("account_clock_failed") == 2


def test_a_row_that_cannot_be_read_stops_no_other(
    database: Database, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    time = Time()
    for key in ACCOUNTS:
        tracker(database, time).take(key, told(NOON, 50000))
    sql(
        "INSERT INTO account_overrides (firm_code, program_id, figures, reason, set_by, expires_at)"
        " VALUES ('FTMO', 1, '{\"equity\": \"much\"}', 'x', 'x', '2030-01-01')"
    )
    time.now = RESET + 6 * SECOND
    clock_of(tracker(database, time)).tick()
    assert {row["firm_code"] for row in sql("SELECT firm_code FROM account_resets")} == {"APEX", "TOPSTEP"}
    assert events(caplog).count("account_clock_failed") == 2


def test_a_row_that_somebody_holds_delays_its_own_account_only(database_url: str, sql: Sql) -> None:
    time = Time()
    database = Database(database_url, statement_timeout=0.3)
    accounts = tracker(database, time)
    for key in ACCOUNTS:
        accounts.take(key, told(NOON, 50000))
    time.now = RESET + 6 * SECOND
    holder = psycopg2.connect(database_url)
    holder.cursor().execute("SELECT 1 FROM account_states WHERE firm_code = 'FTMO' FOR UPDATE")

    with running(clock_of(accounts)):
        wait_for_resets(sql, 2)
        assert {row["firm_code"] for row in sql("SELECT firm_code FROM account_resets")} == {"APEX", "TOPSTEP"}
        holder.rollback()
        wait_for_resets(sql, 3)
    holder.close()
    database.close()


def test_a_database_that_goes_and_comes_back_is_waited_for(
    database: Database, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    time = Time()
    record = Unreachable(database)
    accounts = tracker(database, time, record=record)
    accounts.take(APEX, told(NOON, 50000))
    time.now = RESET + 6 * SECOND
    record.reachable = False
    with running(clock_of(accounts, [APEX])):
        wait_until(lambda: events(caplog).count("database_away") >= 3, what="three tries")
        assert sql("SELECT 1 AS row FROM account_resets") == []
        record.reachable = True
        wait_for_resets(sql, 1)
        sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        time.now += timedelta(days=1)
        wait_for_resets(sql, 2)


class Unreachable(AccountRecord):
    """A record on a database that can go away."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.reachable = True
        self._nowhere = Database("postgresql://nobody@127.0.0.1:1/none")

    def versions(self) -> dict[AccountKey, int]:
        return super().versions() if self.reachable else AccountRecord(self._nowhere).versions()


class Counting(AccountRecord):
    """A record that knows how often it was asked."""

    asked = 0

    def read(self, keys: Iterable[AccountKey]) -> dict[AccountKey, Known]:
        self.asked += 1
        return super().read(keys)

    def versions(self) -> dict[AccountKey, int]:
        self.asked += 1
        return super().versions()

    def write(self, change: AccountWrite) -> bool:
        self.asked += 1
        return super().write(change)


def test_nothing_due_costs_one_query_whatever_the_number_of_accounts(database: Database) -> None:
    time = Time()
    record = Counting(database)
    keys = [AccountKey("APEX", number) for number in range(1, 31)]
    accounts = tracker(database, time, rules=lambda _: rules_of(APEX), record=record)
    for key in keys:
        accounts.take(key, told(NOON, 50000))
    clock = clock_of(accounts, keys)
    clock.tick()
    record.asked = 0
    for _ in range(5):
        clock.tick()
    assert record.asked == 5
