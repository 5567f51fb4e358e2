"""The documents' SQL as printed, on the record of trades that were really decided."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg2
import psycopg2.errors
import psycopg2.extras
import pytest

from config.settings import Settings
from database.connection import Database
from database.embedded import EmbeddedServer
from execution_router import ExecutionRouter
from tests.conftest import administrator, repository, url_of
from tests.processes import ROUTED, entry, exit_of

Rows = list[dict[str, Any]]

STATE_OF_TRADE = """
SELECT 
    et.trade_id,
    el.response_body::jsonb->'account_breaches' as account_breaches
FROM execution_tasks et
JOIN execution_logs el ON et.id = el.task_id
WHERE et.trade_id = 'TEST_13G_001';
"""  # noqa: W291 - as printed
BREACH_OF_TRADE = """
SELECT 
    et.trade_id,
    el.response_body::jsonb->'account_breaches' as account_breaches,
    el.response_body::jsonb->'connector_results' as connector_results
FROM execution_tasks et
JOIN execution_logs el ON et.id = el.task_id
WHERE et.trade_id = 'TEST_13G_003';
"""  # noqa: W291 - as printed
BREACH_DECISIONS = """
SELECT 
    et.trade_id,
    jsonb_array_elements(el.response_body::jsonb->'account_breaches')->>'firm_code' as firm,
    jsonb_array_elements(el.response_body::jsonb->'account_breaches')->>'program_id' as program,
    jsonb_array_elements(el.response_body::jsonb->'account_breaches')->>'status' as status,
    jsonb_array_elements(el.response_body::jsonb->'account_breaches')->>'rule' as rule
FROM execution_tasks et
JOIN execution_logs el ON et.id = el.task_id
WHERE et.created_at > NOW() - INTERVAL '1 hour'
ORDER BY et.created_at DESC;
"""  # noqa: W291 - as printed
PENDING = """
SELECT COUNT(*) as pending_count
FROM execution_tasks
WHERE status = 'PENDING';
"""
RATE = """
SELECT 
    DATE_TRUNC('minute', created_at) as minute,
    COUNT(*) as tasks_created,
    COUNT(CASE WHEN status = 'SUCCESS' THEN 1 END) as tasks_processed
FROM execution_tasks
GROUP BY DATE_TRUNC('minute', created_at)
ORDER BY minute DESC
LIMIT 10;
"""  # noqa: W291 - as printed
RECENT_LOGS = """
SELECT 
    el.id,
    et.trade_id,
    et.event_type,
    el.status,
    el.response_body,
    el.created_at
FROM execution_logs el
JOIN execution_tasks et ON el.task_id = et.id
ORDER BY el.created_at DESC
LIMIT 20;
"""  # noqa: W291 - as printed
FAILED = """
SELECT 
    id,
    trade_id,
    event_type,
    attempts,
    last_error,
    created_at
FROM execution_tasks
WHERE status = 'FAILED'
ORDER BY created_at DESC;
"""  # noqa: W291 - as printed
LATEST_TASK = """
-- View latest execution task
SELECT * FROM execution_tasks ORDER BY created_at DESC LIMIT 1;
"""
LATEST_LOG = """
-- View latest execution log
SELECT 
    el.trade_id,
    el.event_type,
    el.response_body->>'dry_run' as dry_run,
    el.response_body->'risk_checks' as risk_checks,
    el.response_body->'program_sizing' as program_sizing,
    el.response_body->'account_breaches' as account_breaches,
    el.response_body->'connector_results' as connector_results
FROM execution_logs el
ORDER BY el.created_at DESC
LIMIT 1;
"""  # noqa: W291 - as printed
BY_STATUS = """
-- Tasks by status (last 24 hours)
SELECT 
    status,
    COUNT(*) as count
FROM execution_tasks
WHERE created_at > NOW() - INTERVAL '24 hours'
GROUP BY status;
"""  # noqa: W291 - as printed
SUMMARY = """
-- Last 10 executions with complete details
SELECT 
    et.id,
    et.trade_id,
    et.event_type,
    et.status,
    el.response_body->>'dry_run' as dry_run,
    jsonb_array_length(el.response_body->'risk_checks') as risk_checks_count,
    jsonb_array_length(el.response_body->'program_sizing') as sizing_count,
    jsonb_array_length(el.response_body->'account_breaches') as breach_checks_count,
    jsonb_array_length(el.response_body->'connector_results') as connector_count,
    et.created_at
