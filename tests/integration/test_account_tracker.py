"""Accounts on a real record: updates in any order, restarts, other processes, storms."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import psycopg2
import pytest

from account_engine.account_tracker import AccountTracker
from account_engine.account_view import Environment
from account_engine.standing import StandingState
from account_engine.tracked import Outcome
from database.accounts import AccountRecord
from database.connection import Database
from domain.account import AccountKey
from domain.account_update import AccountUpdate, Source
from domain.drawdown_rule import Consequence, DailyLoss, DayBase, DrawdownRule, Family
from domain.firm_day import FirmDay
from domain.rule_set import AccountRules
from tests.conftest import Sql
from tests.processes import wait_until

KEY = AccountKey("APEX", 1)
NOON = datetime(2026, 11, 18, 17, 0, tzinfo=UTC)  # 12:00 in New York
RULES = AccountRules(
    firm_code="APEX",
    program_id=1,
    day=FirmDay(reset=time(18), zone="America/New_York"),
    drawdown=DrawdownRule(
        family=Family.TRAILING_INTRADAY,
        starting_balance=Decimal(50000),
        amount=Decimal(2000),
        lock_at=Decimal(50100),
        daily=DailyLoss(amount=Decimal(1000), base=DayBase.EQUITY, consequence=Consequence.PAUSED_TO_RESET),
    ),
)


class Clock:
    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def tracker(
    database: Database, clock: Clock, rules: AccountRules = RULES, environment: Environment | None = None
) -> AccountTracker:
    return AccountTracker(
        AccountRecord(database),
        rules_of=lambda _: rules,
        environment_of=lambda _: Environment(read_at=NOON) if environment is None else environment,
        clock=clock,
        max_age=Decimal(300),
    )


def told(clock: Clock, equity: str, balance: str = "50000", *, seconds: float = 0.0) -> AccountUpdate:
    at = clock.now + timedelta(seconds=seconds)
    return AccountUpdate(
        at=at, received_at=clock.now, source=Source.PLATFORM, equity=Decimal(equity), balance=Decimal(balance)
    )


def test_an_update_is_kept_and_seen_by_another_process(database: Database, sql: Sql) -> None:
    clock = Clock()
    one, other = tracker(database, clock), tracker(database, clock)
    other.view(KEY)

    taken = one.take(KEY, told(clock, "50500.25"))
    other.refresh([KEY])
    seen = other.view(KEY)

    assert taken.outcome is Outcome.CURRENT
    assert seen.state["equity"] == Decimal("50500.25")
    assert (seen.source, seen.age) == (Source.PLATFORM, Decimal("0.0"))
    assert seen.standing == taken.view.standing
    assert (seen.standing.floor, seen.standing.high_water_mark) == (Decimal("48500.25"), Decimal("50500.25"))
    assert seen.tracked == taken.view.tracked
    row = sql("SELECT version, equity, hwm_intraday, hwm_intraday_at, floor, firm_day FROM account_states")[0]
    assert row == {
        "version": 1,
        "equity": Decimal("50500.25"),
        "hwm_intraday": Decimal("50500.25"),
        "hwm_intraday_at": NOON,
        "floor": Decimal("48500.25"),
        "firm_day": NOON.date(),
    }


def test_a_repeated_update_changes_nothing_and_an_older_one_is_history(database: Database, sql: Sql) -> None:
    clock = Clock()
    accounts = tracker(database, clock)
    newest = told(clock, "50100")
    accounts.take(KEY, newest)

    assert accounts.take(KEY, newest).outcome is Outcome.REPEATED
    older = accounts.take(KEY, told(clock, "50900", seconds=-10))

    assert older.outcome is Outcome.OLDER
    assert older.view.state["equity"] == Decimal(50100)
    assert older.view.standing.high_water_mark == Decimal(50900)
    kinds = sql("SELECT kind, equity FROM account_snapshots ORDER BY id")
    assert kinds == [{"kind": "EXTREME", "equity": Decimal(50100)}, {"kind": "LATE", "equity": Decimal(50900)}]


def test_a_stale_cache_never_overwrites_what_another_process_wrote(database: Database) -> None:
    clock = Clock()
    one, other = tracker(database, clock), tracker(database, clock)
    one.take(KEY, told(clock, "50000"))
    other.view(KEY)
    one.take(KEY, told(clock, "51000", seconds=1))

    seen = other.take(KEY, told(clock, "50200", seconds=2)).view

    assert seen.standing.high_water_mark == Decimal(51000)
    assert seen.tracked.version == 3


def test_flags_and_overrides_outlive_the_process(database: Database) -> None:
    clock = Clock()
    accounts = tracker(database, clock)
    accounts.take(KEY, told(clock, "50000"))
    accounts.set_flags(KEY, {"paused": True}, set_by="owner", reason="news")
    accounts.set_override(
        KEY,
        {"equity": Decimal("47000.50")},
        reason="platform shows nonsense",
        set_by="owner",
        expires_at=datetime(2030, 1, 1, tzinfo=UTC),
    )

    view = tracker(database, clock).view(KEY)

    assert view.state["paused"] is True
    assert (view.source, view.state["equity"]) == (Source.OVERRIDE, Decimal("47000.50"))
    assert view.standing.state is StandingState.BREACHED
    assert view.tracked.figures["equity"] == Decimal(50000)
    accounts.set_override(KEY, {}, reason="gone", set_by="owner", expires_at=datetime(2030, 1, 1, tzinfo=UTC))
    assert accounts.view(KEY).standing.state is StandingState.HALTED


def test_each_day_is_closed_once_and_caught_up_in_order(database: Database, sql: Sql) -> None:
    clock = Clock()
    accounts = tracker(database, clock)
    accounts.take(KEY, told(clock, "50800", "50700"))
    clock.now = NOON + timedelta(days=3)

    for process in (accounts, tracker(database, clock), tracker(database, clock)):
        process.let_time_pass(KEY)

    resets = sql("SELECT day, due_at, caught_up, closing_equity, closing_balance FROM account_resets ORDER BY day")
    assert [(str(reset["day"]), reset["caught_up"]) for reset in resets] == [
        ("2026-11-18", True),
        ("2026-11-19", True),
        ("2026-11-20", True),
    ]
    assert resets[0]["due_at"] == datetime(2026, 11, 18, 23, 0, tzinfo=UTC)
    days = sql("SELECT start_balance, end_balance, end_equity FROM account_days ORDER BY day")
    assert days[0] == {"start_balance": Decimal(50700), "end_balance": Decimal(50700), "end_equity": Decimal(50800)}
    events = sql("SELECT rule, mark FROM account_alerts WHERE is_event ORDER BY id")
    assert events == [{"rule": "DAY_RESET", "mark": "2026-11-21"}]


@pytest.mark.parametrize(("equity", "rule"), [("49500.01", None), ("49500", "50"), ("49000", "DAILY_LIMIT_REACHED")])
def test_alerts_are_raised_once_and_survive_a_restart(
    database: Database, sql: Sql, equity: str, rule: str | None
) -> None:
    clock = Clock()
    tracker(database, clock).take(KEY, told(clock, "50000"))
    for second in (1, 2, 3):
        tracker(database, clock).take(KEY, told(clock, equity, seconds=second))

    raised = [
        row["mark"] or row["rule"] for row in sql("SELECT rule, mark FROM account_alerts WHERE rule LIKE 'DAILY%'")
    ]
    assert len(raised) == len(set(raised))
    assert (rule in raised) is (rule is not None)


def test_late_news_is_on_record_once_even_where_it_changes_nothing_else(database: Database, sql: Sql) -> None:
    clock = Clock()
    accounts = tracker(database, clock)
    for equity, second in (("50100", 0), ("49900", 1), ("50000", 10), ("50050", 5), ("50050", 5)):
        accounts.take(KEY, told(clock, equity, seconds=second))
    late = sql("SELECT equity, firm_day FROM account_snapshots WHERE kind = 'LATE'")
    assert late == [{"equity": Decimal(50050), "firm_day": NOON.date()}]


@pytest.mark.parametrize(
    ("figures", "alert"), [({}, "NO_DATA"), ({"equity": Decimal(50000)}, "STALE")], ids=["unknown", "environment"]
)
def test_an_account_that_nobody_tells_of_shows_so(
    database: Database, sql: Sql, figures: dict[str, Decimal], alert: str
) -> None:
    clock = Clock(NOON + timedelta(seconds=301))
    for _ in range(2):
        accounts = tracker(database, clock, environment=Environment(read_at=NOON, figures=figures))
        assert accounts.let_time_pass(KEY).view.standing.state is StandingState.UNKNOWN
    assert [row["rule"] for row in sql("SELECT rule FROM account_alerts")] == [alert]
    assert accounts.view(KEY).source is (Source.ENV if figures else Source.NONE)

    accounts.take(KEY, told(clock, "50000"))
    assert sql("SELECT rule, cleared_at FROM account_alerts") == [{"rule": alert, "cleared_at": clock.now}]


def test_an_alert_that_the_reset_ends_is_cleared_at_the_reset(database: Database, sql: Sql) -> None:
    clock = Clock()
    accounts = tracker(database, clock)
    accounts.take(KEY, told(clock, "50000"))
    accounts.take(KEY, told(clock, "49000", seconds=1))
    clock.now = datetime(2026, 11, 18, 23, 0, 5, tzinfo=UTC)

    accounts.let_time_pass(KEY)

    cleared = sql("SELECT cleared_at FROM account_alerts WHERE rule = 'DAILY_LIMIT_REACHED'")
    assert cleared == [{"cleared_at": clock.now}]
    assert sql("SELECT released FROM account_resets") == [{"released": True}]


@pytest.mark.parametrize("first", ["flag", "figures", "time"])
def test_a_peak_from_before_our_first_look_counts_whatever_comes_first(
    database: Database, sql: Sql, first: str
) -> None:
    clock = Clock()
    knows = Environment(read_at=NOON - timedelta(hours=1), peak_equity=Decimal(51000))
    if first == "flag":
        tracker(database, clock).set_flags(KEY, {"paused": False})
    elif first == "time":
        tracker(database, clock).let_time_pass(KEY)

    tracker(database, clock, environment=knows).take(KEY, told(clock, "50000"))

    assert sql("SELECT hwm_intraday, floor FROM account_states") == [
        {"hwm_intraday": Decimal(51000), "floor": Decimal(49000)}
    ]
    accounts = tracker(database, clock, environment=knows)
    assert accounts.restart(KEY, reason="new start", set_by="owner").view.standing.floor == Decimal(48000)
    clock.now += timedelta(seconds=1)
    tracker(database, clock, environment=knows).take(KEY, told(clock, "50000"))
    assert accounts.known(KEY).tracked.marks.intraday is None
    accounts.refresh([KEY])
    assert accounts.view(KEY).standing.floor == Decimal(48000)


def seen(accounts: AccountTracker) -> Any:
    """All that is known of the account; the order of days means nothing, and of its resets the newest is enough."""
    known = accounts.known(KEY)
    newest = {key.rule: key for key in sorted(known.alerts) if key.rule.is_event}
    alerts = {key for key in known.alerts if not key.rule.is_event} | set(newest.values())
    alone = replace(known, days=(), platform_days=(), alerts=frozenset(alerts))
    return alone, set(known.days), set(known.platform_days)


def test_what_a_process_remembers_is_what_is_on_record(database: Database) -> None:
    clock = Clock()
    loses = DailyLoss(amount=Decimal(1000), base=DayBase.LARGER, consequence=Consequence.ACCOUNT_LOST)
    assert RULES.drawdown is not None
    rules = replace(RULES, drawdown=replace(RULES.drawdown, family=Family.TRAILING_EOD, daily=loses))
    accounts = tracker(database, clock, rules)
    reset = datetime(2026, 11, 18, 23, 0, tzinfo=UTC)

    def same() -> None:
        assert seen(tracker(database, clock, rules)) == seen(accounts)

    def take(at: datetime, equity: str, balance: str = "50000", **more: Any) -> None:
        clock.now = max(clock.now, at)
        update = AccountUpdate(
            **{"at": at, "received_at": clock.now, "source": Source.FIRM_API, "equity": Decimal(equity), **more},
            balance=Decimal(balance),
        )
        accounts.take(KEY, update)
        same()

    take(NOON, "50000", daily_pl={date(2026, 11, 16): Decimal("12.5"), date(2026, 11, 18): Decimal(3)})
    take(NOON + timedelta(seconds=5), "50300.25", "50200.5", positions=({"symbol": "NQ", "size": Decimal("1.5")},))
    take(NOON + timedelta(seconds=3), "50900", details={"note": "late"})
    take(NOON + timedelta(seconds=9), "0", "0", no_data=True)
    clock.now = reset + timedelta(days=2, seconds=6)
    accounts.let_time_pass(KEY)
    same()
    take(reset - timedelta(seconds=1), "49100", "50100", realized_pl=Decimal(7))
    take(clock.now, "52300", "52200", daily_pl={date(2026, 11, 17): Decimal(-1), date(2026, 11, 18): Decimal(4)})
    take(clock.now + timedelta(days=1), "48000", "52200")
    accounts.set_flags(KEY, {"paused": True, "note": "x"})
    same()
    accounts.restart(KEY, reason="new start", set_by="owner")
    same()
    clock.now += timedelta(seconds=1)
    again = AccountUpdate(
        at=clock.now, received_at=clock.now, source=Source.PLATFORM, daily_pl={date(2026, 11, 17): Decimal(-2)}
    )
    accounts.take(KEY, again)
    same()
    assert all(day.finalised for day in accounts.known(KEY).platform_days)
    take(clock.now + timedelta(seconds=1), "50000")


@pytest.mark.parametrize(("equity", "lost"), [("49000.01", False), ("49000", True)])
def test_late_news_of_a_closed_day_is_held_against_the_limit_on_record(
    database: Database, equity: str, lost: bool
) -> None:
    clock = Clock()
    loses = DailyLoss(amount=Decimal(1000), base=DayBase.EQUITY, consequence=Consequence.ACCOUNT_LOST)
    assert RULES.drawdown is not None
    rules = replace(RULES, drawdown=replace(RULES.drawdown, family=Family.STATIC, lock_at=None, daily=loses))
    for day in range(3):
        clock.now = NOON + timedelta(days=day)
        tracker(database, clock, rules).take(KEY, told(clock, "50000"))
    late = told(clock, equity, seconds=-20 * 3600)
    assert tracker(database, clock, rules).take(KEY, late).outcome is Outcome.OLDER
    state = tracker(database, clock, rules).view(KEY).standing.state
    assert state is (StandingState.BREACHED if lost else StandingState.ACTIVE)


def test_what_has_no_place_in_a_record_fails_its_own_caller_only(database: Database, sql: Sql) -> None:
    clock = Clock()
    accounts = tracker(database, clock)
    with pytest.raises(TypeError, match="object"):
        accounts.take(KEY, replace(told(clock, "50000"), details={"thing": object()}))
    assert sql("SELECT 1 AS row FROM account_states") == []
    accounts.take(KEY, told(clock, "50000"))


def test_accounts_are_locked_in_one_order_whatever_the_order_of_their_news(
    database: Database, database_url: str, sql: Sql
) -> None:
    """Two processes that write the same accounts in different orders would each wait for the other."""
    clock, accounts = Clock(), tracker(database, Clock())
    one, two, three = (AccountKey("APEX", number) for number in (1, 2, 3))
    for key in (one, two, three):
        accounts.take(key, told(clock, "50000"))
    others = [psycopg2.connect(database_url) for _ in range(3)]
    row = "SELECT 1 FROM account_states WHERE program_id = %s FOR UPDATE"
    for holder, key in zip(others, (one, two), strict=False):
        holder.cursor().execute(row, [key.program_id])
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"

    def take(key: AccountKey) -> threading.Thread:
        thread = threading.Thread(target=accounts.take, args=(key, told(clock, "50100", seconds=1)))
        thread.start()
        return thread

    # The first write waits; those of 3 and 2 gather behind it, in this order, and go together when it is through.
    threads = [take(one)]
    wait_until(lambda: sql(waiting)[0]["count"] == 1, what="the first write to wait")
    for key in (three, two):
        threads.append(take(key))
        threading.Event().wait(0.2)
    others[0].rollback()
    threads[0].join(10.0)
    wait_until(lambda: sql(waiting)[0]["count"] == 1, what="the second write to wait for account 2")
    others[2].cursor().execute(row + " NOWAIT", [three.program_id])  # not held while account 2 is waited for

    for other in others:
        other.close()
    for thread in threads:
        thread.join(10.0)
    assert {row["equity"] for row in sql("SELECT equity FROM account_states")} == {Decimal(50100)}


def test_storms_on_many_accounts_from_two_processes_do_not_wait_for_each_other(database_url: str, sql: Sql) -> None:
    """Each process writes many accounts in one statement; in different orders they would lock each other out."""
    clock, keys = Clock(), [AccountKey("APEX", number) for number in range(1, 21)]
    databases = [Database(database_url, size=10) for _ in range(2)]
    failed: list[Exception] = []
    highest: dict[AccountKey, int] = {}

    def storm(accounts: AccountTracker, seed: int) -> None:
        chosen = random.Random(seed)
        for number in range(60):
            key, equity = chosen.choice(keys), 50000 + chosen.randrange(500)
            try:
                accounts.take(key, told(clock, str(equity), seconds=number + seed / 1000))
            except Exception as error:  # noqa: BLE001 - any failure fails the test
                failed.append(error)
            with lock:
                highest[key] = max(highest.get(key, 0), equity)

    lock = threading.Lock()
    processes = [tracker(database, clock) for database in databases]
    threads = [
        threading.Thread(target=storm, args=(accounts, 100 * number + seed))
        for number, accounts in enumerate(processes)
        for seed in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in databases:
        database.close()

    assert failed == []
    marks = {
        row["program_id"]: row["hwm_intraday"] for row in sql("SELECT program_id, hwm_intraday FROM account_states")
    }
    assert marks == {key.program_id: Decimal(equity) for key, equity in highest.items()}
