-- How many tasks wait to be served?
SELECT count(*) AS pending_count
FROM execution_tasks
WHERE status = 'PENDING';
