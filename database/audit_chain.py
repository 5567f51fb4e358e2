"""The chain over the audit: each event's digest, and a hash over that and all before it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from database.connection import Database, Row, Transaction

# The hash before the first.
NOTHING_BEFORE = "0" * 64
BATCH = 1000
COLUMNS = ("id", "at", "kind", "source", "subject", "firm_code", "program_id", "task_id", "actor", "xact")
# No transaction has this number or a higher one.
ENDLESS = 2**64 - 1


class Link(NamedTuple):
    """A place in the chain and the hash that stands there; position 0 is before the first."""

    position: int
    hash: str


START = Link(0, NOTHING_BEFORE)


def event_text(event: Mapping[str, Any]) -> bytes:
    """Return an event as the text that its digest is of: compact JSON of every column in the order of ``COLUMNS``.

    ``content`` comes last, as PostgreSQL prints it. Times are text in UTC when they get here, so nothing depends on the
    settings of a session.
    """
    whole = {name: event[name] for name in COLUMNS}
    return orjson.dumps({**whole, "content": orjson.Fragment(event["content"])})


def event_digest(event: Mapping[str, Any]) -> str:
    """Return the SHA-256 of an event's text, in hexadecimal."""
    return hashlib.sha256(event_text(event)).hexdigest()


def link_hash(previous: str, position: int, digest: str, sealed_at: str) -> str:
    """Return the hash of a place in the chain: SHA-256 over the hash before it and all that its row says."""
    return hashlib.sha256(f"{previous} {position} {digest} {sealed_at}".encode()).hexdigest()


class AuditChain:
    """Seals what has been audited. Every method raises DatabaseUnavailable when PostgreSQL cannot be reached."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def head(self) -> Link:
        """Return the end of the chain, ``START`` where nothing is sealed."""
        rows = self._database.run("audit_head", again=True)
        return Link(rows[0]["position"], rows[0]["hash"]) if rows else START

    def seal(self, limit: int = BATCH) -> int:
        """Seal up to ``limit`` events in one transaction and return how many; 0 also while somebody else seals.

        Whatever is visible is committed and may be sealed. What an open transaction has written, with ids or times
        before others, is sealed after its commit, at a later position: until then the horizon stays before it.
        """
        with self._database.transaction() as transaction:
            if not transaction.rows("lock_audit_chain")[0]["locked"]:
                return 0
            (state,) = transaction.rows("sealing_state")
            # Numbers of transactions that have not begun yet come with a dump of another server: look at every event.
            everything = int(state["horizon"]) == 0 or int(state["horizon"]) > int(state["xmax"])
            events = transaction.rows(
                "unsealed_events",
                since="0" if everything else state["horizon"],
                until=str(ENDLESS) if everything else state["xmax"],
                limit=limit,
            )
            complete = len(events) < limit
            if events or (everything and complete):
                horizon = state["xmin"] if complete else _resume(state, events, everything=everything)
                _append(transaction, state, events, horizon)
            return len(events)


def _resume(state: Row, events: list[Row], *, everything: bool) -> str:
    """Return the transaction at which the next batch begins; events come in the order of their transactions."""
    if everything:
        return str(state["horizon"])
    return str(min(int(state["xmin"]), int(events[-1]["xact"])))


def _append(transaction: Transaction, state: Row, events: list[Row], horizon: str) -> None:
    previous = state["hash"] or NOTHING_BEFORE
    positions = range(state["position"] + 1, state["position"] + 1 + len(events))
    digests = [event_digest(event) for event in events]
    hashes: list[str] = []
    for position, digest in zip(positions, digests, strict=True):
        previous = link_hash(previous, position, digest, state["sealed_at"])
        hashes.append(previous)
    transaction.rows(
        "seal_events",
        positions=list(positions),
        event_ids=[event["id"] for event in events],
        digests=digests,
        hashes=hashes,
        sealed_at=state["sealed_at"],
        horizon=horizon,
    )
