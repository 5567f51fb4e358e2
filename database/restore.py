"""Restoring a backup: all of it or nothing, into an empty database, and halted until a person has looked."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from database.audit_chain import AuditChain
from database.audit_check import Finding, Tally, check_audit
from database.connection import Database
from database.migrations import Schema, schema_of
from database.order_rows import order_of
from database.order_writes import OrderWriter
from database.orders import OrderLedger
from database.programs import ProgramFailed, Programs, fitting, programs_here, said
from database.restore_script import Script, run_script
from domain.acts import Signature
from domain.order_rows import connector_row

SERVICE_ROLE = "router_service"
GRANTED = re.compile(r'^GRANT .+ TO ("(?:[^"]|"")+"|[^\s;]+)(?: WITH GRANT OPTION)?;', re.MULTILINE)
MADE_AT = re.compile(r"^;\s+Archive created at (.+)$", re.MULTILINE)
GONE_SECONDS = 2.0
REASON = (
    "Restored from a backup of {made_at}. What was sent to venues after it is not on this record: compare positions "
    "and orders at every venue with it, then release"
)
# Told what is restored, and how many of the backup's parts lie behind.
Watch = Callable[[str, int], None]


class NotRestorable(Exception):
    """The backup is not restored as things are; the message says why and what would help. Nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A backup that can be read here. ``parts``: how many things it restores; ``roles``: whom it grants rights."""

    file: Path
    programs: Programs
    made_at: str
    parts: int
    roles: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a person has said that goes beyond an empty database of which nobody is connected to."""

    replace: bool = False
    disconnect: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What is in the database now. ``set_aside``: how much of it was waiting or on its way, by kind."""

    made_at: str
    rows: Mapping[str, int]
    halt_id: int
    reason: str
    set_aside: Mapping[str, Any]
    role_made: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a look at the restored record found."""

    schema: Schema
    findings: tuple[Finding, ...]
    tally: Tally

    @property
    def good(self) -> bool:
        return not self.findings and not self.schema.unknown


def archive_of(database: Database, file: Path, *, here: list[Programs] | None = None) -> Archive:
    """Look into a backup. Raises NotRestorable for what is none, ProgramsMissing, DatabaseUnavailable."""
    if not file.is_file():
        raise NotRestorable(f"there is no file {file}")
    major = database.run("server_major")[0]["major"]
    complaints = []
    for programs in fitting(programs_here() if here is None else here, major):
        try:
            contents = said(programs.command("pg_restore", "--list", str(file)))
            rights = said(
                programs.command("pg_restore", "--section=pre-data", "--section=post-data", "--file=-", str(file))
            )
        except ProgramFailed as error:
            # One that a newer pg_dump has made is read by as new a pg_restore.
            complaints.append(str(error))
            continue
        made = MADE_AT.search(contents)
        return Archive(
            file=file,
            programs=programs,
            made_at=made[1].strip() if made else "an unknown time",
            parts=sum(1 for line in contents.splitlines() if line and not line.startswith(";")),
            roles=frozenset(name.strip('"') for name in GRANTED.findall(rights)) - {"PUBLIC"},
        )
    raise NotRestorable(f"{file} is no backup that can be read here: {complaints[0]}")


def prepare(database: Database, wishes: Wishes) -> None:
    """See that nobody is connected and nothing would be lost. Raises NotRestorable, DatabaseUnavailable."""
    if wishes.disconnect:
        database.run("disconnect_others")
        until = time.monotonic() + GONE_SECONDS
        while _others(database) and time.monotonic() < until:
            time.sleep(0.05)
    if others := _others(database):
        again = (
            "they come back at once: stop the service" if wishes.disconnect else "stop the service, or say --disconnect"
        )
        raise NotRestorable(f"connected to this database are {', '.join(others)}; {again}")
    there = database.run("what_is_there")[0]
    if there["relations"] and not wishes.replace:
        name = database.run("server_major")[0]["name"]
        raise NotRestorable(
            f"the database {name} is not empty: it holds {there['relations']} tables, views and sequences with about "
            f"{there['about_rows']:,} rows. Restore into an empty one; or say --replace, and all of that is gone"
        )


def restore(
    database: Database, url: str, archive: Archive, signature: Signature, wishes: Wishes, watch: Watch
) -> Restored:
    """Restore in one transaction, with what was in flight set aside and entries halted, and return what is there now.

    Raises NotRestorable, ProgramFailed, DatabaseUnavailable, StatementRefused; the database is as it was then.
    """
    prepare(database, wishes)
    missing = archive.roles - {row["name"] for row in database.run("roles_there")}
    if unknown := missing - {SERVICE_ROLE}:
        raise NotRestorable(f"the backup grants rights to {', '.join(sorted(unknown))}: create these roles first")
    reason = REASON.format(made_at=archive.made_at)
    script = Script(
        programs=archive.programs,
        file=archive.file,
        before=_before(database, wishes, role=bool(missing)),
        variables={"by": signature.by, "reason": f"{reason} ({signature.reason})"[:1000], "file": archive.file.name},
    )
    rows = run_script(script, url, watch)
    _tell_logs(database, signature)
    act = database.run("last_restore")[0]
    return Restored(
        made_at=archive.made_at,
        rows=rows,
        halt_id=act["halt_id"],
        reason=reason,
        set_aside={name: count for name, count in act["details"].items() if name != "file"},
        role_made=bool(missing),
    )


def verify(database: Database, tally: Tally, *, head: str | None = None) -> Verified:
    """Seal what was not sealed, then look at the schema and the whole audit. ``head``: a hash that has to be in it."""
    chain = AuditChain(database)
    while chain.seal():
        pass
    with database.transaction() as transaction:
        findings = tuple(check_audit(transaction, tally, head=head))
    return Verified(schema=schema_of(database), findings=findings, tally=tally)


def _others(database: Database) -> list[str]:
    return sorted({row["name"] for row in database.run("who_is_connected")})


def _before(database: Database, wishes: Wishes, *, role: bool) -> str:
    lines = []
    if wishes.replace:
        lines = [f"DROP SCHEMA {row['name']} CASCADE;" for row in database.run("schemas_there")]
        lines += ["CREATE SCHEMA public;", "GRANT USAGE ON SCHEMA public TO PUBLIC;"]
    if role:
        # As database/roles.sql makes it; without a password it opens nothing where one is asked for.
        lines.append(f"CREATE ROLE {SERVICE_ROLE} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;")
    return "".join(f"{line}\n" for line in lines)


def _tell_logs(database: Database, signature: Signature) -> None:
    """Let the tasks' logs say of the orders that were set aside what the ledger says."""
    identity = OrderLedger(database, worker=signature.by).identity
    writer = OrderWriter(identity=lambda: identity, worker=signature.by, row_changes=connector_row)
    with database.transaction() as transaction:
        writer.tell(transaction, [(order_of(row), None) for row in transaction.rows("legs_set_aside")])