FROM execution_tasks et
LEFT JOIN execution_logs el ON et.id = el.task_id
ORDER BY et.created_at DESC
LIMIT 10;
"""  # noqa: W291 - as printed
DETAILS = """
-- View complete task details
SELECT 
    et.*,
    el.response_body
FROM execution_tasks et
LEFT JOIN execution_logs el ON et.id = el.task_id
WHERE et.trade_id = 'YOUR_TRADE_ID';
"""  # noqa: W291 - as printed
LIMITED = """
-- Always use LIMIT for dashboard queries
SELECT * FROM execution_logs 
ORDER BY created_at DESC 
LIMIT 100;
"""  # noqa: W291 - as printed
OF_TRADE = """
  SELECT * FROM execution_logs 
  WHERE trade_id = 'E2E_TEST_001' 
  ORDER BY created_at DESC LIMIT 1;
"""  # noqa: W291 - as printed

LAST = ("YOUR_TRADE_ID", "EXIT")
BREACHED = {"rule": "MAX_DAILY_LOSS", "status": "REJECTED"}

# Each query with one thing that its answer must show: columns of its first row.
AS_PRINTED: dict[str, tuple[str, int, dict[str, Any]]] = {
    "account breaches of a trade": (STATE_OF_TRADE, 1, {"trade_id": "TEST_13G_001"}),
    "breaches and connectors of a trade": (BREACH_OF_TRADE, 1, {"trade_id": "TEST_13G_003"}),
    "breach decisions": (BREACH_DECISIONS, 8, {"firm": "FTMO", "program": "1", **BREACHED}),
    "pending": (PENDING, 1, {"pending_count": 0}),
    "rate": (RATE, 1, {"tasks_created": 5, "tasks_processed": 5}),
    "recent logs": (RECENT_LOGS, 5, {"trade_id": LAST[0], "event_type": LAST[1], "status": "SUCCESS"}),
    "failed": (FAILED, 0, {}),
    "latest task": (LATEST_TASK, 1, {"trade_id": LAST[0], "event_type": LAST[1]}),
    "latest log": (LATEST_LOG, 1, {"trade_id": LAST[0], "dry_run": "true", "risk_checks": []}),
    "tasks by status": (BY_STATUS, 1, {"status": "SUCCESS", "count": 5}),
    "summary": (SUMMARY, 5, {"trade_id": LAST[0], "connector_count": 2, "sizing_count": 0, "dry_run": "true"}),
    "details": (DETAILS, 2, {"trade_id": "YOUR_TRADE_ID", "status": "SUCCESS"}),
    "limited": (LIMITED, 5, {"trade_id": LAST[0], "status": "SUCCESS"}),
    "of a trade": (OF_TRADE, 1, {"trade_id": "E2E_TEST_001", "event_type": "ENTRY"}),
    "count of tasks": ("SELECT COUNT(*) FROM execution_tasks;", 1, {"count": 5}),
    "count of logs": ("SELECT COUNT(*) FROM execution_logs;", 1, {"count": 5}),
}

RISK_RESULTS = """
-- Risk check approvals vs rejections (last 24 hours)
SELECT 
    jsonb_array_elements(el.response_body::jsonb->'risk_checks')->>'firm_code' as firm,
    jsonb_array_elements(el.response_body::jsonb->'risk_checks')->>'status' as status,
    COUNT(*) as count
FROM execution_logs el
WHERE el.created_at > NOW() - INTERVAL '24 hours'
GROUP BY firm, status
ORDER BY firm, status;
"""  # noqa: W291 - as printed
SIZING_RESULTS = """
-- Average contracts per firm/program (last 24 hours)
SELECT 
    jsonb_array_elements(el.response_body::jsonb->'program_sizing')->>'firm_code' as firm,
    jsonb_array_elements(el.response_body::jsonb->'program_sizing')->>'program_id' as program,
    AVG((jsonb_array_elements(el.response_body::jsonb->'program_sizing')->>'contracts')::numeric) as avg_contracts
