"""``python -m control``: the commands that look at the service, send a test signal, export, archive and follow it."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from control.__main__ import main
from control.arguments import command_parser
from database.accounts import AccountRecord
from database.connection import Database
from domain.account import AccountKey
from domain.test_signal import is_test
from execution_router import ExecutionRouter
from tests.audits import decide, past_the_triggers, seal_all
from tests.backups import SIGNED, Run, answer
from tests.conftest import Sql, repository
from tests.orders import Bench, entry_leg
from tests.processes import ROUTED, entry, web_process


@pytest.fixture
def router(database: Database, database_url: str) -> ExecutionRouter:
    return ExecutionRouter(settings=Settings.from_env({**ROUTED, "DATABASE_URL": database_url}), database=database)


def test_the_configuration_is_checked_without_a_database(on: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = "postgresql://me:pass-word@127.0.0.1:1/none"
    told = answer(on, nowhere, "check")
    assert told["accounts"] == [{"account": "FTMO/1", "armed": False}, {"account": "APEX/1", "armed": False}]
    assert (told["status"], told["mode"], told["errors"]) == ("ok", "dry-run", [])
    status, out, _ = on(nowhere, "check")
    assert (status, "Rules in force for APEX/1" in out, "pass-word" in out) == (0, True, False)
    monkeypatch.setenv("FTMO_1_MAX_CONTRACTS", "many")
    status, out, _ = on(nowhere, "check", "--json")
    assert (status, json.loads(out)["status"]) == (1, "errors")
    assert any("FTMO_1_MAX_CONTRACTS" in problem for problem in json.loads(out)["errors"])


def test_accounts_are_told_as_the_api_tells_them(on: Run, database_url: str, database: Database) -> None:
    AccountRecord(database).set_flags(AccountKey("APEX", 1), {"paused": True}, set_by="owner", reason="news")
    rows = answer(on, database_url, "accounts")["accounts"]
    assert [(row["account"]["firm_code"], row["standing"]["state"]) for row in rows] == [
        ("FTMO", "UNKNOWN"),
        ("APEX", "HALTED"),
    ]
    assert {"room", "daily_room", "floor_room", "age", "reasons"} <= set(rows[0]["standing"])
    status, out, _ = on(database_url, "accounts")
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [["FTMO/1", "UNKNOWN"], ["APEX/1", "HALTED"]]
    one = answer(on, database_url, "account", "apex/1")
    assert (one["standing"]["state"], "paused" in one["flags"]) == ("HALTED", True)
    assert on(database_url, "account", "APEX/1")[1].startswith("Account APEX/1: HALTED\n")
    status, _, err = on(database_url, "account", "APEX/7")
    assert (status, err) == (1, "Refused: no account APEX/7 is routed; the accounts are FTMO/1, APEX/1\n")


def test_the_status_is_that_of_health(on: Run, database_url: str, sql: Sql) -> None:
    told = answer(on, database_url, "status")
    assert (told["colour"], told["mode"], len(told["criteria"]), told["schema_missing"]) == ("yellow", "dry-run", 8, [])
    sql("INSERT INTO execution_tasks (trade_id, event_type, status, last_error, finished_at)"
        " VALUES ('T', 'ENTRY', 'FAILED', 'x', now())")  # fmt: skip
    sql("INSERT INTO router_heartbeats VALUES ('p1', 'WORKER', true, true, '{}', now())")
    status, out, _ = on(database_url, "status")
    lines = out.splitlines()
    assert (status, lines[0]) == (1, "RED, dry-run; 0 tasks wait, 0 are decided.")
    assert any(line.split()[:3] == ["red", "failed_tasks", "1"] for line in lines)
    assert any(line.startswith("p1  ") for line in lines)


def test_the_audit_is_verified_in_words_and_in_json(on: Run, database_url: str, database: Database, sql: Sql) -> None:
    decide(sql, 3)
    seal_all(database)
    head = answer(on, database_url, "audit", "head")
    told = answer(on, database_url, "audit", "verify", "--head", head["hash"])
    assert (told["clean"], told["sealed"], told["head"], told["found"]) == (True, 4, head, [])
    assert on(database_url, "audit")[1].startswith("CLEAN: 0 findings, 4 events sealed")
    past_the_triggers(sql, "UPDATE audit_events SET actor = 'x' WHERE id = 2")
    status, out, _ = on(database_url, "audit")
    assert (status, out.startswith("CHANGED EVENT: position 2")) == (1, True)
    status, out, _ = on(database_url, "audit", "--json")
    told = json.loads(out)
    assert (status, told["clean"], told["findings"]) == (1, False, 1)
    assert set(told["found"][0]) == {"fault", "where", "what", "means"}


def test_records_are_exported_between_times_and_with_the_archive(
    on: Run, database_url: str, router: ExecutionRouter, database: Database, sql: Sql, tmp_path: Path
) -> None:
    for trade in ("T1", "=T2", "T3"):
        router.handle_entry_signal(entry(trade))
    sql("INSERT INTO archive.execution_logs SELECT * FROM execution_logs WHERE trade_id = 'T3'")
    sql("DELETE FROM execution_logs WHERE trade_id = 'T3'")
    sql("UPDATE execution_logs SET created_at = '2026-01-01' WHERE trade_id = 'T1'")
    Bench(database, sql).plan("T9", entry_leg())

    status, out, _ = on(database_url, "export", "logs")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (status, [row["trade_id"] for row in rows]) == (0, ["T1", "'=T2", "T3", "T9"])
    assert json.loads(rows[0]["response_body"])["connector_results"][0]["firm_code"] == "FTMO"
    status, out, _ = on(
        database_url, "export", "logs", "--since", "2026-01-01", "--until", "2026-01-02", "--format", "jsonl"
    )
    assert [json.loads(line)["trade_id"] for line in out.splitlines()] == ["T1"]
    assert on(database_url, "export", "logs", "--until", "2026-01-01")[1] == ""
    status, out, _ = on(database_url, "export", "logs", "--since", "2026-01-02", "--format", "jsonl")
    assert [json.loads(line)["trade_id"] for line in out.splitlines()] == ["=T2", "T3", "T9"]
    file = tmp_path / "orders.jsonl"
    told = answer(on, database_url, "export", "orders", "--format", "jsonl", "--output", file)
    assert told == {"status": "exported", "records": 1, "format": "jsonl", "file": str(file)}
    assert json.loads(file.read_text())["trade_id"] == "T9"
    assert answer(on, database_url, "export", "signals", "--output", tmp_path / "s.csv")["records"] == 3
    seal_all(database)
    status, out, _ = on(database_url, "export", "audit", "--until", "2100-01-01")
    assert json.loads(out.splitlines()[0])["event"]["kind"] == "AUDIT_BEGAN"
    assert on(database_url, "export", "audit", "--until", "2026-01-01")[1] == ""


def test_the_archive_is_filled_and_emptied(on: Run, database_url: str, router: ExecutionRouter, sql: Sql) -> None:
    router.handle_entry_signal(entry("T1"))
    sql("SET session_replication_role = replica")
    for table, column in (("execution_tasks", "finished_at"), ("automated_signals", "received_at")):
        sql(f"UPDATE {table} SET {column} = {column} - interval '100 days'")
    told = answer(on, database_url, "archive", "--older-than", "90d", "--dry-run")
    assert (told["status"], told["tasks"]) == ("dry_run", 0)
    assert told["prospect"] == [{"kept_because": None, "trades": 1, "tasks": 1}]
    assert answer(on, database_url, "archive", "--older-than", "90d")["tasks"] == 1
    assert on(database_url, "archive", "--older-than", "90d", "--drop") == (0, "Tasks dropped: 1\n", "")


def test_a_test_signal_goes_through_the_webhook_and_is_never_sent(
    on: Run, database_url: str, sql: Sql, tmp_path: Path
) -> None:
    price = ("signal", "--entry", "16500", "--stop", "16475.25", *SIGNED)
    status, _, err = on(database_url, *price, "--url", "http://127.0.0.1:1")
    assert (status, "no service answers at http://127.0.0.1:1/api/" in err) == (1, True)
    with web_process(database_url, tmp_path / "web.log") as web, following(database_url, "--json") as follower:
        told = answer(on, database_url, *price, "--url", web.url)
        assert is_test(told["trade_id"])
        assert [row["account"] for row in told["verdicts"]] == ["FTMO/1", "APEX/1"]
        stored = sql("SELECT stop_loss, raw_body ->> 'trade_id' AS trade FROM automated_signals")
        assert [(str(row["stop_loss"]), row["trade"]) for row in stored] == [("16475.25", told["trade_id"])]
        assert sql("SELECT act, task_id, by FROM operator_acts") == [
            {"act": "TEST_SIGNAL", "task_id": told["task_id"], "by": "anna"}
        ]
        wrong_side = ("signal", "--entry", "16500", "--stop", "16600", *SIGNED, "--url", web.url)
        status, _, err = on(database_url, *wrong_side)
        assert (status, err.startswith("Refused: the webhook answered 400: ")) == (1, True)

        for more in ((), ("--phrase", "send it")):
            status, _, err = on(database_url, *price, "--url", web.url, "--live", *more)
            assert (status, "type exactly: --phrase 'SEND A REAL ORDER'" in err) == (1, True)
        assert len(sql("SELECT id FROM automated_signals")) == 1
        live = answer(on, database_url, *price, "--url", web.url, "--live", "--phrase", "SEND A REAL ORDER")
        assert (is_test(live["trade_id"]), len(live["verdicts"])) == (False, 2)

        follower.send_signal(signal.SIGINT)
        out, _ = follower.communicate(timeout=20)
    assert follower.returncode == 0
    events = [json.loads(line) for line in out.splitlines()]
    finished = next(event for event in events if event["event"] == "task_finished")
    assert (finished["trade_id"], len(finished["verdicts"])) == (told["trade_id"], 2)
    assert {event["event"] for event in events} >= {"signal_stored", "task_finished", "operator_act"}


@contextmanager
def following(url: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """``tail`` as a process that listens."""
    command = [sys.executable, "-m", "control", "tail", *arguments]
    environment = {**ROUTED, "DATABASE_URL": url, "PYTHONPATH": str(repository()), "PATH": os.environ["PATH"]}
    with subprocess.Popen(
        command, env=environment, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "Listening.\n"
        try:
            yield process
        finally:
            process.kill()


def test_the_feed_is_followed_for_one_trade_and_in_words(
    database_url: str, router: ExecutionRouter, database: Database, sql: Sql
) -> None:
    bench = Bench(database, sql)
    with following(database_url, "--trade", "T2", "--events", "3") as follower:
        router.handle_entry_signal(entry("T1"))
        (order_id,) = bench.plan("T2", entry_leg())
        bench.claim()
        bench.become(order_id, bench.order(order_id).state.FILLED, 2)
        router.handle_entry_signal(entry("T2"))
        out, _ = follower.communicate(timeout=20)
    assert follower.returncode == 0
    first, _, second = out.splitlines()
    assert f"order          T2 APEX/1 ENTRY {order_id} is FILLED" in first
    assert "task_finished  T2 ENTRY task " in second
    assert "FTMO/1 2 approved" in second


def test_alerts_are_tried(on: Run, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    status, _, err = on(database_url, "alerts", "test")
    assert (status, err) == (1, "Refused: ALERT_URLS names no channel that can be used.\n")
    monkeypatch.setenv("ALERT_URLS", "json://127.0.0.1:1/hush-hush")
    status, out, _ = on(database_url, "alerts", "test", "--json")
    (channel,) = json.loads(out)["channels"]
    assert (status, channel["channel"], channel["taken"], "hush-hush" in out) == (1, "json#1", False, False)


@pytest.mark.parametrize(
    "arguments",
    [
        ("export", "everything"),
        ("export", "logs", "--since", "yesterday"),
        ("export", "audit", "--format", "csv"),
        ("export", "logs", "--json"),
        ("archive",),
        ("archive", "--older-than", "90"),
        ("audit", "--head", "12"),
        ("signal", "--entry", "16500", *SIGNED),
        ("signal", "--entry", "high", "--stop", "1", *SIGNED),
        ("signal", "--entry", "16500", "--stop", "16475"),
        ("account",),
        ("backup",),
        ("restore", "x.dump"),
        ("restore", "x.dump", "--replace", *SIGNED),
        ("tail", "--events", "0"),
    ],
)
def test_what_is_not_understood_does_nothing(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert (ended.value.code, capsys.readouterr().out) == (2, "")


def test_every_command_has_a_help(capsys: pytest.CaptureFixture[str]) -> None:
    commands: dict[str, Any] = next(iter(command_parser()._subparsers._group_actions)).choices  # type: ignore[union-attr,assignment]
    assert len(commands) > 18
    for name in commands:
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert (ended.value.code, f"python -m control {name}" in capsys.readouterr().out) == (0, True)
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert all(name in shown for name in commands)
