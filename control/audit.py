"""The audit: verified, and its end to be written down elsewhere."""

from __future__ import annotations

from argparse import Namespace
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Any

from control.desk import Answer, Command, Desk
from control.watched import WatchedTally, events_of
from control.words import Commands
from database.audit import CLEAN, hash_of, verify
from database.audit_chain import AuditChain
from database.audit_check import MEANING, Finding, Tally, check_audit

MOST_TOLD = 1000


def add_audit(commands: Commands) -> None:
    """Add ``audit`` with its ways."""
    audit = commands.add("audit", _verify, "find every row of the record that was changed, lost or swapped")
    _add_head(audit)
    ways = commands.within(audit, "verify|head")
    _add_head(ways.add("verify", _verify, "the same: look at all of it; exit status 1 where something is amiss"))
    ways.add("head", _head, "the place and hash with which the chain ends, to be written down elsewhere")


def verdict_on(tally: Tally, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return what a check found in JSON's own types; of many findings the first."""
    return {
        "clean": tally.findings == 0,
        "findings": tally.findings,
        "sealed": tally.sealed,
        "unsealed": tally.unsealed,
        "missing": tally.missing,
        "head": tally.head._asdict(),
        "found": [
            {"fault": str(one.fault), "where": one.where, "what": one.what, "means": MEANING[one.fault]}
            for one in findings
        ],
    }


def _add_head(parser: Any) -> None:
    parser.add_argument("--head", metavar="HASH", type=hash_of, help="a hash that was written down; it must be there")


def _verify(typed: Namespace) -> Command:
    def run(desk: Desk) -> Answer:
        database = desk.slow_database
        with desk.progress("Audit", events_of(database)) as progress:
            tally = WatchedTally(progress)
            if not desk.in_json:
                good = verify(database, typed.head, tally) == CLEAN
                return Answer({}, None, good)
            with database.transaction() as transaction:
                findings = check_audit(transaction, tally, head=typed.head)
                told = list(islice(findings, MOST_TOLD))
                # The rest is counted, not kept.
                deque(findings, maxlen=0)
        return Answer(verdict_on(tally, told), "", good=tally.findings == 0)

    return run


def _head(_: Namespace) -> Command:
    def run(desk: Desk) -> Answer:
        head = AuditChain(desk.database).head()
        return Answer(head._asdict(), f"{head.position} {head.hash}")

    return run
