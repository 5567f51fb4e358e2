-- name: verdicts_of_trades
-- One row per task and account of the trades whose id begins with a prefix, in the order in which they came.
SELECT t.id AS task_id, t.trade_id, t.event_type, t.status AS task_status, t.payload ->> 'contracts' AS asked,
       c.firm_code, c.program_id, c.approved, c.contracts, c.blocked_by, c.reason
FROM execution_tasks t
LEFT JOIN execution_connector_results c ON c.task_id = t.id
WHERE starts_with(t.trade_id, %(prefix)s)
ORDER BY t.id, c.firm_code DESC, c.program_id

-- name: refusals_since
SELECT id, status_code, code, problems, trade_id, message
FROM refused_webhooks
WHERE received_at >= %(since)s
ORDER BY id

-- name: server_time
SELECT now() AS now