FROM execution_logs el
WHERE el.created_at > NOW() - INTERVAL '24 hours'
GROUP BY firm, program
ORDER BY firm, program;
"""  # noqa: W291 - as printed
BREACH_RESULTS = """
-- Account breach statistics (last 24 hours)
SELECT 
    jsonb_array_elements(el.response_body::jsonb->'account_breaches')->>'firm_code' as firm,
    jsonb_array_elements(el.response_body::jsonb->'account_breaches')->>'program_id' as program,
    jsonb_array_elements(el.response_body::jsonb->'account_breaches')->>'status' as status,
    jsonb_array_elements(el.response_body::jsonb->'account_breaches')->>'rule' as rule,
    COUNT(*) as count
FROM execution_logs el
WHERE el.created_at > NOW() - INTERVAL '24 hours'
GROUP BY firm, program, status, rule
ORDER BY firm, program, status;
"""  # noqa: W291 - as printed
CONNECTOR_RESULTS = """
-- Connector success/failure rates (last 24 hours)
SELECT 
    jsonb_array_elements(el.response_body::jsonb->'connector_results')->>'firm_code' as firm,
    jsonb_array_elements(el.response_body::jsonb->'connector_results')->>'status' as status,
    COUNT(*) as count
FROM execution_logs el
WHERE el.created_at > NOW() - INTERVAL '24 hours'
GROUP BY firm, status
ORDER BY firm, status;
"""  # noqa: W291 - as printed
PERFORMANCE = """
-- Execution success rate by firm (last 7 days)
SELECT 
    jsonb_array_elements(el.response_body::jsonb->'connector_results')->>'firm_code' as firm,
    COUNT(*) as total_attempts,
    SUM(CASE WHEN jsonb_array_elements(el.response_body::jsonb->'connector_results')->>'status' = 'SUCCESS' THEN 1 ELSE 0 END) as successes,
    SUM(CASE WHEN jsonb_array_elements(el.response_body::jsonb->'connector_results')->>'status' = 'FAILED' THEN 1 ELSE 0 END) as failures,
    SUM(CASE WHEN jsonb_array_elements(el.response_body::jsonb->'connector_results')->>'status' = 'SKIPPED' THEN 1 ELSE 0 END) as skipped,
    ROUND(100.0 * SUM(CASE WHEN jsonb_array_elements(el.response_body::jsonb->'connector_results')->>'status' = 'SUCCESS' THEN 1 ELSE 0 END) / COUNT(*), 2) as success_rate
FROM execution_logs el
WHERE el.created_at > NOW() - INTERVAL '7 days'
GROUP BY firm
ORDER BY firm;
"""  # noqa: W291, E501 - as printed
REJECTIONS = """
-- Most common risk rejection reasons (last 7 days)
SELECT 
    jsonb_array_elements(el.response_body::jsonb->'risk_checks')->>'firm_code' as firm,
    jsonb_array_elements(el.response_body::jsonb->'risk_checks')->>'rule' as rule,
    COUNT(*) as rejection_count
FROM execution_logs el
WHERE el.created_at > NOW() - INTERVAL '7 days'
  AND jsonb_array_elements(el.response_body::jsonb->'risk_checks')->>'status' = 'REJECTED'
