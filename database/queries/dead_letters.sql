-- Which tasks were set aside after their last try, and what did they ask for?
SELECT id, trade_id, event_type, attempts, last_error, payload, created_at, last_attempt_at, finished_at
FROM dead_letter_tasks
ORDER BY finished_at DESC, id DESC;
