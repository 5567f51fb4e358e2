"""Backups: the whole database in one file, as it is at one moment, made beside whoever works on it."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from database.audit_chain import AuditChain, Link
from database.connection import Database
from database.programs import ProgramFailed as ProgramFailed  # noqa: PLC0414 - what callers have to catch
from database.programs import Programs, address, complaint, fitting, programs_here, said

# Who is logged in and which processes run is over when a backup is needed.
NOT_KEPT = ("web_logins", "router_heartbeats")
LOCK_WAIT = "30s"
DUMPING = re.compile(rb'dumping contents of table "(.+)"')

# Told the table that is being read, and of how many bytes in all how many lie behind.
Watch = Callable[[str, int], None]


class FileExists(Exception):
    """Something is there already under the name of the backup; it is left as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup that is whole and on the disk. ``head``: the audit's end just before it was made."""

    file: Path
    size: int
    server_major: int
    tables: int
    head: Link


def table_sizes(database: Database) -> Mapping[str, int]:
    """Return how many bytes each table takes, by its name as pg_dump tells it."""
    return {row["name"]: row["bytes"] for row in database.run("table_sizes")}


def back_up(
    database: Database,
    url: str,
    file: Path,
    sizes: Mapping[str, int],
    watch: Watch,
    *,
    here: list[Programs] | None = None,
) -> Backup:
    """Write a backup of the database at ``url`` and return what it is of; ``file`` appears when it is whole.

    ``database`` is a pool over the same. ``here``: the programs on this machine, if known. Raises FileExists,
    ProgramsMissing, ProgramFailed, OSError, DatabaseUnavailable and StatementRefused; there is no file then.
    """
    if file.exists():
        raise FileExists(f"{file} is there already; a backup never takes another's place")
    major = database.run("server_major")[0]["major"]
    best = fitting(programs_here() if here is None else here, major)[0]
    head = AuditChain(database).head()
    handle, name = tempfile.mkstemp(prefix=f"{file.name}.", suffix=".part", dir=file.parent)
    os.close(handle)
    unfinished = Path(name)
    try:
        tables = _dump(best, url, unfinished, sizes, watch)
        # Whether the file can be read to its table of contents is asked before it gets its name.
        said(best.command("pg_restore", "--list", str(unfinished)))
        _to_disk(unfinished)
        _name(unfinished, file)
        _to_disk(file.parent)
    finally:
        unfinished.unlink(missing_ok=True)
    return Backup(file=file, size=file.stat().st_size, server_major=major, tables=tables, head=head)


def _dump(programs: Programs, url: str, file: Path, sizes: Mapping[str, int], watch: Watch) -> int:
    where, environment = address(url)
    command = programs.command(
        "pg_dump",
        *("--format=custom", "--no-password", "--verbose", f"--lock-wait-timeout={LOCK_WAIT}"),
        *(f"--exclude-table-data={name}" for name in NOT_KEPT),
        *(f"--file={file}", where),
    )
    told: list[bytes] = []
    tables = behind = size = 0
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:  # noqa: S603 - found by us
        try:
            for line in process.stderr or ():
                told = [*told[-20:], line]
                if found := DUMPING.search(line):
                    tables, behind = tables + 1, behind + size
                    table = found[1].decode("utf-8", "replace")
                    size = sizes.get(table, 0)
                    watch(table, behind)
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise ProgramFailed(complaint(command[0], b"".join(told)))
    return tables


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _name(unfinished: Path, file: Path) -> None:
    """Give a file its name, never over another."""
    with suppress(FileExistsError):
        try:
            os.link(unfinished, file)
        except OSError as error:
            if isinstance(error, FileExistsError):
                raise
            # A disk without hard links.
            if file.exists():
                raise FileExistsError from error
            unfinished.rename(file)
        return
    raise FileExists(f"{file} came into being meanwhile; a backup never takes another's place")
