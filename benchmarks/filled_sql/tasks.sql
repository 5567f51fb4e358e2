INSERT INTO execution_tasks (
    id, trade_id, event_type, status, attempts, last_error, payload, last_attempt_at, created_at, updated_at, due_at,
    finished_at)
SELECT n.id, n.trade_id, e.event_type, CASE WHEN failed THEN 'FAILED' ELSE 'SUCCESS' END, CASE WHEN failed THEN 5 ELSE 1 END,
       CASE WHEN failed THEN 'ValueError: entry_price: ''abc'' is not a number' END, e.payload,
       at + interval '3 ms', at, at + interval '7 ms', at, at + interval '7 ms'
FROM numbered n
JOIN execution_tasks e ON e.id = n.example
