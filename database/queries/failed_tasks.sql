-- Which tasks have failed for good, and with which last error?
SELECT id, trade_id, event_type, attempts, last_error, created_at
FROM execution_tasks
WHERE status = 'FAILED'
ORDER BY created_at DESC, id DESC;
