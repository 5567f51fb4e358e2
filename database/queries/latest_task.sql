-- What is the newest task?
SELECT *
FROM execution_tasks
ORDER BY created_at DESC, id DESC
LIMIT 1;
