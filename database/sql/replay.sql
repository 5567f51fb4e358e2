-- name: recorded_decision
SELECT t.id, t.trade_id, t.event_type, t.payload, f.facts, l.response_body
FROM execution_tasks t
LEFT JOIN decision_facts f ON f.task_id = t.id
LEFT JOIN execution_logs l ON l.task_id = t.id AND l.status = 'SUCCESS'
WHERE t.id = %(task_id)s

-- name: decision_text
SELECT content FROM decision_texts WHERE digest = %(digest)s

-- name: replayable_tasks
SELECT task_id FROM decision_facts WHERE task_id > %(after)s ORDER BY task_id LIMIT %(limit)s
