"""What a backup and a restore refuse, and that a refusal leaves everything as it was."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import psycopg2
import pytest

from control import __main__ as command
from database import restore
from database.backup import back_up
from database.connection import Database
from database.embedded import EmbeddedServer, bundled_psql
from database.programs import NEEDED, ProgramFailed, Programs, ProgramsMissing, address, fitting, found_in
from database.restore import Wishes, archive_of
from domain.acts import Signature
from tests.audits import decide, past_the_triggers, seal_all
from tests.backups import SIGNED, Run, answer, ask
from tests.conftest import Sql, fresh_database

LOSING = (
    '{real}/pg_restore "$@" | '
    'sed "s/^ALTER TABLE ONLY public.execution_tasks$/DELETE FROM public.execution_tasks WHERE id = 1; &/"'
)
RELATIONS = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"


@pytest.fixture(scope="module")
def dump(postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a database with some verdicts."""
    file = tmp_path_factory.mktemp("dump") / "one.dump"
    for url in fresh_database(postgres):
        ask(url, "INSERT INTO execution_tasks (trade_id, event_type) SELECT 'T' || g, 'MFE_UPDATE' FROM"
            " generate_series(1, 40) g")  # fmt: skip
        database = Database(url)
        back_up(database, url, file, {}, lambda *_: None)
        database.close()
    return file


def fake(folder: Path, **scripts: str) -> list[Programs]:
    """PostgreSQL's programs in a folder of their own, some of them other than they should be."""
    real = bundled_psql().parent
    folder.mkdir()
    for name in NEEDED:
        text = scripts.get(name, f'exec {real}/{name} "$@"')
        (folder / name).write_text(f"#!/bin/sh\n{text.format(real=real)}\n")
        (folder / name).chmod(0o755)
    return [Programs(99, folder)]


