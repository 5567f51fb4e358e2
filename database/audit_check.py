"""Finds what was altered in the audit, and in the record that it is an audit of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from database.audit_chain import NOTHING_BEFORE, START, Link, event_digest, link_hash
from database.connection import Row, Transaction

LOGS = "execution_logs"
BATCHES = "archive_batches"
GUARDS = (
    ("audit_events", "audit_is_append_only"),
    ("audit_chain", "audit_is_append_only"),
    (LOGS, "audit_verdicts"),
    (LOGS, "decide_once"),
)


class Fault(StrEnum):
    """What may be wrong."""

    CHANGED_EVENT = "CHANGED EVENT"
    MISSING_EVENT = "MISSING EVENT"
    SWAPPED_EVENT = "SWAPPED EVENT"
    MISSING_POSITION = "MISSING POSITION"
    BROKEN_LINK = "BROKEN LINK"
    UNSEALED_EVENT = "UNSEALED EVENT"
    NO_BEGINNING = "NO BEGINNING"
    UNKNOWN_HEAD = "UNKNOWN HEAD"
    UNAUDITED_ROW = "UNAUDITED ROW"
    CHANGED_ROW = "CHANGED ROW"
    MISSING_ROW = "MISSING ROW"
    NO_GUARD = "NO GUARD"


COMPARE = "Compare with an export or a backup from before."
MEANING = {
    Fault.CHANGED_EVENT: f"A row of audit_events no longer says what was sealed. {COMPARE}",
    Fault.MISSING_EVENT: f"A row of audit_events was deleted, or its id changed. {COMPARE}",
    Fault.SWAPPED_EVENT: f"A row of audit_chain names the event of another row. {COMPARE}",
    Fault.MISSING_POSITION: f"Rows of audit_chain were deleted or renumbered. {COMPARE}",
    Fault.BROKEN_LINK: "A row of audit_chain was changed, swapped or renumbered: its hash is not that of what it says "
    f"and of the hash before it. {COMPARE}",
    Fault.UNSEALED_EVENT: "An event was not sealed within 60 s. Where there are many and they are the newest, no "
    "process seals: is the service running? Otherwise the event was inserted by hand, or the end of audit_chain was "
    "cut off. After a repair, UPDATE audit_horizon SET xact = '0' makes the service seal whatever is left.",
    Fault.NO_BEGINNING: f"The event with which every audit begins is gone: the audit was emptied. {COMPARE}",
    Fault.UNKNOWN_HEAD: f"The chain was cut before the place of this hash, or was written anew. {COMPARE}",
    Fault.UNAUDITED_ROW: "The record holds a row without its event: it was inserted past the triggers, or events were "
    f"deleted. {COMPARE}",
    Fault.CHANGED_ROW: "The record was changed after it had been audited. The event says what it was.",
    Fault.MISSING_ROW: "A row of the record was deleted after it had been audited, or the event is forged.",
    Fault.NO_GUARD: "A trigger was dropped or switched off: what happened since is on no audit. Find out who did it, "
    "and bring it back by running the file of database/schema again that made it.",
}


class Finding(NamedTuple):
    """One thing that is wrong, and where."""

    fault: Fault
    where: str
    what: str


@dataclass
class Tally:
    """What a check has seen so far."""

    sealed: int = 0
    unsealed: int = 0
    missing: int = 0
    findings: int = 0
    head: Link = START
    head_seen: bool = False
    sources: set[str] = field(default_factory=set)

    def saw(self, event: Row, *, sealed: bool) -> None:
        """Count an event and keep the table that it speaks of."""
        self.sealed += sealed
        self.unsealed += not sealed
        if event["source"] is not None:
            self.sources.add(event["source"])


def check_audit(transaction: Transaction, tally: Tally, *, head: str | None = None) -> Iterator[Finding]:
    """Look at every row of the audit and of what it is an audit of, as they are at one moment; memory stays bounded.

    ``head`` is a hash that was written down outside: it must be in the chain. The transaction must be a new one.
    """
    transaction.rows("begin_audit_check")
    for finding in _findings(transaction, tally, head):
        tally.findings += 1
        yield finding


def pages(transaction: Transaction) -> Iterator[list[Row]]:
    """Return the rows of the open cursor page by page, and close it."""
    while page := transaction.rows("next_page"):
        yield page
    transaction.rows("close_pages")


def _findings(transaction: Transaction, tally: Tally, head: str | None) -> Iterator[Finding]:
    yield from _chain(transaction, tally, head)
    if head is not None and not tally.head_seen:
        yield Finding(Fault.UNKNOWN_HEAD, head, "is the hash of no position")
    yield from _unsealed(transaction, tally)
    yield from _verdicts(transaction)
    yield from _archive(transaction)
    yield from _tables(transaction, tally)


def _chain(transaction: Transaction, tally: Tally, head: str | None) -> Iterator[Finding]:
    transaction.rows("open_chain", since="-infinity", until=None)
    before, worked_out = START, NOTHING_BEFORE
    for page in pages(transaction):
        altered: list[tuple[Row, str]] = []
        for row in page:
            position = row["position"]
            expected = _link(before.hash, row)
            if position > before.position + 1:
                yield _gap(before.position, position)
            # Where the hash before was changed and nothing else, this one is still right.
            elif row["hash"] not in (expected, _link(worked_out, row)):
                yield Finding(Fault.BROKEN_LINK, f"position {position}", f"does not follow position {position - 1}")
            before, worked_out = Link(position, row["hash"]), expected
            tally.head_seen = tally.head_seen or row["hash"] == head
            if row["id"] is None:
                yield Finding(Fault.MISSING_EVENT, _place(row), "is gone")
                tally.missing += 1
                continue
            tally.saw(row, sealed=True)
            digest = event_digest(row)
            if digest != row["event_digest"]:
                altered.append((row, digest))
        yield from _altered(transaction, altered)
    tally.head = before


def _link(previous: str, row: Row) -> str:
    return link_hash(previous, row["position"], row["event_digest"], row["sealed_at"])


def _gap(before: int, position: int) -> Finding:
    where = f"position {position - 1}" if position == before + 2 else f"positions {before + 1} to {position - 1}"
    return Finding(Fault.MISSING_POSITION, where, f"position {before} is followed by {position}")


def _altered(transaction: Transaction, altered: list[tuple[Row, str]]) -> Iterator[Finding]:
    if not altered:
        return
    rows = transaction.rows("positions_of_digests", digests=[digest for _, digest in altered])
    belongs = {row["event_digest"]: row["position"] for row in rows}
    for row, digest in altered:
        if digest in belongs:
            yield Finding(Fault.SWAPPED_EVENT, _place(row), f"belongs at position {belongs[digest]}")
        else:
            yield Finding(Fault.CHANGED_EVENT, _place(row), "is not what was sealed")


def _place(row: Row) -> str:
    about = "" if row["id"] is None else f" ({_event(row)})"
    return f"position {row['position']}, event {row['event_id']}{about}"


def _event(row: Row) -> str:
    return " ".join(str(row[name]) for name in ("kind", "subject") if row[name] is not None)


def _unsealed(transaction: Transaction, tally: Tally) -> Iterator[Finding]:
    transaction.rows("open_unsealed")
    for page in pages(transaction):
        for row in page:
            tally.saw(row, sealed=False)
            if row["overdue"]:
                yield Finding(
                    Fault.UNSEALED_EVENT, f"event {row['id']} ({_event(row)})", f"of {row['at']} is in no chain"
                )


def _verdicts(transaction: Transaction) -> Iterator[Finding]:
    beginning = transaction.row("audit_beginning")
    if beginning is None:
        yield Finding(Fault.NO_BEGINNING, "audit_events", "has no event AUDIT_BEGAN")
    transaction.rows("open_unaudited_logs", last_log_id=0 if beginning is None else beginning["last_log_id"])
    for page in pages(transaction):
        for row in page:
            where = _log(row)
            has = "no event" if row["events"] == 0 else f"{row['events']} events instead of one"
            yield Finding(Fault.UNAUDITED_ROW, where, f"has {has}")
    transaction.rows("open_differing_verdicts")
    for page in pages(transaction):
        for row in page:
            about = f"of event {row['event_id']} (trade {row['subject']}, task {row['task_id']})"
            where = f"{row['place']} {row['log_id']} {about}"
            if row["found"]:
                yield Finding(Fault.CHANGED_ROW, where, f"differs in {', '.join(row['columns'])}")
            else:
                yield Finding(Fault.MISSING_ROW, where, "is gone")


def _log(row: Row) -> str:
    return f"{row['place']} {row['id']} ({row['status']} of {row['trade_id']}, task {row['task_id']})"


def _archive(transaction: Transaction) -> Iterator[Finding]:
    transaction.rows("open_unlisted_archive")
    for page in pages(transaction):
        for row in page:
            yield Finding(Fault.UNAUDITED_ROW, _log(row), f"was not brought there by any row of {BATCHES}")
    for row in transaction.rows("archive_counts"):
        fault = Fault.MISSING_ROW if row["found"] < row["expected"] else Fault.UNAUDITED_ROW
        if row["found"] != row["expected"]:
            yield Finding(fault, row["name"], f"holds {row['found']} rows, by {BATCHES} it is {row['expected']}")


def _tables(transaction: Transaction, tally: Tally) -> Iterator[Finding]:
    guarded = {(row["name"], row["function"]): row for row in transaction.rows("audited_tables")}
    copied = tally.sources | {BATCHES} | {name for name, function in guarded if function == "audit_row"}
    for name, function in (*GUARDS, *((source, "audit_row") for source in sorted(copied - {LOGS}))):
        guard = guarded.get((name, function))
        if guard is None:
            yield Finding(Fault.NO_GUARD, name, f"has no trigger that calls {function}, or is no table")
        elif not guard["enabled"]:
            yield Finding(Fault.NO_GUARD, name, f"has a trigger that is switched off; it calls {function}")
    for source in sorted(copied):
        guard = guarded.get((source, "audit_row"))
        if guard is None:
            continue
        if not guard["has_key"]:
            yield Finding(Fault.NO_GUARD, source, "has no primary key, so its rows cannot be told apart")
            continue
        yield from _differences(transaction, source)


def _differences(transaction: Transaction, source: str) -> Iterator[Finding]:
    transaction.rows("open_differences", source=source)
    for page in pages(transaction):
        for row in page:
            where = f"{source} {row['key']}"
            if row["event_id"] is None:
                yield Finding(Fault.UNAUDITED_ROW, where, "has no event")
            elif not row["found"]:
                yield Finding(
                    Fault.MISSING_ROW, where, f"is gone; event {row['event_id']} ({row['kind']}) is its newest"
                )
            elif row["columns"] is None:
                yield Finding(Fault.UNAUDITED_ROW, where, f"is there though event {row['event_id']} removed it")
            else:
                names = ", ".join(row["columns"])
                yield Finding(
                    Fault.CHANGED_ROW, where, f"differs in {names} from event {row['event_id']} ({row['kind']})"
                )
