-- name: claim_tasks
-- An exit or update waits while the entry of its trade is not finished; another worker's rows are skipped. Also for one
-- that a person tries again: its task may be younger than an exit that was stored at the same moment.
-- Limit and ids are written so that no statistics can talk the planner out of walking the index of waiting tasks and
-- looking up the few it found: a backlog that came after the last ANALYZE was read and sorted as a whole for each claim.
WITH due AS MATERIALIZED (
    SELECT t.id
    FROM execution_tasks t
    WHERE t.status = 'PENDING' AND t.due_at <= now() AND (%(only)s::bigint IS NULL OR t.id = %(only)s)
      AND (t.event_type = 'ENTRY' OR NOT EXISTS (
          SELECT 1 FROM execution_tasks e
          WHERE e.trade_id = t.trade_id AND e.event_type = 'ENTRY' AND e.status IN ('PENDING', 'PROCESSING')
            AND (e.id < t.id OR e.payload ? 'retry_of')))
    ORDER BY t.priority, t.due_at, t.id
    LIMIT (SELECT %(limit)s::bigint)
    FOR UPDATE OF t SKIP LOCKED
)
UPDATE execution_tasks t
SET status = 'PROCESSING', attempts = t.attempts + 1, worker = %(worker)s,
    lease_until = now() + make_interval(secs => %(lease)s), last_attempt_at = now(), updated_at = now()
WHERE t.id = ANY (ARRAY(SELECT id FROM due))
RETURNING t.id, t.trade_id, t.event_type, t.payload, t.attempts, t.priority,
    extract(epoch FROM clock_timestamp() - COALESCE(t.requeued_at, t.created_at)) AS age,
    t.event_type = 'ENTRY' AND (EXISTS (
        SELECT 1 FROM execution_tasks x
        WHERE x.trade_id = t.trade_id AND x.event_type = 'EXIT' AND (x.id < t.id OR x.status = 'SUCCESS')
    ) OR archive.has_exit(t.trade_id)) AS trade_closed

-- name: record_results
-- Task and log together, and only where the claim still holds: worker and attempt are the fence against a worker that
-- was believed dead. Listeners hear of it at commit, never before.
WITH result AS (
    SELECT * FROM unnest(%(task_ids)s::bigint[], %(attempts)s::integer[], %(bodies)s::text[], %(events)s::text[],
                         %(facts)s::text[]) AS r (task_id, attempt, body, event, facts)
), finished AS (
    UPDATE execution_tasks t
    SET status = 'SUCCESS', worker = NULL, lease_until = NULL, finished_at = clock_timestamp(),
        updated_at = clock_timestamp()
    FROM result r
    WHERE t.id = r.task_id AND t.status = 'PROCESSING' AND t.worker = %(worker)s AND t.attempts = r.attempt
    RETURNING t.id, t.trade_id, t.event_type, r.body, r.event, r.facts
), named AS (
    INSERT INTO decision_texts (digest, content)
    SELECT digest, content::json FROM unnest(%(digests)s::text[], %(texts)s::text[]) AS n (digest, content)
    ON CONFLICT DO NOTHING
), remembered AS (
    INSERT INTO decision_facts (task_id, facts) SELECT id, facts::json FROM finished WHERE facts IS NOT NULL
), logged AS (
    INSERT INTO execution_logs (task_id, trade_id, event_type, status, response_code, response_body, created_at)
    SELECT id, trade_id, event_type, 'SUCCESS', 200, body::jsonb, clock_timestamp() FROM finished
)
SELECT id, pg_notify('router_events', event) FROM finished

-- name: record_failure
-- Waits and tries again, or ends as a dead letter. The error is logged either way.
WITH failed AS (
    UPDATE execution_tasks t
    SET status = CASE WHEN %(final)s THEN 'FAILED' ELSE 'PENDING' END,
        worker = NULL, lease_until = NULL, last_error = %(error)s, updated_at = clock_timestamp(),
        due_at = CASE WHEN %(final)s THEN t.due_at ELSE clock_timestamp() + make_interval(secs => %(delay)s) END,
        finished_at = CASE WHEN %(final)s THEN clock_timestamp() END
    WHERE t.id = %(task_id)s AND t.status = 'PROCESSING' AND t.worker = %(worker)s AND t.attempts = %(attempt)s
    RETURNING t.id, t.trade_id, t.event_type
), logged AS (
    INSERT INTO execution_logs (task_id, trade_id, event_type, status, response_code, response_body, created_at)
    SELECT id, trade_id, event_type, CASE WHEN %(final)s THEN 'FAILED' ELSE 'RETRY' END, 500, %(body)s::jsonb,
           clock_timestamp()
    FROM failed
    RETURNING task_id
)
SELECT failed.id, CASE WHEN %(final)s THEN pg_notify('router_events', %(event)s) END
FROM failed JOIN logged ON logged.task_id = failed.id

