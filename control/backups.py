"""Backups: made beside the running service, restored into an empty database."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from control import backup_texts as texts
from control.audit import verdict_on
from control.desk import Answer, Command, Desk, Refused
from control.watched import WatchedTally, events_of
from control.words import Commands, signature
from database.audit import hash_of
from database.backup import FileExists, back_up, table_sizes
from database.programs import ProgramFailed, ProgramsMissing
from database.restore import NotRestorable, Restored, Verified, Wishes, archive_of, prepare, restore, verify
from domain.halt import Scope, release_phrase

BACKUP = """\
Write the whole database into one file, as it is at one moment, while the service works on. The file appears when it is
whole and on the disk, and never in another's place. It holds the record and the key of the page's cookies: keep it as a
secret, and elsewhere.

examples:
  python -m control backup backups/2026-11-21.dump
  DATABASE_URL=postgresql://... python -m control backup 2026-11-21.dump --json
"""
RESTORE = """\
Restore a backup into an empty database, all of it or nothing, and look whether it is whole. Afterwards entries are
halted, and what was waiting or on its way is set aside: the record does not know what was sent after the backup.
Compare every venue with it, then release the halt.

examples:
  python -m control restore 2026-11-21.dump --by anna --reason "the disk is gone"
  python -m control restore 2026-11-21.dump --head 5d41...c592 --by anna --reason "drill"
  python -m control restore 2026-11-21.dump --replace --phrase "REPLACE railway" --disconnect --by anna --reason "..."
"""


def add_backups(commands: Commands) -> None:
    """Add ``backup`` and ``restore``."""
    backup = commands.add("backup", _backup, "write the whole database into one file", about=BACKUP)
    backup.add_argument("file", type=Path, metavar="FILE")

    restoring = commands.add("restore", _restore, "restore a backup into an empty database", signed=True, about=RESTORE)
    restoring.add_argument("file", type=Path, metavar="FILE")
    restoring.add_argument(
        "--head", type=hash_of, metavar="HASH", help="what backup printed; it has to be in the audit"
    )
    restoring.add_argument("--replace", action="store_true", help="let go of all that is in the database now")
    restoring.add_argument("--phrase", metavar="TEXT", help="REPLACE and the database's name; --replace asks for it")
    restoring.add_argument("--disconnect", action="store_true", help="end the connections of whoever is connected")


def _backup(typed: Namespace) -> Command:
    def run(desk: Desk) -> Answer:
        sizes = table_sizes(desk.slow_database)
        with desk.progress("Backup", sum(sizes.values())) as progress:
            try:
                made = back_up(
                    desk.slow_database,
                    desk.opened.direct_url,
                    typed.file,
                    sizes,
                    lambda table, behind: progress.to(behind, table),
                )
            except (FileExists, ProgramsMissing, ProgramFailed) as error:
                raise Refused(str(error)) from error
        data = {
            "status": "backed_up",
            "file": str(made.file),
            "bytes": made.size,
            "tables": made.tables,
            "server_major": made.server_major,
            "audit_head": made.head._asdict(),
        }
        return Answer(data, texts.backed_up(data))

    return run


def _restore(typed: Namespace) -> Command:
    signed = signature(typed)
    if typed.replace and typed.phrase is None:
        raise ValueError("--replace needs --phrase, such as --phrase 'REPLACE railway'")
    wishes = Wishes(replace=typed.replace, disconnect=typed.disconnect)

    def run(desk: Desk) -> Answer:
        database = desk.slow_database
        try:
            archive = archive_of(database, typed.file)
            _check_phrase(desk, typed)
            prepare(database, wishes)
            with desk.progress("Restore", archive.parts) as progress:
                done = restore(
                    database,
                    desk.opened.direct_url,
                    archive,
                    signed,
                    wishes,
                    lambda part, behind: progress.to(behind, part[:40]),
                )
        except (NotRestorable, ProgramsMissing, ProgramFailed) as error:
            raise Refused(f"{error}. The database is as it was") from error
        with desk.progress("Audit", events_of(database)) as progress:
            found = verify(database, WatchedTally(progress), head=typed.head)
        data = _told(done, found)
        return Answer(data, texts.restored(data), good=found.good)

    return run


def _check_phrase(desk: Desk, typed: Namespace) -> None:
    name = desk.slow_database.run("server_major")[0]["name"]
    if typed.replace and typed.phrase.strip() != f"REPLACE {name}":
        raise Refused(f"to replace all that is in this database type exactly: --phrase 'REPLACE {name}'")


def _told(done: Restored, found: Verified) -> dict[str, Any]:
    return {
        "status": "restored" if found.good else "restored_and_amiss",
        "made_at": done.made_at,
        "tables": dict(done.rows),
        "rows": sum(done.rows.values()),
        "set_aside": dict(done.set_aside),
        "halt": {"id": done.halt_id, "reason": done.reason, "release_phrase": release_phrase(Scope())},
        "role_made": done.role_made,
        "schema": {"missing": list(found.schema.missing), "unknown": list(found.schema.unknown)},
        "audit": verdict_on(found.tally, found.findings),
    }
