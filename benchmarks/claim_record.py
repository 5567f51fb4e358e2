"""Every claim as the database saw it, and what it proves: nothing claimed twice, no exit before its entry."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from benchmarks.stage import BrokenInvariant, Tables

# What a worker says when it lost a claim, a lease or a task.
TROUBLE = frozenset(
    {"claim_lost", "lease_expired", "task_failed", "round_failed", "renew_failed", "database_away", "facts_not_kept"}
)
# Written by the database itself, in the transaction of the claim.
WATCH = """
    CREATE TABLE claims (task_id BIGINT, worker TEXT, at TIMESTAMPTZ DEFAULT clock_timestamp());
    CREATE FUNCTION watch_claims() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO claims (task_id, worker)
        SELECT later.id, later.worker FROM later JOIN earlier USING (id)
        WHERE later.status = 'PROCESSING' AND later.attempts > earlier.attempts;
        RETURN NULL;
    END $$;
    CREATE TRIGGER watched AFTER UPDATE ON execution_tasks
        REFERENCING OLD TABLE AS earlier NEW TABLE AS later FOR EACH STATEMENT EXECUTE FUNCTION watch_claims();
"""
CLAIMS = """
    SELECT count(*), count(DISTINCT task_id),
           (SELECT count(*) FROM execution_tasks WHERE attempts <> 1),
           (SELECT count(DISTINCT task_id) FROM audit_events WHERE kind = 'VERDICT')
    FROM claims
"""
SHARES = "SELECT count(*) FROM claims GROUP BY worker ORDER BY 1"
# What came after its trade's entry: stored before that was finished, claimed before, logged before.
ORDER = """
    SELECT count(*), count(*) FILTER (WHERE t.created_at < e.finished_at),
           count(*) FILTER (WHERE c.at <= e.finished_at OR l.id <= el.id OR l.created_at <= el.created_at)
    FROM execution_tasks t
    JOIN execution_tasks e ON e.trade_id = t.trade_id AND e.event_type = 'ENTRY' AND e.id < t.id
    JOIN claims c ON c.task_id = t.id
    JOIN execution_logs l ON l.task_id = t.id AND l.status = 'SUCCESS'
    JOIN execution_logs el ON el.task_id = e.id AND el.status = 'SUCCESS'
    WHERE t.event_type = %(event_type)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followers:
    """Exits or updates whose entry was stored before them.

    ``waited`` were stored before that was finished, ``overtook`` were claimed or logged before it was.
    """

    count: int
    waited: int
    overtook: int

    @classmethod
    def on_record(cls, tables: Tables, event_type: str) -> Followers:
        ((count, waited, overtook),) = tables.rows(ORDER, event_type=event_type)
        return cls(count=count, waited=waited, overtook=overtook)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRecord:
    """``shares``: how many tasks each process claimed, least first."""

    tasks: int
    claims: int
    claimed: int
    shares: list[int]
    exits: Followers
    updates: Followers

    @classmethod
    def of(cls, tables: Tables, tasks: int) -> ClaimRecord:
        """Return what is on record of these tasks.

        Raises BrokenInvariant where one was claimed twice, tried twice or not audited, or where one was overtaken.
        """
        ((claims, claimed, tried_again, audited),) = tables.rows(CLAIMS)
        found = cls(
            tasks=tasks,
            claims=claims,
            claimed=claimed,
            shares=[share for (share,) in tables.rows(SHARES)],
            exits=Followers.on_record(tables, "EXIT"),
            updates=Followers.on_record(tables, "MFE_UPDATE"),
        )
        if (claims, claimed, tried_again, audited) != (tasks, tasks, 0, tasks):
            raise BrokenInvariant(
                f"{tasks} tasks were claimed {claims} times, {claimed} of them at all; {tried_again} were tried again, "
                f"{audited} are in the audit"
            )
        if found.exits.overtook or found.updates.overtook:
            raise BrokenInvariant(f"claimed or logged before their entry: {found.exits}, {found.updates}")
        return found


def check_logs(logs: list[Path]) -> None:
    """Raise BrokenInvariant where a worker's log tells of trouble."""
    for log in logs:
        for line in log.read_text(encoding="utf-8").splitlines():
            said = json.loads(line) if line.startswith("{") else {"event": "no JSON"}
            if said.get("event") in TROUBLE:
                raise BrokenInvariant(f"{log.name} says: {line}")
