"""An audited record for tests: what happened, sealed, and what the check says of it."""

from __future__ import annotations

import json
from typing import Any

from database.audit_chain import AuditChain
from database.audit_check import Finding, Tally, check_audit
from database.connection import Database, Row, Transaction
from tests.conftest import Sql

RESULT = {
    "firm_code": "FTMO",
    "program_id": 1,
    "status": "SKIPPED",
    "reason": "GLOBAL_DRY_RUN_ENABLED",
    "approved": True,
    "contracts": 2,
    "blocked_by": [],
    "blocked_if_live": ["UNKNOWN_ACCOUNT_STATE"],
}
BODY: dict[str, Any] = {
    "dry_run": True,
    "risk_checks": [{"firm_code": "FTMO", "status": "APPROVED", "rule": None, "details": None}],
    "program_sizing": [{"firm_code": "FTMO", "program_id": 1, "contracts": 2, "details": {"risk": 500.50}}],
    "account_breaches": [],
    "enforcement_checks": [],
    "connector_results": [
        RESULT,
        {**RESULT, "firm_code": "APEX", "approved": False, "contracts": 0, "blocked_by": ["MAX_CONTRACTS"]},
    ],
}
LOGS = """
    WITH task AS (
        INSERT INTO execution_tasks (trade_id, event_type, status, attempts, finished_at)
        SELECT 'TRADE-' || g, 'ENTRY', 'SUCCESS', 1, now() FROM generate_series(1, %s) g
        RETURNING id, trade_id
    )
    INSERT INTO execution_logs (task_id, trade_id, event_type, status, response_code, response_body)
    SELECT id, trade_id, 'ENTRY', 'SUCCESS', 200, %s::jsonb || jsonb_build_object('number', id) FROM task
"""
FACTS = (
    "INSERT INTO account_flags VALUES ('FTMO', 1, 'paused', 'true', 'owner', 'news')",
    "INSERT INTO account_flags VALUES ('APEX', 1, 'halted', 'true', 'owner', 'rest')",
    "UPDATE account_flags SET value = 'false', set_at = clock_timestamp() WHERE firm_code = 'APEX'",
    "INSERT INTO account_flags VALUES ('APEX', 2, 'gone', 'true')",
    "DELETE FROM account_flags WHERE name = 'gone'",
    """INSERT INTO account_overrides (firm_code, program_id, figures, reason, set_by, expires_at)
    VALUES ('APEX', 1, '{"equity": "99000.5"}', 'feed broken', 'owner', now() + interval '1 hour')""",
    "UPDATE account_overrides SET withdrawn_at = clock_timestamp(), withdrawn_by = 'boss'",
    "INSERT INTO account_restarts VALUES ('APEX', 1, 2, now(), 'bought anew', 'owner')",
    "INSERT INTO rule_sets (digest, id, version, content) VALUES ('d1', 'topstep-50k', '2026-10-04', '{\"a\": 1.50}')",
)
FACT_EVENTS = len(FACTS)


class SameTransaction(Transaction):
    """Checks within the transaction that altered something, so that it can be rolled back."""

    def rows(self, name: str, /, **values: Any) -> list[Row]:
        return [] if name == "begin_audit_check" else super().rows(name, **values)


def decide(sql: Sql, trades: int) -> None:
    """Put verdicts on record, two accounts each; this writes an event for each."""
    sql(LOGS, trades, json.dumps(BODY))


def live_a_day(sql: Sql, trades: int) -> None:
    """Verdicts, and one of each other fact: FACT_EVENTS events besides."""
    decide(sql, trades)
    for fact in FACTS:
        sql(fact)


def seal_all(database: Database, limit: int = 1000) -> int:
    """Seal whatever there is and return how many."""
    chain = AuditChain(database)
    return sum(iter(lambda: chain.seal(limit), 0))


def waiting(sql: Sql) -> int:
    """Return how many events are not sealed yet."""
    rows = sql("SELECT count(*) FROM audit_events WHERE id NOT IN (SELECT event_id FROM audit_chain)")
    return int(rows[0]["count"])


def findings_of(database: Database, *, head: str | None = None) -> list[Finding]:
    with database.transaction() as transaction:
        return list(check_audit(transaction, Tally(), head=head))


def tally_of(database: Database) -> Tally:
    tally = Tally()
    with database.transaction() as transaction:
        assert list(check_audit(transaction, tally)) == []
    return tally


def past_the_triggers(sql: Sql, *statements: str) -> None:
    """Alter the record as the owner of its tables can."""
    switch_triggers(sql, "DISABLE")
    for statement in statements:
        sql(statement)
    switch_triggers(sql, "ENABLE")


def switch_triggers(sql: Sql, how: str) -> None:
    """DISABLE or ENABLE what audits the record and what keeps the audit append-only."""
    for table in ("audit_events", "audit_chain", "execution_logs", "account_flags", "account_overrides"):
        sql(f"ALTER TABLE {table} {how} TRIGGER USER")
