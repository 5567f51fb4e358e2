"""``python -m database.audit``: what it prints, what it returns, and that an export proves itself."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from database import audit
from database.audit_chain import NOTHING_BEFORE, AuditChain
from database.connection import Database
from tests.audits import FACT_EVENTS, decide, live_a_day, past_the_triggers, seal_all
from tests.conftest import Sql, repository

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(database_url: str, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Run the command within the test and return its exit status, output and errors."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.chdir("/")

    def run(*arguments: str) -> tuple[int, str, str]:
        status = audit.main(arguments)
        told = capsysbinary.readouterr()
        return status, told.out.decode(), told.err.decode()

    return run


def test_a_clean_audit(run: Run, database: Database, sql: Sql) -> None:
    live_a_day(sql, 5)
    seal_all(database)
    decide(sql, 1)
    head = AuditChain(database).head()
    counts = f"0 findings, {1 + 5 + FACT_EVENTS} events sealed, 1 not yet, 0 missing"
    assert run("verify") == (0, f"CLEAN: {counts}; head {head.position} {head.hash}\n", "")
    assert run("head") == (0, f"{head.position} {head.hash}\n", "")
    assert run("verify", "--head", head.hash)[0] == 0
    assert run("verify", "--head", f"{head.position} {head.hash.upper()}")[0] == 0


def test_an_altered_audit_is_told_with_what_it_means(run: Run, database: Database, sql: Sql) -> None:
    decide(sql, 3)
    seal_all(database)
    past_the_triggers(sql, "UPDATE audit_events SET actor = 'x' WHERE id IN (2, 3)")
    status, told, _ = run("verify", "--head", "a" * 64)
    lines = told.splitlines()
    assert status == 1
    assert lines[:3] == [
        "CHANGED EVENT: position 2, event 2 (VERDICT TRADE-1) is not what was sealed",
        "CHANGED EVENT: position 3, event 3 (VERDICT TRADE-2) is not what was sealed",
        f"UNKNOWN HEAD: {'a' * 64} is the hash of no position",
    ]
    assert [line.partition(":")[0] for line in lines[3:]] == ["", "CHANGED EVENT", "", "UNKNOWN HEAD", "ALTERED"]
    assert lines[-1].startswith("ALTERED: 3 findings, 4 events sealed, 0 not yet, 0 missing; head 4 ")


def test_nothing_is_told_of_what_cannot_be_read(run: Run, monkeypatch: pytest.MonkeyPatch, sql: Sql) -> None:
    sql("DROP TABLE audit_horizon, audit_chain CASCADE")
    for command in ("verify", "head", "export"):
        status, told, error = run(command)
        assert (status, told) == (2, "")
        assert error.startswith('The audit could not be read: relation "audit_chain" does not exist')
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    status, told, error = run("verify")
    assert (status, told) == (2, "")
    assert "could not be read" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("verify", "--head", "12"), "'12' is not a hash of 64 hexadecimal digits"),
        (("verify", "--head", " "), "' ' is not a hash"),
        (("verify", "--head", "x" * 64), "is not a hash"),
        (("export", "--since", "yesterday"), "'yesterday' is not a time such as"),
        ((), "required: command"),
    ],
)
def test_a_wrong_command_line_is_explained(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        audit.main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_an_export_holds_everything_and_proves_itself(run: Run, database: Database, sql: Sql) -> None:
    live_a_day(sql, 1200)
    sql("UPDATE account_flags SET reason = 'quote \" and ü and \\u0001 and newline' || chr(10)")
    seal_all(database)
    decide(sql, 1)
    status, told, error = run("export")
    lines = told.splitlines()
    head = AuditChain(database).head()
    assert (status, len(lines)) == (0, head.position)
    assert error == f"{head.position} events exported, up to {head.position} {head.hash}\n"
    before = NOTHING_BEFORE
    for number, line in enumerate(lines, 1):
        row = json.loads(line)
        text = line[line.index('"event":') + len('"event":') : -1]
        assert hashlib.sha256(text.encode()).hexdigest() == row["event_digest"]
        linked = f"{before} {number} {row['event_digest']} {row['sealed_at']}"
        before = hashlib.sha256(linked.encode()).hexdigest()
        assert (row["position"], row["hash"]) == (number, before)
    assert before == head.hash
    exported = {row["event"]["id"]: row["event"] for row in map(json.loads, lines)}
    for event in sql("SELECT * FROM audit_events WHERE id IN (SELECT event_id FROM audit_chain)"):
        assert exported[event["id"]] == {
            **event,
            "at": event["at"].astimezone(UTC).isoformat(timespec="microseconds")[:26].rstrip("0").rstrip(".") + "Z",
            "xact": str(event["xact"]),
        }


def test_an_export_into_a_file_goes_on_where_another_ended(
    run: Run, database: Database, sql: Sql, tmp_path: Path
) -> None:
    decide(sql, 3)
    seal_all(database)
    between = datetime.now(UTC)
    decide(sql, 2)
    seal_all(database)
    file = tmp_path / "audit.jsonl"
    for since, count in ((between.isoformat(), 2), (between.replace(tzinfo=None).isoformat(), 2), ("2026-01-01", 6)):
        assert run("export", "--since", since, "--output", str(file))[:2] == (0, "")
        assert len(file.read_text().splitlines()) == count
    later = (between + timedelta(days=1)).isoformat()
    assert run("export", "--since", later)[2] == f"0 events exported, up to 0 {NOTHING_BEFORE}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["audit.jsonl"]


def test_an_export_that_fails_leaves_the_file_that_was_there(run: Run, sql: Sql, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    file.write_text("before")
    sql("ALTER TABLE audit_events RENAME TO elsewhere")
    assert run("export", "--output", str(file))[0] == 2
    assert file.read_text() == "before"
    assert run("export", "--output", str(tmp_path / "no" / "file"))[0] == 2


def test_an_event_that_is_gone_is_exported_as_such(run: Run, database: Database, sql: Sql) -> None:
    decide(sql, 1)
    seal_all(database)
    past_the_triggers(sql, "DELETE FROM audit_events WHERE id = 2")
    lines = run("export")[1].splitlines()
    assert [json.loads(line)["event"] is None for line in lines] == [False, True]


def test_as_a_command_of_its_own(database_url: str, database: Database, tmp_path: Path) -> None:
    seal_all(database)
    done = subprocess.run(
        [sys.executable, "-m", "database.audit", "verify"],
        env={"DATABASE_URL": database_url, "PYTHONPATH": str(repository())},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("CLEAN: 0 findings, 1 events sealed, 0 not yet")


def test_memory_does_not_grow_with_the_audit(database: Database, sql: Sql, capsys: pytest.CaptureFixture[str]) -> None:
    more = "INSERT INTO audit_events (kind, content) SELECT 'X', '{\"a\": 1}' FROM generate_series(1, %s)"

    def peak() -> Any:
        tracemalloc.start()
        assert audit.verify(database, None) == 0
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    sql(more, 3000)
    seal_all(database)
    few = peak()
    sql(more, 9000)
    seal_all(database)
    assert peak() < few * 1.2
    assert "12001 events sealed" in capsys.readouterr().out
