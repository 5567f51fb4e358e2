-- How many tasks and log entries are there?
WITH found AS (
    -- As the last vacuum or analyze found them, from a hundred thousand on: to count millions takes a while.
    SELECT (SELECT reltuples::bigint FROM pg_class WHERE oid = 'execution_tasks'::regclass) AS tasks,
           (SELECT sum(GREATEST(c.reltuples, 0))::bigint
            FROM pg_inherits i
            JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'execution_logs'::regclass) AS logs
)
SELECT CASE WHEN tasks >= 100000 THEN tasks ELSE (SELECT count(*) FROM execution_tasks) END AS execution_tasks,
       CASE WHEN logs >= 100000 THEN logs ELSE (SELECT count(*) FROM execution_logs) END AS execution_logs
FROM found;
