"""Clocks in processes of their own: killed, stopped, two at once, restarted in the middle of a storm."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from database.connection import Database
from domain.account import AccountKey
from domain.account_update import AccountUpdate, Source
from tests.clock_process import ACCOUNTS, APEX, FTMO, SPREAD, TOPSTEP, tracker_of
from tests.conftest import Sql
from tests.processes import clock_process, wait_until

NOON = datetime(2026, 11, 18, 17, 0, tzinfo=UTC)
RESET = datetime(2026, 11, 18, 23, 0, tzinfo=UTC)  # of all three in winter; a day is closed five seconds later
DAY = timedelta(days=1)


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def take(database: Database, key: AccountKey, at: datetime, equity: int, balance: int) -> None:
    update = AccountUpdate(
        at=at, received_at=at, source=Source.PLATFORM, equity=Decimal(equity), balance=Decimal(balance)
    )
    tracker_of(database, at, passing=False).take(key, update)


def count(sql: Sql, table: str) -> int:
    return int(sql(f"SELECT count(*) FROM {table}")[0]["count"])


def leads(log: Path) -> bool:
    return "This process leads" in log.read_text()


def resets_of(sql: Sql, key: AccountKey) -> list[dict[str, Any]]:
    return sql("SELECT * FROM account_resets WHERE firm_code = %s ORDER BY day", key.firm_code)


def begun_days(sql: Sql, key: AccountKey) -> list[str]:
    rows = sql("SELECT mark FROM account_alerts WHERE firm_code = %s AND is_event ORDER BY id", key.firm_code)
    return [row["mark"] for row in rows]


def test_days_that_ended_while_no_process_ran_are_caught_up_in_order(
    database_url: str, database: Database, sql: Sql, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with clock_process(database_url, first, NOON) as process:
        wait_until(lambda: leads(first), what="the first process to lead")
        for number, key in enumerate(ACCOUNTS):
            take(database, key, NOON, 50000, 50000)
            take(database, key, NOON + timedelta(minutes=1), 50300 + number, 50200 + number)
        kill(process)
    assert count(sql, "account_resets") == 0

    with clock_process(database_url, second, NOON + 3 * DAY):
        wait_until(lambda: count(sql, "account_resets") == 9, what="nine resets")

    for number, key in enumerate(ACCOUNTS):
        resets = resets_of(sql, key)
        assert [row["due_at"] for row in resets] == [RESET, RESET + DAY, RESET + 2 * DAY]
        assert [row["performed_at"] for row in resets] == sorted(row["performed_at"] for row in resets)
        assert {row["caught_up"] for row in resets} == {True}
        assert {(row["closing_equity"], row["closing_balance"]) for row in resets} == {(50300 + number, 50200 + number)}
        assert {row["figures_at"] for row in resets} == {NOON + timedelta(minutes=1)}
        days = sql("SELECT * FROM account_days WHERE firm_code = %s ORDER BY day", key.firm_code)
        assert [(row["start_balance"], row["end_balance"]) for row in days] == [
            (50000, 50200 + number),
            (50200 + number, 50200 + number),
            (50200 + number, 50200 + number),
        ]
        assert [(row["high_equity"], row["low_equity"]) for row in days] == [
            (50300 + number, 50000),
            (None, None),
            (None, None),
        ]
        assert all(row["caught_up"] and not row["corrected"] for row in days)
        (state,) = sql("SELECT * FROM account_states WHERE firm_code = %s", key.firm_code)
        assert (state["day_start_balance"], state["hwm_eod"]) == (50200 + number, 50200 + number)
        assert begun_days(sql, key) == [state["firm_day"].isoformat()]
        closes = sql("SELECT observed_at FROM account_snapshots WHERE kind = 'CLOSE' AND firm_code = %s", key.firm_code)
        assert [row["observed_at"] for row in closes] == [row["due_at"] for row in resets]
    assert second.read_text().count("closed caught up") == 9
    floors = {row["firm_code"]: row["floor"] for row in sql("SELECT firm_code, floor FROM account_states")}
    assert floors == {"FTMO": 48000, "APEX": 48301, "TOPSTEP": 48202}


def test_two_processes_at_one_reset_perform_it_once(
    database_url: str, database: Database, sql: Sql, tmp_path: Path
) -> None:
    for key in ACCOUNTS:
        take(database, key, NOON, 50100, 50000)
    logs = [tmp_path / "one", tmp_path / "two", tmp_path / "three"]
    with ExitStack() as processes:
        for log in logs:
            processes.enter_context(clock_process(database_url, log, RESET + timedelta(seconds=3)))
        wait_until(lambda: count(sql, "account_resets") == 3, what="three resets")
        time.sleep(0.6)
        assert [leads(log) for log in logs].count(True) == 1

    assert count(sql, "account_resets") == 3
    assert sum(log.read_text().count("closed on time") for log in logs) == 3
    for key in ACCOUNTS:
        assert len(begun_days(sql, key)) == 1


def test_the_follower_takes_over_when_the_leader_is_killed(
    database_url: str, database: Database, sql: Sql, tmp_path: Path
) -> None:
    take(database, APEX, NOON, 50100, 50000)
    one, two = tmp_path / "one", tmp_path / "two"
    interval = ("--interval", "1")
    with clock_process(database_url, one, NOON, *interval) as leader:
        wait_until(lambda: leads(one), what="the first process to lead")
        with clock_process(database_url, two, RESET + timedelta(seconds=6), *interval):
            wait_until(lambda: _sessions(sql) == 2, what="the second process to ask")
            time.sleep(0.5)
            assert count(sql, "account_resets") == 0
            kill(leader)
            taken_over = wait_until(lambda: leads(two), what="the follower to lead", seconds=5.0)
            wait_until(lambda: count(sql, "account_resets") == 1, what="the reset")
    assert taken_over < 2.0


def test_a_stopped_leader_is_replaced_and_does_no_harm_when_it_wakes_up(
    database_url: str, database: Database, sql: Sql, tmp_path: Path
) -> None:
    """Its lock stays with it until the server ends its idle session, here after one second."""
    take(database, APEX, NOON, 50100, 50000)
    one, two = tmp_path / "one", tmp_path / "two"
    with clock_process(database_url, one, RESET, "--idle", "1") as leader:
        wait_until(lambda: leads(one), what="the first process to lead")
        leader.send_signal(signal.SIGSTOP)
        with clock_process(database_url, two, RESET + timedelta(seconds=6)):
            wait_until(lambda: leads(two), what="the follower to lead", seconds=10.0)
            wait_until(lambda: count(sql, "account_resets") == 1, what="the reset")
            wait_until(lambda: count(sql, "account_states") == len(ACCOUNTS), what="every account's row")
            before = sql("SELECT * FROM account_states ORDER BY firm_code")
            leader.send_signal(signal.SIGCONT)
            wait_until(lambda: "Leadership lost" in one.read_text(), what="the old leader to notice")
            time.sleep(0.5)
            assert one.read_text().count("This process leads") == 1
    assert sql("SELECT * FROM account_states ORDER BY firm_code") == before
    assert count(sql, "account_resets") == 1
    assert begun_days(sql, APEX) == ["2026-11-19"]


@pytest.mark.parametrize("processes", [1, 2])
def test_storms_cut_short_by_restarts_leave_every_day_closed_once(
    database_url: str, database: Database, sql: Sql, tmp_path: Path, processes: int
) -> None:
    """Late and repeated updates from one or two processes over three resets, each killed at work."""
    rounds = 3
    for number in range(rounds):
        logs = [tmp_path / f"{number}-{process}" for process in range(processes)]
        before = count(sql, "account_snapshots")
        with ExitStack() as running:
            now = RESET + number * DAY - timedelta(seconds=1)
            started = [
                running.enter_context(clock_process(database_url, log, now, "--storm", f"{number}{process}"))
                for process, log in enumerate(logs)
            ]
            wait_until(lambda: count(sql, "account_resets") == 3 * (number + 1), what="the round's resets")  # noqa: B023
            wait_until(lambda: count(sql, "account_snapshots") > before + 100, what="the storm")  # noqa: B023
            for process in started:
                kill(process)
        assert all("Traceback" not in log.read_text() for log in logs)
    last = RESET + rounds * DAY + timedelta(hours=1)
    with clock_process(database_url, tmp_path / "last", last):
        wait_until(lambda: count(sql, "account_resets") == 3 * (rounds + 1), what="the last resets")

    for key in ACCOUNTS:
        check(sql, key, [RESET + number * DAY for number in range(rounds + 1)])


def check(sql: Sql, key: AccountKey, due: list[datetime]) -> None:
    resets = resets_of(sql, key)
    assert [row["due_at"] for row in resets] == due
    assert [row["caught_up"] for row in resets] == [False, False, False, True]
    days = sql("SELECT * FROM account_days WHERE firm_code = %s ORDER BY day", key.firm_code)
    (state,) = sql("SELECT * FROM account_states WHERE firm_code = %s", key.firm_code)
    assert [row["day"] for row in days] == [row["day"] for row in resets]
    for day, following in pairwise(days):
        assert (following["start_balance"], following["start_equity"]) == (day["end_balance"], day["end_equity"])
    assert (state["day_start_balance"], state["day_start_equity"]) == (days[-1]["end_balance"], days[-1]["end_equity"])
    for day, reset in zip(days, resets, strict=True):
        assert (day["end_equity"], day["end_balance"]) == (reset["closing_equity"], reset["closing_balance"])
        assert reset["figures_at"] < reset["due_at"]
        if day["high_equity"] is not None:
            assert day["low_equity"] <= day["end_equity"] <= day["high_equity"]
    told = sql(
        "SELECT max(equity) AS equity, max(balance) AS balance, max(observed_at) FILTER (WHERE kind <> 'CLOSE') AS at"
        " FROM account_snapshots WHERE firm_code = %s",
        key.firm_code,
    )[0]
    # Every new extreme and everything late is in the history, so its highest are the marks.
    assert (state["hwm_intraday"], state["hwm_closed"]) == (told["equity"], told["balance"])
    assert state["hwm_eod"] >= max(day["end_balance"] for day in days)
    assert timedelta(0) <= state["observed_at"] - told["at"] < timedelta(seconds=SPREAD)
    floor = {FTMO: Decimal(48000), APEX: told["equity"] - 2000, TOPSTEP: max(50000, state["hwm_eod"]) - 2000}[key]
    assert state["floor"] == floor
    closes = sql("SELECT observed_at FROM account_snapshots WHERE kind = 'CLOSE' AND firm_code = %s", key.firm_code)
    assert sorted(row["observed_at"] for row in closes) == due
    assert begun_days(sql, key) == [(at + timedelta(hours=20)).date().isoformat() for at in due]
    breached = sql(
        "SELECT 1 AS row FROM account_alerts WHERE rule = 'BREACH' AND firm_code = %s AND cleared_at IS NULL",
        key.firm_code,
    )
    lost = state["breached_at"] is not None or (key == FTMO and state["daily_breached_at"] is not None)
    assert bool(breached) is lost


def _sessions(sql: Sql) -> int:
    asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'execution-router-leader'"
    return int(sql(asked + " AND datname = current_database()")[0]["count"])