def test_a_backup_takes_nothings_place_and_leaves_nothing_behind(
    on: Run, database_url: str, database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "one.dump"
    file.write_text("before")
    status, out, err = on(database_url, "backup", file)
    assert (status, out) == (1, "")
    assert err.startswith(f"Refused: {file} is there already")
    assert file.read_text() == "before"
    status, out, err = on(database_url, "backup", tmp_path / "none" / "one.dump", "--json")
    assert (status, err, json.loads(out)["code"]) == (1, "", "refused")
    other = tmp_path / "two.dump"
    for name, script in (
        ("ends", 'echo "pg_dump: error: the disk is full" >&2; exit 1'),
        ("garbles", 'for a; do case "$a" in --file=*) echo x > "${{a#--file=}}";; esac; done'),
    ):
        with pytest.raises(ProgramFailed, match=r"the disk is full|input file is too short"):
            back_up(database, database_url, other, {}, lambda *_: None, here=fake(tmp_path / name, pg_dump=script))
        assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["one.dump"]


def test_what_is_no_backup_or_a_broken_one_changes_nothing(on: Run, other_url: str, dump: Path, tmp_path: Path) -> None:
    garbled, half = tmp_path / "garbled", tmp_path / "half"
    garbled.write_text("no backup")
    half.write_bytes(dump.read_bytes()[: dump.stat().st_size * 2 // 3])
    for file, words in (
        (garbled, "is no backup that can be read here"),
        (tmp_path / "none", "there is no file"),
        (half, ""),
    ):
        status, _, err = on(other_url, "restore", file, *SIGNED)
        assert (status, words in err, "The database is as it was" in err) == (1, True, True), err
        assert ask(other_url, RELATIONS) == [(0,)]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        # It ends in the middle; it does something to a row that was restored.
        ('{real}/pg_restore "$@" | head -c 30000; case "$*" in *--verbose*) exit 1;; esac', "pg_restore said nothing"),
        (LOSING, "of the 40 rows that the backup has of public.execution_tasks not all"),
    ],
)
def test_a_restore_that_goes_wrong_is_taken_back(
    other_url: str, dump: Path, tmp_path: Path, script: str, words: str
) -> None:
    database = Database(other_url)
    archive = archive_of(database, dump, here=fake(tmp_path / "bin", pg_restore=script))
    with pytest.raises(ProgramFailed, match=words):
        restore.restore(database, other_url, archive, Signature("anna", "drill"), Wishes(), lambda *_: None)
    assert ask(other_url, RELATIONS) == [(0,)]
    database.close()


def test_a_database_that_is_used_or_full_is_left_alone_unless_told(
    on: Run, database_url: str, dump: Path, sql: Sql
) -> None:
    sql("CREATE TABLE mine AS SELECT 1 AS a")
    name = sql("SELECT current_database() AS name")[0]["name"]
    using = psycopg2.connect(database_url, application_name="execution-router")
    status, _, err = on(database_url, "restore", dump, *SIGNED)
    assert (status, "connected to this database are" in err, "execution-router" in err) == (1, True, True)
    replacing = ("restore", dump, "--replace", *SIGNED)
    using.close()
    status, _, err = on(database_url, "restore", dump, "--disconnect", *SIGNED)
    assert (status, f"the database {name} is not empty: it holds " in err) == (1, True), err
    status, _, err = on(database_url, *replacing, "--phrase", "REPLACE other", "--disconnect")
    assert (status, f"type exactly: --phrase 'REPLACE {name}'" in err) == (1, True)
    with pytest.raises(SystemExit):
        command.main(["restore", str(dump), "--replace", *SIGNED])
    assert ask(database_url, "SELECT a FROM mine") == [(1,)]
    still = psycopg2.connect(database_url, application_name="execution-router")
    done = answer(on, database_url, *replacing, "--phrase", f"REPLACE {name}", "--disconnect")
    assert done["tables"]["public.execution_tasks"] == 40
    assert ask(database_url, "SELECT to_regclass('mine')") == [(None,)]
    with pytest.raises(psycopg2.OperationalError):
        still.cursor().execute("SELECT 1")


def test_rights_and_roles_are_restored_with_the_record(
    on: Run,
    postgres: EmbeddedServer,
    database_url: str,
    other_url: str,
    sql: Sql,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for line in ("CREATE ROLE reads_only", "GRANT SELECT ON execution_tasks TO reads_only"):
        sql(line)
    file = tmp_path / "one.dump"
    answer(on, database_url, "backup", file)
    sql("DROP OWNED BY reads_only; DROP ROLE reads_only")
    status, _, err = on(other_url, "restore", file, *SIGNED)
    assert (status, "rights to reads_only: create these roles first" in err) == (1, True)
    assert ask(other_url, RELATIONS) == [(0,)]
    # The service's own role is made as roles.sql makes it.
    monkeypatch.setattr(restore, "SERVICE_ROLE", "reads_only")
    assert answer(on, other_url, "restore", file, *SIGNED)["role_made"] is True
    rights = (
        "SELECT has_table_privilege('reads_only', 'execution_tasks', 'SELECT'),"
        " has_table_privilege('reads_only', 'execution_tasks', 'INSERT'),"
        " has_function_privilege('reads_only', 'audit_row()', 'EXECUTE'),"
        " (SELECT rolcanlogin AND NOT rolsuper FROM pg_roles WHERE rolname = 'reads_only')"
    )
    assert ask(other_url, rights) == [(True, False, False, True)]
    ask(other_url, "DROP OWNED BY reads_only")
    sql("DROP ROLE reads_only")


def test_an_altered_record_is_restored_and_told(
    on: Run, database_url: str, database: Database, other_url: str, sql: Sql, tmp_path: Path
) -> None:
    decide(sql, 2)
    seal_all(database)
    past_the_triggers(sql, "UPDATE audit_events SET actor = 'x' WHERE id = 2")
    answer(on, database_url, "backup", tmp_path / "one.dump")
    status, out, _ = on(other_url, "restore", tmp_path / "one.dump", *SIGNED, "--json")
    told = json.loads(out)
    assert (status, told["status"]) == (1, "restored_and_amiss")
    assert [one["fault"] for one in told["audit"]["found"]] == ["CHANGED EVENT"]
    status, out, _ = on(other_url, "halts")
    assert "ALL" in out


def test_a_dump_by_hand_opens_nobodys_login_again(
    on: Run, database_url: str, other_url: str, sql: Sql, tmp_path: Path
) -> None:
    sql("INSERT INTO router_heartbeats VALUES ('p', 'WORKER', true, true, '{}', now())")
    sql("INSERT INTO web_logins VALUES ('d', 'anna', 'operator', 'c', 's')")
    file = tmp_path / "by-hand.dump"
    command = [str(bundled_psql().with_name("pg_dump")), "--format=custom", f"--file={file}", database_url]
    subprocess.run(command, check=True)
    told = answer(on, other_url, "restore", file, *SIGNED)
    assert (told["tables"]["public.web_logins"], told["tables"]["public.router_heartbeats"]) == (1, 1)
    assert ask(other_url, "SELECT digest FROM web_logins UNION SELECT process FROM router_heartbeats") == []


def test_programs_have_to_be_as_new_as_the_server(tmp_path: Path) -> None:
    old, new, part = ("15", "18", "17")
    for version in (old, new, part):
        folder = tmp_path / version
        folder.mkdir()
        for name in NEEDED[: 2 if version == part else 3]:
            (folder / name).write_text(f'#!/bin/sh\necho "{name} (PostgreSQL) {version}.1 (Debian)"\n')
            (folder / name).chmod(0o755)
    here = found_in([tmp_path / new, tmp_path / part, tmp_path / old, tmp_path / "none"])
    assert [one.major for one in here] == [15, 18]
    assert [one.major for one in fitting(here, 16)] == [18]
    assert [one.major for one in fitting(here, 15)] == [15, 18]
    with pytest.raises(ProgramsMissing, match=r"PostgreSQL 19: .+ version 19 or newer .+postgresql-client-19.+ 18 in "):
        fitting(here, 19)


def test_no_password_is_on_a_command_line() -> None:
    where, environment = address("postgresql://me:pass-word@db.example:5433/mine?sslmode=require")
    assert "pass-word" not in where
    assert environment["PGPASSWORD"] == "pass-word"
    for part in ("user=me", "host=db.example", "port=5433", "dbname=mine", "sslmode=require"):
        assert part in where
