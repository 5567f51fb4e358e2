-- How many tasks came in during each of the last ten minutes that had any, and how many of them are done?
SELECT date_trunc('minute', created_at) AS minute,
       count(*) AS tasks_created,
       count(*) FILTER (WHERE status = 'SUCCESS') AS tasks_processed
FROM execution_tasks
GROUP BY minute
ORDER BY minute DESC
LIMIT 10;
