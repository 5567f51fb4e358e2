"""One SQL script from a backup, run as one transaction: pg_restore writes it, psql carries it out, rows are counted.

Nothing is committed unless pg_restore came to its end, every table holds as many rows as the backup, and what comes
after them (restored.sql) was carried out.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from database.programs import ProgramFailed, Programs, address, complaint

AFTERWARDS = Path(__file__).parent / "restored.sql"
COPY = re.compile(rb"^COPY (\S+) .*FROM stdin;$")
COPIED = b"\\.\n"
PART = re.compile(rb"pg_restore: (?:creating|processing data for|executing) (.+)")
# The schema's lock, which a service takes that starts (sql/migrations.sql): it waits, and finds the record whole.
BEGIN = "BEGIN;\nSELECT pg_advisory_xact_lock(705419230117);\n"
COUNTED = """DO $$ BEGIN
    IF (SELECT count(*) FROM {table}) <> {rows} THEN
        RAISE EXCEPTION 'of the {rows} rows that the backup has of {table} not all were restored';
    END IF;
END $$;
"""
Watch = Callable[[str, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What is restored. ``before``: SQL that comes first; ``variables``: psql's, for restored.sql."""

    programs: Programs
    file: Path
    before: str
    variables: Mapping[str, str]


def run_script(script: Script, url: str, watch: Watch) -> dict[str, int]:
    """Carry it out and return how many rows were restored, by table.

    Raises ProgramFailed, with the database as it was, and StatementRefused for an address that is none.
    """
    where, environment = address(url)
    given = (f"--set={name}={value}" for name, value in {"ON_ERROR_STOP": "1", **script.variables}.items())
    command = script.programs.command("psql", "--no-psqlrc", "--quiet", "--no-password", *given, where)
    with tempfile.TemporaryFile() as complaints:
        psql = subprocess.Popen(  # noqa: S603 - found by us
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=complaints
        )
        assert psql.stdin is not None  # noqa: S101 - asked for above
        rows: dict[str, int] | None = None
        try:
            rows = _feed(script, psql.stdin, watch)
        except BrokenPipeError:
            # It ended because a statement was refused; below it says which.
            pass
        except BaseException:
            # Before it sees an end of its input: without a COMMIT everything is taken back.
            psql.kill()
            raise
        finally:
            with suppress(BrokenPipeError):
                psql.stdin.close()
            psql.wait()
        if psql.returncode != 0 or rows is None:
            complaints.seek(0)
            raise ProgramFailed(complaint(command[0], complaints.read()))
    return rows


def _feed(script: Script, psql: IO[bytes], watch: Watch) -> dict[str, int]:
    command = script.programs.command("pg_restore", "--no-owner", "--verbose", "--file=-", str(script.file))
    restore = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603 - found by us
    told: list[bytes] = []
    watching = threading.Thread(target=_watch, args=(restore.stderr, told, watch), daemon=True)
    watching.start()
    try:
        psql.write((BEGIN + script.before).encode())
        assert restore.stdout is not None  # noqa: S101 - asked for above
        rows = _pump(restore.stdout, psql)
        if restore.wait() != 0:
            watching.join()
            raise ProgramFailed(complaint(command[0], b"".join(told)))
        for table, count in rows.items():
            psql.write(COUNTED.format(table=table, rows=count).encode())
        psql.write(AFTERWARDS.read_bytes() + b"COMMIT;\n")
        psql.flush()
    finally:
        restore.kill()
        restore.wait()
        watching.join()
        for pipe in (restore.stdout, restore.stderr):
            if pipe is not None:
                pipe.close()
    return rows


def _pump(source: IO[bytes], sink: IO[bytes]) -> dict[str, int]:
    """Hand all of it on and return how many rows of each table went by."""
    rows: dict[str, int] = {}
    table: str | None = None
    for line in source:
        sink.write(line)
        if table is None:
            if found := COPY.match(line):
                table = found[1].decode()
                rows[table] = 0
        elif line == COPIED:
            table = None
        else:
            rows[table] += 1
    return rows


def _watch(source: Any, told: list[bytes], watch: Watch) -> None:
    parts = 0
    for line in source:
        told[:] = [*told[-20:], line]
        if found := PART.search(line):
            parts += 1
            watch(found[1].decode("utf-8", "replace").strip(), parts)
