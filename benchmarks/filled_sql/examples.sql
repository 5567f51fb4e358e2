-- One row a task that will be: which example it repeats, of which trade it is, and when it came.
CREATE UNLOGGED TABLE numbered AS
SELECT 1000 + n AS id, e.id AS example, n, n %% 2000 = 0 AS failed,
       'TRADE_' || lpad((n / 3)::text, 9, '0') AS trade_id, slot,
       now() - make_interval(days => %(days)s) * (1 - n::double precision / %(tasks)s) AS at
FROM generate_series(1, %(tasks)s) n
CROSS JOIN LATERAL (SELECT n %% 3 AS slot) s
JOIN execution_tasks e ON e.event_type = (ARRAY['ENTRY', 'MFE_UPDATE', 'EXIT'])[1 + slot]
    AND (slot <> 0 OR e.trade_id = CASE WHEN n / 3 %% 5 = 4 THEN 'REFUSED' ELSE 'APPROVED' END)
ORDER BY n;
ANALYZE numbered;
-- In months, as if the logs had always lain in them. Older bodies are the same many times over, which the planner must not
-- take for a habit.
DO $$
DECLARE
    first CONSTANT TIMESTAMPTZ := date_trunc('month', now() - make_interval(days => %(days)s), 'UTC');
    part TEXT;
BEGIN
    PERFORM set_config('session_replication_role', 'replica', true);
    CREATE TEMP TABLE decided AS SELECT * FROM execution_logs;
    DELETE FROM execution_logs;
    ALTER TABLE execution_logs DETACH PARTITION months.execution_logs_before;
    EXECUTE format('ALTER TABLE execution_logs ATTACH PARTITION months.execution_logs_before
                    FOR VALUES FROM (MINVALUE) TO (%%L)', first);
    PERFORM months.make('execution_logs', 'created_at', missing.since)
    FROM (
        SELECT generate_series(
            first, (SELECT min(since) FROM months.parts WHERE divided = 'execution_logs') - interval '1 day', '1 month')
    ) AS missing (since);
    INSERT INTO execution_logs SELECT * FROM decided;
    FOR part IN SELECT name FROM months.parts WHERE divided = 'execution_logs' LOOP
        EXECUTE format('ALTER TABLE months.%%I ALTER response_body SET (n_distinct = -1)', part);
    END LOOP;
END $$
