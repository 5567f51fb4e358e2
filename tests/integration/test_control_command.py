"""``python -m control`` on a real ledger: every command, in words and in JSON, and its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from control.__main__ import main
from control.tables import age, cell, facts, table
from database.connection import Database
from domain.order_rows import connector_row
from domain.order_state import OrderState
from execution_router import ExecutionRouter
from tests.conftest import Sql, repository
from tests.orders import APEX_1, Bench, entry_leg, exit_leg
from tests.processes import ROUTED, entry

S = OrderState
SIGNED = ("--by", "anna", "--reason", "seen at the venue")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def bench(database: Database, sql: Sql) -> Bench:
    return Bench(database, sql)


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command on the test's database: exit status, what it says, what it complains about."""
    monkeypatch.chdir(tmp_path)
    for name, value in {**ROUTED, "DATABASE_URL": database_url}.items():
        monkeypatch.setenv(name, value)

    def command(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as error:
            status = int(error.code or 0)
        said = capsys.readouterr()
        return status, said.out, said.err

    return command


def said(run: Run, *arguments: object) -> str:
    status, out, err = run(*arguments)
    assert (status, err) == (0, "")
    return out


def told(run: Run, *arguments: object) -> dict[str, Any]:
    answer = json.loads(said(run, *arguments, "--json"))
    assert isinstance(answer, dict)
    return answer


def unresolved(bench: Bench, trade_id: str) -> int:
    (order_id,) = bench.plan(trade_id, entry_leg(quantity=3))
    bench.claim()
    bench.become(order_id, S.UNRESOLVED)
    return order_id


def test_orders_are_listed_and_shown(bench: Bench, run: Run) -> None:
    assert said(run, "orders") == "No order is like that.\n"
    order_id = unresolved(bench, "T1")
    bench.filled_entry("T2", 2, APEX_1._replace(program_id=2))
    heading, second, first = said(run, "orders").splitlines()
    assert heading.split()[:6] == ["ID", "STATE", "PURPOSE", "ACCOUNT", "TRADE", "CONTRACT"]
    assert first.split()[:10] == [str(order_id), "UNRESOLVED", "ENTRY", "APEX/1", "T1", "NQZ6", "BUY", "3", "0", "3"]
    assert "FILLED" in second
    (gone,) = bench.plan("T3", entry_leg(APEX_1._replace(program_id=2)))
    bench.become(gone, S.NOT_SENT)
    for wishes, trades in (
        ((), ["T3", "T2", "T1"]),
        (("--limit", 1), ["T3"]),
        (("--open",), ["T2", "T1"]),
        (("--account", "apex/1"), ["T1"]),
        (("--trade", "T2"), ["T2"]),
        (("--state", "unresolved"), ["T1"]),
    ):
        assert [row["trade_id"] for row in told(run, "orders", *wishes)["orders"]] == trades, wishes
    text = said(run, "order", order_id)
    assert f"Order {order_id}" in text
    assert [line.split()[2:4] for line in text.splitlines() if "CLAIMED" in line] == [["PLANNED", "SENDING"]]
    assert told(run, "order", order_id)["order"]["state"] == "UNRESOLVED"


def test_an_order_is_resolved(bench: Bench, run: Run, sql: Sql) -> None:
    order_id = unresolved(bench, "T1")
    outcome = ("--outcome", "filled", "--filled", 3, "--price", "16501.25", "--venue-order-id", "V9")
    text = said(run, "resolve", order_id, *outcome, *SIGNED)
    assert text == f"Order {order_id} is FILLED: 3 of 3 contracts filled.\n"
    order = bench.order(order_id)
    assert (order.average_price, order.venue_order_id, order.actor) == (Decimal("16501.25"), "V9", "anna")
    assert sql("SELECT by, reason FROM operator_acts") == [{"by": "anna", "reason": "seen at the venue"}]
    status, out, err = run("resolve", order_id, *outcome, *SIGNED)
    assert (status, out) == (1, "")
    assert err.startswith(f"Refused: order {order_id} is FILLED: there is nothing to resolve (RESOLVE by anna at ")

    (exit_id,) = bench.plan("T1", exit_leg())
    bench.ledger.claim_exit(bench.order(exit_id), connector_row, lease=10)
    bench.become(exit_id, S.UNRESOLVED)
    text = said(run, "resolve", exit_id, "--outcome", "not-sent", *SIGNED)
    assert f"Order {exit_id + 1} takes its place, for the position is still open" in text


def test_dead_letters_are_listed_shown_retried_and_discarded(bench: Bench, run: Run, sql: Sql) -> None:
    assert said(run, "deadletters") == "There are no dead letters.\n"
    first, second = (bench.plan(trade, entry_leg(lifetime=0.0))[0] for trade in ("T1", "T2"))
    bench.give_up()
    text = said(run, "deadletters", "list")
    assert f"leg:{first}" in text
    assert "SIGNAL_EXPIRED" in text
    assert [len(told(run, "deadletters", *more)["dead_letters"]) for more in ((), ("list", "--limit", 1))] == [2, 1]
    text = said(run, "deadletters", "show", f"leg:{first}")
    assert f"leg:{first}: another try makes sense, it is decided anew by all checks." in text
    assert "What persons did" not in text
    text = said(run, "deadletters", "retry", f"leg:{first}", *SIGNED)
    (task,) = sql("SELECT id FROM execution_tasks WHERE status = 'PENDING'")
    assert text == f"leg:{first} is given another try: task {task['id']} is decided anew for APEX/1 alone.\n"
    assert said(run, "deadletters", "discard", f"leg:{second}", *SIGNED).startswith(f"leg:{second} is put aside")
    assert told(run, "deadletters")["dead_letters"] == []
    assert "RETRY" in said(run, "deadletters", "show", f"leg:{first}").split("What persons did")[1]
    status, out, err = run("deadletters", "retry", f"leg:{second}", *SIGNED, "--json")
    assert (status, err) == (1, "")
    answer = json.loads(out)
    assert (answer["status"], answer["code"]) == ("error", "refused")
    assert "dealt with already (DISCARD by anna at " in answer["message"]


def test_differences_are_listed_and_settled(bench: Bench, run: Run, sql: Sql) -> None:
    assert said(run, "differences").startswith("Ledger and venues agree")
    entry = bench.filled_entry("T1", 3)
    for symbol, ledger in (("NQZ6", 3), ("ESZ6", 0)):
        sql(
            "INSERT INTO order_differences (firm_code, program_id, kind, symbol, ledger_quantity, venue_quantity,"
            " proposal, details) VALUES ('APEX', 1, 'DIFFERENT_SIZE', %s, %s, 1, 'find out', %s)",
            symbol,
            ledger,
            json.dumps({"trades": [{"trade_id": "T1", "open": ledger}]}),
        )
    first, second = told(run, "differences")["differences"]
    assert f"  {first['id']}: find out" in said(run, "differences", "list")
    text = said(run, "differences", "settle", first["id"], "--how", "close", *SIGNED)
    assert "is settled: CLOSED_IN_LEDGER.\n  trade T1: 2 contracts closed" in text
    assert bench.order(entry).open_quantity == 1
    assert told(run, "differences", "settle", second["id"], "--how", "accept", *SIGNED)["how"] == "ACCEPTED"


def test_trading_is_halted_and_released(bench: Bench, run: Run) -> None:
    assert said(run, "halts").startswith("There is no halt")
    order_id = unresolved(bench, "T1")
    text = said(run, "halt", "--scope", "apex", "--level", "flatten", *SIGNED)
    assert text.startswith("Halt 1 of APEX (FLATTEN) is in force since ")
    assert "These entries were on their way already and may be at their venues:" in text
    assert f"\n{order_id}  " in text
    assert 'python -m control release 1 --phrase "RELEASE APEX" --by NAME --reason TEXT' in text
    assert said(run, "halts").splitlines()[1].split()[:4] == ["1", "APEX", "FLATTEN", "yes"]
    assert "FLATTEN 0 of 2" in said(run, "halts")

    status, _, err = run("release", 1, "--phrase", "RELEASE ALL", *SIGNED)
    assert (status, err) == (1, "Refused: to release halt 1 type exactly: RELEASE APEX\n")
    assert said(run, "release", 1, "--phrase", "RELEASE APEX", *SIGNED).startswith("Halt 1 is released")
    assert told(run, "halts", "--limit", 5)["halts"][0]["released_by"] == "anna"
    everything = told(run, "halt", *SIGNED)
    assert (everything["scope"], everything["level"]) == ("ALL", "ENTRIES")
    status, _, err = run("halt", "--scope", "APX", *SIGNED)
    assert (status, err.split(";")[0]) == (1, "Refused: no account is in APX, so it would stop nobody")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("order",),
        ("order", "0"),
        ("order", "9223372036854775808"),
        ("orders", "--account", "APEX"),
        ("orders", "--state", "LOST"),
        ("orders", "--limit", "1001"),
        ("resolve", 1, "--outcome", "lost", *SIGNED),
        ("resolve", 1, "--outcome", "filled", *SIGNED),
        ("resolve", 1, "--outcome", "filled", "--filled", "nan", *SIGNED),
        ("resolve", 1, "--outcome", "rejected", "--filled", 1, *SIGNED),
        ("resolve", 1, "--outcome", "not_sent", "--by", "anna"),
        ("resolve", 1, "--outcome", "not_sent", "--reason", "x"),
        ("deadletters", "retry", "leg:1", "--by", " ", "--reason", "x"),
        ("deadletters", "retry", "order:1", *SIGNED),
        ("deadletters", "discard", *SIGNED),
        ("differences", "settle", 1, *SIGNED),
        ("differences", "settle", 1, "--how", "forget", *SIGNED),
        ("halt", "--scope", "APEX/", *SIGNED),
        ("halt", "--level", "stop", *SIGNED),
        ("halt",),
        ("release", 1, *SIGNED),
        ("sell", "everything"),
    ],
)
def test_what_is_not_understood_does_nothing(arguments: tuple[object, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "usage: python -m control" in said.err


def test_every_command_has_a_help_with_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, words in (
        ((), "exit status: 0 done, 1 refused"),
        (("resolve",), "it never arrived at the venue"),
        (("halt",), "entries that are working are taken back, too"),
        (("deadletters", "retry"), "an order is never sent again"),
        (("differences", "settle"), "entries are allowed again"),
        (("release",), "RELEASE APEX"),
        (("orders",), "UNRESOLVED"),
    ):
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--help"])
        assert ended.value.code == 0
        assert words in " ".join(capsys.readouterr().out.split()), arguments


def test_it_runs_as_a_process_and_shows_no_secret(database_url: str, bench: Bench, tmp_path: Path) -> None:
    unresolved(bench, "trade-of-hush-hush")
    environ = {
        **ROUTED,
        "DATABASE_URL": database_url,
        "API_TOKEN": "hush-hush",
        "PYTHONPATH": str(repository()),
        "PATH": os.environ["PATH"],
    }

    def command(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "control", *arguments],
            cwd=tmp_path,
            env={**environ, **changes},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    done = command("orders", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["orders"][0]["trade_id"] == "trade-of-****"
    away = command("halts", DATABASE_URL="postgresql://somebody:pass-word@127.0.0.1:1/none")
    assert (away.returncode, away.stdout) == (1, "")
    assert away.stderr.startswith("Refused: the database cannot be reached: ")
    assert "pass-word" not in away.stderr


def test_a_database_without_a_ledger_is_told(
    empty_database_url: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    status, out, err = run("halts")
    assert (status, out) == (1, "")
    assert err.startswith("Refused: the database refused it: ")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3725, "1 h 2 min"), (90061, "1 d 1 h"), (-5, "0 s")],
)
def test_an_age_is_told_in_two_units(seconds: int, text: str) -> None:
    assert age(seconds) == text


def test_cells_are_short_and_plain() -> None:
    assert cell(Decimal("1E+3")) == "1000"
    assert cell("a\n b") == "a b"
    assert (cell(None), cell(True), cell(False)) == ("-", "yes", "no")
    assert cell({"a": [Decimal("1.5")]}) == '{"a":[1.5]}'
    assert len(cell("x" * 200)) == 80
    assert cell("x" * 200, longest=None) == "x" * 200
    assert facts({"a": 1, "long name": None, "b": [], "c": 0}) == "  a  1\n  c  0"
    assert table([{"a": 1}, {"a": 22}], (("A", "a"),), without="none") == "A\n1\n22"


def test_replay_says_whether_verdicts_come_out_the_same(run: Run, database: Database, sql: Sql) -> None:
    router = ExecutionRouter(settings=Settings.from_env(ROUTED), database=database)
    task_id = router.handle_entry_signal(entry("T1"))["task_id"]
    router.handle_entry_signal(entry("T2"))
    assert said(run, "replay") == "2 of 2 verdicts come out of the record the same.\n"
    assert told(run, "replay", task_id) == {"replays": [{"task_id": task_id, "trade_id": "T1", "same": True}]}

    sql("UPDATE execution_logs SET response_body = jsonb_set(response_body, '{program_sizing,0,contracts}', '99')"
        " WHERE trade_id = 'T1'")  # fmt: skip
    status, out, _ = run("replay")
    assert status == 1
    assert f"task {task_id} (T1) differs in program_sizing" in out
    assert run("replay", 999)[0] == 1
