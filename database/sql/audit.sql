-- name: lock_audit_chain
-- One sealer at a time, until the end of its transaction; the number is any, as long as nothing else locks it.
SELECT pg_try_advisory_xact_lock(705419230122) AS locked

-- name: sealing_state
-- What the chain ends with, and which transactions are over: all before xmin are, none from xmax on had begun.
SELECT COALESCE(last.position, 0) AS position, last.hash,
       COALESCE((SELECT xact FROM audit_horizon), '0')::text AS horizon,
       pg_snapshot_xmin(now.snapshot)::text AS xmin, pg_snapshot_xmax(now.snapshot)::text AS xmax,
       (to_jsonb(clock_timestamp() AT TIME ZONE 'UTC') #>> '{}') || 'Z' AS sealed_at
FROM (SELECT pg_current_snapshot() AS snapshot) now
LEFT JOIN (SELECT position, hash FROM audit_chain ORDER BY position DESC LIMIT 1) last ON true

-- name: unsealed_events
-- The subquery is no join on purpose: whatever the planner believes, it is one look at an index for each event.
SELECT e.id, (to_jsonb(e.at AT TIME ZONE 'UTC') #>> '{}') || 'Z' AS at, e.kind, e.source, e.subject, e.firm_code,
       e.program_id, e.task_id, e.actor, e.content::text AS content, e.xact::text AS xact
FROM audit_events e
WHERE e.xact >= %(since)s::xid8 AND e.xact < %(until)s::xid8
  AND (SELECT c.position FROM audit_chain c WHERE c.event_id = e.id LIMIT 1) IS NULL
ORDER BY e.xact, e.id
LIMIT %(limit)s

-- name: seal_events
WITH sealed AS (
    INSERT INTO audit_chain (position, event_id, event_digest, hash, sealed_at)
    SELECT position, event_id, event_digest, hash, %(sealed_at)s::timestamptz
    FROM unnest(%(positions)s::bigint[], %(event_ids)s::bigint[], %(digests)s::text[], %(hashes)s::text[])
        AS s (position, event_id, event_digest, hash)
)
INSERT INTO audit_horizon (xact) VALUES (%(horizon)s::xid8) ON CONFLICT (single) DO UPDATE SET xact = EXCLUDED.xact

-- name: audit_head
SELECT position, hash FROM audit_chain ORDER BY position DESC LIMIT 1

-- name: begin_audit_check
-- One moment for all that is read, and the forms in which audit_row writes values down.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SET LOCAL extra_float_digits = 1;
SET LOCAL bytea_output = 'hex';
SET LOCAL intervalstyle = 'iso_8601'

-- name: next_page
FETCH 1000 FROM pages

-- name: close_pages
CLOSE pages

-- name: open_chain
DECLARE pages NO SCROLL CURSOR FOR
SELECT c.position, c.event_id, c.event_digest, c.hash,
       (to_jsonb(c.sealed_at AT TIME ZONE 'UTC') #>> '{}') || 'Z' AS sealed_at,
       e.id, (to_jsonb(e.at AT TIME ZONE 'UTC') #>> '{}') || 'Z' AS at, e.kind, e.source, e.subject, e.firm_code,
       e.program_id, e.task_id, e.actor, e.content::text AS content, e.xact::text AS xact
FROM audit_chain c
LEFT JOIN audit_events e ON e.id = c.event_id
WHERE c.sealed_at >= %(since)s::timestamptz AND c.sealed_at < %(until)s::timestamptz IS NOT FALSE
ORDER BY c.position, c.event_id

-- name: positions_of_digests
SELECT event_digest, position FROM audit_chain WHERE event_digest = ANY (%(digests)s)

-- name: open_unsealed
DECLARE pages NO SCROLL CURSOR FOR
SELECT e.id, e.kind, e.source, e.subject, to_jsonb(e.at AT TIME ZONE 'UTC') #>> '{}' AS at,
       e.at NOT BETWEEN now() - interval '60 seconds' AND now() + interval '60 seconds' AS overdue
FROM audit_events e
WHERE NOT EXISTS (SELECT FROM audit_chain c WHERE c.event_id = e.id)
ORDER BY e.id

-- name: audit_beginning
-- Empty where what the first event says cannot be read.
SELECT (content ->> 'last_log_id')::bigint AS last_log_id
FROM audit_events
WHERE kind = 'AUDIT_BEGAN' AND content ->> 'last_log_id' ~ '^[0-9]{1,18}$'
ORDER BY id
LIMIT 1

-- name: open_unaudited_logs
DECLARE pages NO SCROLL CURSOR FOR
SELECT l.place, l.id, l.task_id, l.trade_id, l.status, found.events
FROM (
    SELECT 'execution_logs' AS place, id, task_id, trade_id, status FROM execution_logs
    UNION ALL
    SELECT 'archive.execution_logs', id, task_id, trade_id, status FROM archive.execution_logs
) l
CROSS JOIN LATERAL (
    SELECT count(*) AS events FROM audit_events e
    WHERE e.task_id = l.task_id AND e.source = 'execution_logs' AND e.content ->> 'log_id' = l.id::text
) found
WHERE l.status IN ('SUCCESS', 'FAILED') AND l.id > %(last_log_id)s AND found.events <> 1
ORDER BY l.id

-- name: open_differing_verdicts
-- What audit_verdicts wrote down, worked out again, wherever the log lies by now; of the accounts' results only what was
-- decided. What was dropped from the archive is not missed.
DECLARE pages NO SCROLL CURSOR FOR
SELECT COALESCE(l.place, 'execution_logs') AS place, e.id AS event_id, e.task_id, e.subject,
       e.content ->> 'log_id' AS log_id, l.id IS NOT NULL AS found, differs.columns
FROM audit_events e
LEFT JOIN (
    SELECT 'execution_logs' AS place, id, task_id, trade_id, event_type, status, response_body FROM execution_logs
    UNION ALL
    SELECT 'archive.execution_logs', id, task_id, trade_id, event_type, status, response_body
    FROM archive.execution_logs
) l ON l.task_id = e.task_id AND l.id::text = e.content ->> 'log_id'
CROSS JOIN LATERAL (
    SELECT array_remove(ARRAY[
        CASE WHEN l.trade_id IS DISTINCT FROM e.subject THEN 'trade_id' END,
        CASE WHEN l.event_type IS DISTINCT FROM e.content ->> 'event_type' THEN 'event_type' END,
        CASE WHEN l.status IS DISTINCT FROM e.content ->> 'status' THEN 'status' END,
        CASE WHEN encode(sha256(convert_to(
            CASE jsonb_typeof(l.response_body) WHEN 'object' THEN l.response_body - ARRAY['connector_results', 'routed']
                 ELSE l.response_body END::text, 'UTF8')), 'hex') IS DISTINCT FROM e.content ->> 'digest'
            THEN 'response_body' END,
        CASE WHEN (
            SELECT jsonb_agg(v.verdict ORDER BY v.verdict)
            FROM jsonb_array_elements(
                CASE jsonb_typeof(l.response_body -> 'connector_results')
                     WHEN 'array' THEN l.response_body -> 'connector_results' END) r
            CROSS JOIN LATERAL (SELECT jsonb_build_array(
                r -> 'firm_code', r -> 'program_id', r -> 'approved', r -> 'contracts', r -> 'blocked_by') AS verdict) v
        ) IS DISTINCT FROM (
            SELECT jsonb_agg(v.verdict ORDER BY v.verdict)
            FROM jsonb_array_elements(
                CASE jsonb_typeof(e.content -> 'results') WHEN 'array' THEN e.content -> 'results' END) r
            CROSS JOIN LATERAL (SELECT jsonb_build_array(
                r -> 'firm_code', r -> 'program_id', r -> 'approved', r -> 'contracts', r -> 'blocked_by') AS verdict) v
        ) THEN 'connector_results' END], NULL) AS columns
) differs
WHERE e.source = 'execution_logs' AND cardinality(differs.columns) > 0
  AND (l.id IS NOT NULL
       OR NOT EXISTS (SELECT FROM archive_batches b WHERE b.kind = 'DROPPED' AND b.task_ids @> e.task_id))
ORDER BY e.id

-- name: audited_tables
-- Every table with a trigger of ours, which function it calls and whether it is on; whether its rows can be told apart.
SELECT c.relname AS name, p.proname AS function, bool_and(t.tgenabled <> 'D') AS enabled,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS has_key
FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_proc p ON p.oid = t.tgfoid
WHERE p.proname IN ('audit_row', 'audit_verdicts', 'audit_is_append_only', 'decide_once')
  AND to_regclass(quote_ident(c.relname)) = c.oid
GROUP BY c.oid, c.relname, p.proname
ORDER BY c.relname, p.proname

-- name: open_differences
-- Each row of a table against its newest event, in the columns that both have: a later column was never written down.
-- The table's name is a value here, so the question is put together where it is known; nothing of it is taken as SQL.
SELECT set_config('audit.source', %(source)s, true);
DO $check$
DECLARE
    pages refcursor := 'pages';
    source CONSTANT TEXT := current_setting('audit.source');
    key TEXT;
BEGIN
    SELECT string_agg('fact -> ' || quote_literal(a.attname), ', ' ORDER BY a.attnum) INTO key
    FROM pg_index i
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
    WHERE i.indrelid = to_regclass(quote_ident(source)) AND i.indisprimary;
    OPEN pages NO SCROLL FOR EXECUTE '
        WITH event AS (
            SELECT id, kind, content - ''before'' AS now,
                   CASE content - ''before'' WHEN ''{}'' THEN content -> ''before'' ELSE content END AS fact
            FROM audit_events
            WHERE source = $1 AND jsonb_typeof(content) = ''object''
        ), told AS (
            SELECT jsonb_build_array(' || key || ') AS key, id, kind, now FROM event
        ), newest AS (
            SELECT DISTINCT ON (key) key, id, kind, now FROM told ORDER BY key, id DESC
        ), present AS (
            SELECT jsonb_build_array(' || key || ') AS key, fact
            FROM (SELECT to_jsonb(t) AS fact FROM ' || quote_ident(source) || ' t) rows
        )
        SELECT key::text AS key, n.id AS event_id, n.kind, p.fact IS NOT NULL AS found, differs.columns
        FROM newest n
        FULL JOIN present p USING (key)
        CROSS JOIN LATERAL (
            SELECT array_agg(c.key) AS columns FROM jsonb_each(n.now) c WHERE p.fact -> c.key <> c.value
        ) differs
        WHERE n.id IS NULL OR (p.fact IS NOT NULL) <> (n.now <> ''{}'') OR differs.columns IS NOT NULL
        ORDER BY key' USING source;
END $check$

-- name: audit_trail
-- Events, the newest first, each with where it is sealed.
SELECT e.id, e.at, e.kind, e.source, e.subject, e.firm_code, e.program_id, e.task_id, e.actor, e.content, c.position
FROM audit_events e
LEFT JOIN audit_chain c ON c.event_id = e.id
WHERE (%(before)s::bigint IS NULL OR e.id < %(before)s)
  AND (%(task_id)s::bigint IS NULL OR e.task_id = %(task_id)s)
ORDER BY e.id DESC
LIMIT %(limit)s
