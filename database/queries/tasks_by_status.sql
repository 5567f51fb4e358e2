-- How many tasks of the last 24 hours are in which state?
SELECT status, count(*) AS count
FROM execution_tasks
WHERE created_at > now() - INTERVAL '24 hours'
GROUP BY status
ORDER BY status;