-- name: give_back
UPDATE execution_tasks t
SET status = 'PENDING', worker = NULL, lease_until = NULL, attempts = t.attempts - 1, updated_at = now()
FROM unnest(%(task_ids)s::bigint[], %(attempts)s::integer[]) AS r (task_id, attempt)
WHERE t.id = r.task_id AND t.status = 'PROCESSING' AND t.worker = %(worker)s AND t.attempts = r.attempt

-- name: renew_leases
UPDATE execution_tasks t
SET lease_until = now() + make_interval(secs => %(lease)s)
FROM unnest(%(task_ids)s::bigint[], %(attempts)s::integer[]) AS r (task_id, attempt)
WHERE t.id = r.task_id AND t.status = 'PROCESSING' AND t.worker = %(worker)s AND t.attempts = r.attempt

-- name: follow_clock_back
-- The server's clock was set back: what was written before lies in its future, and would wait until it is there again.
-- Such rows are due now, and who holds one has a whole lease from now on. No row is changed while the clock runs on.
WITH waiting AS (
    UPDATE execution_tasks SET due_at = now(), updated_at = now()
    WHERE status = 'PENDING' AND due_at > now() + interval '2 s' AND updated_at > now() + interval '2 s'
    RETURNING id
), held AS (
    UPDATE execution_tasks SET lease_until = now() + make_interval(secs => %(lease)s), updated_at = now()
    WHERE status = 'PROCESSING' AND updated_at > now() + interval '2 s'
      AND lease_until > now() + make_interval(secs => %(lease)s + 2)
    RETURNING id
), planned AS (
    UPDATE execution_orders SET due_at = now()
    WHERE state = 'PLANNED' AND due_at > now() + interval '2 s' AND updated_at > now() + interval '2 s'
    RETURNING id
), sending AS (
    UPDATE execution_orders SET lease_until = now() + make_interval(secs => %(lease)s)
    WHERE state = 'SENDING' AND updated_at > now() + interval '2 s'
      AND lease_until > now() + make_interval(secs => %(lease)s + 2)
    RETURNING id
)
SELECT (SELECT count(*) FROM waiting) + (SELECT count(*) FROM held)
     + (SELECT count(*) FROM planned) + (SELECT count(*) FROM sending) AS changed

-- name: take_back_expired
-- The lease ended: its worker is gone. The task waits again, or ends as a dead letter when it has had all its tries.
WITH expired AS (
    SELECT id, worker, attempts >= %(max_attempts)s AS final
    FROM execution_tasks
    WHERE status = 'PROCESSING' AND lease_until < now()
    FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE execution_tasks t
    SET status = CASE WHEN x.final THEN 'FAILED' ELSE 'PENDING' END,
        worker = NULL, lease_until = NULL, due_at = LEAST(t.due_at, now()), updated_at = now(),
        last_error = 'worker ' || x.worker || ' did not finish before its lease ended',
        finished_at = CASE WHEN x.final THEN now() END
    FROM expired x
    WHERE t.id = x.id
    RETURNING t.id, t.trade_id, t.event_type, t.attempts, t.status, t.last_error
), logged AS (
    INSERT INTO execution_logs (task_id, trade_id, event_type, status, response_code, response_body)
    SELECT id, trade_id, event_type, CASE status WHEN 'FAILED' THEN 'FAILED' ELSE 'RETRY' END, 500,
           jsonb_build_object('error', last_error, 'attempt', attempts)
    FROM taken
    RETURNING task_id
)
SELECT taken.id, taken.trade_id, taken.status
FROM taken JOIN logged ON logged.task_id = taken.id

-- name: result_of_task
SELECT l.response_body, t.status, t.last_error
FROM execution_tasks t
LEFT JOIN execution_logs l ON l.task_id = t.id AND l.status = 'SUCCESS'
WHERE t.id = %(task_id)s

-- name: queue_state
-- Two looks, each at a partial index: one look at both would read the finished tasks, too.
SELECT waiting.n AS pending, held.n AS processing, waiting.oldest_seconds AS oldest_pending_seconds
FROM (
    SELECT count(*) AS n, extract(epoch FROM now() - min(created_at)) AS oldest_seconds
    FROM execution_tasks WHERE status = 'PENDING'
) AS waiting, (
    SELECT count(*) AS n FROM execution_tasks WHERE status = 'PROCESSING'
) AS held
