-- Where questions look each body differs, as real ones do. To make them all anew would take longer than all else.
INSERT INTO execution_logs (id, task_id, trade_id, event_type, status, response_code, response_body, created_at)
SELECT n.id, n.id, n.trade_id, l.event_type, CASE WHEN failed THEN 'FAILED' ELSE 'SUCCESS' END,
       CASE WHEN failed THEN 500 ELSE 200 END,
       CASE WHEN failed THEN '{"error": "ValueError: entry_price: ''abc'' is not a number", "attempt": 5}'
            WHEN at > now() - interval '30 days' THEN l.response_body || jsonb_build_object('trade_id', n.trade_id)
            ELSE l.response_body END, at + interval '7 ms'
FROM numbered n
JOIN execution_logs l ON l.task_id = n.example;
INSERT INTO decided_tasks SELECT id FROM numbered WHERE NOT failed