GROUP BY firm, rule
ORDER BY rejection_count DESC;
"""  # noqa: W291 - as printed

# What PostgreSQL refuses, with which words, and the file that answers the same question.
REFUSED = (
    (RISK_RESULTS, "must appear in the GROUP BY clause", "risk_check_results", ["firm", "status", "count"]),
    (SIZING_RESULTS, "cannot contain set-returning", "program_sizing_results", ["firm", "program", "avg_contracts"]),
    (
        BREACH_RESULTS,
        "must appear in the GROUP BY clause",
        "account_breach_results",
        ["firm", "program", "status", "rule", "count"],
    ),
    (CONNECTOR_RESULTS, "must appear in the GROUP BY clause", "connector_results", ["firm", "status", "count"]),
    (
        PERFORMANCE,
        "CASE/WHEN must not return a set",
        "firm_performance",
        ["firm", "total_attempts", "successes", "failures", "skipped", "success_rate"],
    ),
    (REJECTIONS, "not allowed in WHERE", "risk_rejections", ["firm", "rule", "rejection_count"]),
)


@pytest.fixture(scope="module")
def decided(postgres: EmbeddedServer) -> Iterator[str]:
    """A database with four entries and one exit, decided while FTMO/1 is beyond its daily loss."""
    with administrator(postgres.url) as cursor:
        cursor.execute("CREATE DATABASE documents_sql TEMPLATE template_router")
    url = url_of(postgres, "documents_sql")
    database = Database(url)
    environment = {**ROUTED, "DATABASE_URL": url, "FTMO_1_DAY_PL": "-1200.0"}
    router = ExecutionRouter(settings=Settings.from_env(environment), database=database)
    for trade in ("TEST_13G_001", "TEST_13G_003", "E2E_TEST_001", "YOUR_TRADE_ID"):
        # The firm refuses the size, so that its risk check has a rejection, too.
        contracts = 11 if trade == "YOUR_TRADE_ID" else None
        assert router.handle_entry_signal(entry(trade, contracts=contracts))["recorded"]
    assert router.handle_exit_signal(exit_of("YOUR_TRADE_ID"))["recorded"]
    database.close()
    with administrator(url) as cursor:
        # All in one minute, whenever the test runs.
        arranged = "date_trunc('minute', now()) - INTERVAL '1 minute' + id * INTERVAL '1 second'"
        for table in ("execution_tasks", "execution_logs"):
            cursor.execute(f"UPDATE {table} SET created_at = {arranged}")
    yield url
    with administrator(postgres.url) as cursor:
        cursor.execute("DROP DATABASE documents_sql WITH (FORCE)")


def rows_of(url: str, query: str) -> Rows:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            cursor.execute(query)
            return [dict(row) for row in cursor.fetchall()]
    finally:
        connection.close()


@pytest.mark.parametrize("name", sorted(AS_PRINTED))
def test_a_query_runs_as_printed(name: str, decided: str) -> None:
    query, count, first = AS_PRINTED[name]
    rows = rows_of(decided, query)
    assert len(rows) == count
    for column, value in first.items():
        assert rows[0][column] == value, column


@pytest.mark.parametrize("operand", ["response_body", "response_body::jsonb"])
@pytest.mark.parametrize(
    "array", ["risk_checks", "program_sizing", "account_breaches", "enforcement_checks", "connector_results"]
)
def test_both_spellings_of_an_array_read_the_record(operand: str, array: str, decided: str) -> None:
    query = f"SELECT {operand}->'{array}' AS found FROM execution_logs WHERE trade_id = 'TEST_13G_003'"
    [row] = rows_of(decided, query)
    assert [check["firm_code"] for check in row["found"]] == ["FTMO", "APEX"]


@pytest.mark.parametrize(("query", "words", "file", "columns"), REFUSED, ids=[row[2] for row in REFUSED])
def test_what_postgresql_refuses_has_a_file_with_the_same_columns(
    query: str, words: str, file: str, columns: list[str], decided: str
) -> None:
    with pytest.raises(psycopg2.Error, match=words):
        rows_of(decided, query)
    replacement = (repository() / "database" / "queries" / f"{file}.sql").read_text(encoding="utf-8")
    answer = rows_of(decided, replacement)
    assert list(answer[0]) == columns
    assert "FTMO" in {row["firm"] for row in answer}


def test_a_prepared_statement_finds_its_trade_and_nothing_else(decided: str) -> None:
    trade_id = "YOUR_TRADE_ID' OR 'a' = 'a"
    connection = psycopg2.connect(decided)
    cursor = connection.cursor()
    cursor.execute("SELECT * FROM execution_tasks WHERE trade_id = %s", (trade_id,))
    assert cursor.fetchall() == []
    cursor.execute("SELECT * FROM execution_tasks WHERE trade_id = %s", ("YOUR_TRADE_ID",))
    assert len(cursor.fetchall()) == 2
    connection.close()


def test_the_additional_indexes_can_be_made_as_printed(decided: str) -> None:
    printed = """
-- For event_type filtering
CREATE INDEX idx_execution_tasks_event_type ON execution_tasks(event_type);
CREATE INDEX idx_execution_logs_event_type ON execution_logs(event_type);

-- For JSONB queries (if frequently querying response_body)
CREATE INDEX idx_execution_logs_response_body_gin ON execution_logs USING gin(response_body);
"""
    connection = psycopg2.connect(decided)
    with connection.cursor() as cursor:
        cursor.execute(printed)
    connection.rollback()
    connection.close()
