"""Accounts on a real record: updates in any order, restarts, other processes, storms."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

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


def tracker(database: Database, clock: Clock, rules: AccountRules = RULES) -> AccountTracker:
    return AccountTracker(
        AccountRecord(database),
        rules_of=lambda _: rules,
        environment_of=lambda _: Environment(read_at=NOON),
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
