"""The yardstick: claims batches of 100 tasks and writes the rows that the service writes, without any decision.

``python bare_loop.py DATABASE_URL`` serves the service's own tables until it is stopped. Every task gets the log's body
and the facts of the oldest decided task. Two commits a batch, one statement each, as a loop has to that does something
between them. Not written: NOTIFY, and the chain over the audit's events, which the service seals beside the drain.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import psycopg2

BATCH = 100
LOOK_SECONDS = 0.02
MODEL = """
SELECT l.response_body::text, f.facts::text FROM execution_logs l JOIN decision_facts f USING (task_id)
ORDER BY task_id LIMIT 1
"""
CLAIM = """
WITH due AS MATERIALIZED (
    SELECT id FROM execution_tasks WHERE status = 'PENDING' ORDER BY priority, due_at, id
    LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE execution_tasks t
SET status = 'PROCESSING', attempts = t.attempts + 1, worker = 'bare', lease_until = now() + interval '60 seconds',
    last_attempt_at = now(), updated_at = now()
FROM due WHERE t.id = due.id
RETURNING t.id, t.trade_id, t.event_type, t.payload
"""
RECORD = """
WITH finished AS (
    UPDATE execution_tasks t
    SET status = 'SUCCESS', worker = NULL, lease_until = NULL, finished_at = clock_timestamp(),
        updated_at = clock_timestamp()
    FROM unnest(%(ids)s::bigint[], %(bodies)s::text[], %(facts)s::text[]) AS r (id, body, facts)
    WHERE t.id = r.id
    RETURNING t.id, t.trade_id, t.event_type, r.body, r.facts
), remembered AS (
    INSERT INTO decision_facts (task_id, facts) SELECT id, facts::json FROM finished
)
INSERT INTO execution_logs (task_id, trade_id, event_type, status, response_code, response_body, created_at)
SELECT id, trade_id, event_type, 'SUCCESS', 200, body::jsonb, clock_timestamp() FROM finished
"""


def model(cursor: Any) -> tuple[str, str]:
    """Return the body and the facts that every task gets."""
    cursor.execute(MODEL)
    (body, facts), *_ = cursor.fetchall()
    return body, facts


def serve_batch(cursor: Any, body: str, facts: str, limit: int = BATCH) -> int:
    """Claim a batch and finish it; return how many tasks it had."""
    cursor.execute(CLAIM, {"limit": limit})
    ids = [row[0] for row in cursor.fetchall()]
    if ids:
        cursor.execute(RECORD, {"ids": ids, "bodies": [body] * len(ids), "facts": [facts] * len(ids)})
    return len(ids)


def main() -> None:
    """Serve until the process is stopped."""
    connection = psycopg2.connect(sys.argv[1])
    connection.autocommit = True
    with connection.cursor() as cursor:
        body, facts = model(cursor)
        while True:
            if serve_batch(cursor, body, facts) == 0:
                time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main()
