-- How many tasks came in during each of the last ten minutes that had any, and how many of them are done?
WITH RECURSIVE newest (minute, place) AS (
    SELECT date_trunc('minute', max(created_at)), 1 FROM execution_tasks
    UNION ALL
    SELECT (SELECT date_trunc('minute', max(created_at)) FROM execution_tasks WHERE created_at < minute), place + 1
    FROM newest
    WHERE place < 10
)
SELECT minute,
       count(*) AS tasks_created,
       count(*) FILTER (WHERE status = 'SUCCESS') AS tasks_processed
FROM newest
JOIN execution_tasks ON created_at >= minute AND created_at < minute + INTERVAL '1 minute'
GROUP BY minute
ORDER BY minute DESC;
