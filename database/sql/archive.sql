-- name: archive_limit
SELECT now() - make_interval(days => %(days)s) AS older_than

-- name: lock_archive
-- One run at a time, until the end of its transaction; the number is any, as long as nothing else locks it.
SELECT pg_try_advisory_xact_lock(705419230123) AS locked

-- name: differing_shapes
-- The tables of the archive whose columns are not those of the tables that they take rows from.
SELECT p.relname AS name
FROM pg_class a
JOIN pg_class p ON p.relname = a.relname AND p.relnamespace = 'public'::regnamespace
WHERE a.relnamespace = 'archive'::regnamespace AND a.relkind = 'r'
  AND (SELECT array_agg((attname, atttypid)::text ORDER BY attnum) FROM pg_attribute
       WHERE attrelid = a.oid AND attnum > 0 AND NOT attisdropped)
      IS DISTINCT FROM
      (SELECT array_agg((attname, atttypid)::text ORDER BY attnum) FROM pg_attribute
       WHERE attrelid = p.oid AND attnum > 0 AND NOT attisdropped)
ORDER BY p.relname

-- name: archive_prospect
-- How many finished tasks are old enough, by what keeps their trades; empty for those that would be moved.
SELECT kept_because, count(*)::bigint AS trades, sum(tasks)::bigint AS tasks
FROM (
    SELECT archive.kept_because(trade_id, %(older_than)s) AS kept_because, tasks
    FROM (
        SELECT trade_id, count(*) AS tasks FROM execution_tasks WHERE finished_at < %(older_than)s GROUP BY trade_id
    ) old
) judged
GROUP BY kept_because
ORDER BY kept_because NULLS FIRST

-- name: archivable_tasks
-- The next finished tasks, and all tasks of those of their trades that nothing keeps; locked until they are moved.
WITH page AS MATERIALIZED (
    SELECT id, trade_id
    FROM execution_tasks
    WHERE id > %(after)s AND finished_at < %(older_than)s
    ORDER BY id
    LIMIT %(limit)s
), ready AS MATERIALIZED (
    SELECT trade_id
    FROM (SELECT DISTINCT trade_id FROM page) trades
    WHERE archive.kept_because(trade_id, %(older_than)s) IS NULL
), locked AS (
    SELECT t.id FROM execution_tasks t JOIN ready r ON r.trade_id = t.trade_id FOR UPDATE OF t
)
SELECT (SELECT max(id) FROM page) AS last_id, ARRAY(SELECT id FROM locked ORDER BY id) AS task_ids,
       ARRAY(SELECT trade_id FROM ready) AS trade_ids

-- name: archive_facts
WITH gone AS (
    DELETE FROM decision_facts WHERE task_id = ANY(%(task_ids)s) RETURNING *
), kept AS (
    INSERT INTO archive.decision_facts SELECT * FROM gone RETURNING task_id
)
SELECT count(*) AS rows FROM kept

-- name: archive_logs
WITH gone AS (
    DELETE FROM execution_logs WHERE task_id = ANY(%(task_ids)s) RETURNING *
), kept AS (
    INSERT INTO archive.execution_logs SELECT * FROM gone RETURNING id
)
SELECT count(*) AS rows FROM kept

-- name: hold_deliveries
-- While signals move nobody stores one: a delivery that came in between would see its event in neither place. Whoever
-- stores one just now is not waited for longer than a moment, because others would have to wait behind.
DO $$
BEGIN
    PERFORM set_config('archive.holds', 'no', true);
    BEGIN
        SET LOCAL lock_timeout = '50ms';
        LOCK TABLE automated_signals IN SHARE ROW EXCLUSIVE MODE;
        SET LOCAL lock_timeout = 0;
        PERFORM set_config('archive.holds', 'yes', true);
    EXCEPTION WHEN lock_not_available THEN
        NULL;
    END;
END $$;
SELECT current_setting('archive.holds') = 'yes' AS held

-- name: archive_signals
WITH gone AS (
    DELETE FROM automated_signals WHERE trade_id = ANY(%(trade_ids)s) RETURNING *
), kept AS (
    INSERT INTO archive.automated_signals SELECT * FROM gone RETURNING id
)
SELECT count(*) AS rows FROM kept

-- name: archive_tasks
WITH gone AS (
    DELETE FROM execution_tasks WHERE id = ANY(%(task_ids)s) RETURNING *
), kept AS (
    INSERT INTO archive.execution_tasks SELECT * FROM gone RETURNING id
)
SELECT count(*) AS rows FROM kept

-- name: record_archive_batch
INSERT INTO archive_batches (kind, older_than, tasks, logs, signals, facts, task_ids)
SELECT %(kind)s, %(older_than)s, %(tasks)s, %(logs)s, %(signals)s, %(facts)s, range_agg(int8range(id, id, '[]'))
FROM unnest(%(task_ids)s::bigint[]) AS id

-- name: analyze_archive
ANALYZE archive.execution_tasks, archive.execution_logs, archive.automated_signals, archive.decision_facts

-- name: droppable_tasks
SELECT max(id) AS last_id, COALESCE(array_agg(id ORDER BY id), '{}') AS task_ids
FROM (
    SELECT id FROM archive.execution_tasks
    WHERE id > %(after)s AND finished_at < %(older_than)s
    ORDER BY id
    LIMIT %(limit)s
    FOR UPDATE
) page

-- name: drop_facts
WITH gone AS (DELETE FROM archive.decision_facts WHERE task_id = ANY(%(task_ids)s) RETURNING task_id)
SELECT count(*) AS rows FROM gone

-- name: drop_logs
WITH gone AS (DELETE FROM archive.execution_logs WHERE task_id = ANY(%(task_ids)s) RETURNING id)
SELECT count(*) AS rows FROM gone

-- name: drop_tasks
WITH gone AS (DELETE FROM archive.execution_tasks WHERE id = ANY(%(task_ids)s) RETURNING id)
SELECT count(*) AS rows FROM gone

-- name: drop_prospect
SELECT count(*) AS tasks FROM archive.execution_tasks WHERE finished_at < %(older_than)s

-- name: open_unlisted_archive
-- What lies in the archive though no step of the archive brought it there.
DECLARE pages NO SCROLL CURSOR FOR
SELECT 'archive.execution_logs' AS place, l.id, l.task_id, l.trade_id, l.status
FROM archive.execution_logs l
WHERE NOT EXISTS (SELECT FROM archive_batches b WHERE b.kind = 'MOVED' AND b.task_ids @> l.task_id)
ORDER BY l.id

-- name: archive_counts
-- What each table of the archive holds, and what the steps of the archive left in it.
SELECT 'archive.execution_tasks' AS name, (SELECT count(*) FROM archive.execution_tasks) AS found,
       COALESCE(sum(CASE kind WHEN 'MOVED' THEN tasks ELSE -tasks END), 0) AS expected
FROM archive_batches
UNION ALL
SELECT 'archive.execution_logs', (SELECT count(*) FROM archive.execution_logs),
       COALESCE(sum(CASE kind WHEN 'MOVED' THEN logs ELSE -logs END), 0)
FROM archive_batches
UNION ALL
SELECT 'archive.automated_signals', (SELECT count(*) FROM archive.automated_signals), COALESCE(sum(signals), 0)
FROM archive_batches
UNION ALL
SELECT 'archive.decision_facts', (SELECT count(*) FROM archive.decision_facts),
       COALESCE(sum(CASE kind WHEN 'MOVED' THEN facts ELSE -facts END), 0)
FROM archive_batches
