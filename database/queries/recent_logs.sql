-- What do the 20 newest entries of the record say?
SELECT el.id, et.trade_id, et.event_type, el.status, el.response_body, el.created_at
FROM execution_logs el
JOIN execution_tasks et ON el.task_id = et.id
ORDER BY el.created_at DESC, el.id DESC
LIMIT 20;
