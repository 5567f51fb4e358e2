-- What health, metrics and alerts are worked out from. Each statement reads partial indexes, or the newest rows of a time
-- window and at most so many of them: the record may have grown to any size.

-- name: observe_tasks
-- The queue now, and the newest tasks of the window. Seconds from when a task was stored until it was finished.
SELECT now() AS at, waiting.n AS pending, waiting.oldest_seconds AS oldest_pending_seconds, held.n AS processing,
       (SELECT count(*) FROM execution_tasks WHERE status = 'FAILED' AND dealt_with_at IS NULL) AS failed,
       recent.n AS finished, recent.mean_seconds, recent.worst_seconds,
       (SELECT extract(epoch FROM now() - max(received_at)) FROM automated_signals) AS last_signal_seconds
FROM (
    SELECT count(*) AS n, extract(epoch FROM now() - min(created_at)) AS oldest_seconds
    FROM execution_tasks WHERE status = 'PENDING'
) AS waiting, (
    SELECT count(*) AS n FROM execution_tasks WHERE status = 'PROCESSING'
) AS held, (
    SELECT count(*) AS n, avg(seconds) AS mean_seconds, max(seconds) AS worst_seconds
    FROM (SELECT extract(epoch FROM finished_at - COALESCE(requeued_at, created_at)) AS seconds, status
          FROM execution_tasks WHERE created_at > now() - make_interval(secs => %(window)s)
          ORDER BY created_at DESC LIMIT %(most_tasks)s) t
    WHERE status = 'SUCCESS'
) AS recent

-- name: observe_failed_tasks
-- Tasks that were given up and that nobody has dealt with, the newest first.
SELECT id, trade_id, event_type, last_error, finished_at
FROM execution_tasks
WHERE status = 'FAILED' AND dealt_with_at IS NULL
ORDER BY created_at DESC
LIMIT %(limit)s

-- name: observe_decisions
-- What the newest decisions of the window said, counted: a row a check, firm, program, rule and status.
WITH newest AS MATERIALIZED (
    SELECT response_body AS body FROM execution_logs
    WHERE created_at > now() - make_interval(secs => %(window)s) AND status = 'SUCCESS' AND event_type = 'ENTRY'
    ORDER BY created_at DESC LIMIT %(most_decisions)s
), rows AS (
    SELECT c.name, r.row ->> 'firm_code' AS firm_code, (r.row ->> 'program_id')::integer AS program_id,
           CASE WHEN c.name = 'connector_results'
                THEN CASE WHEN (r.row ->> 'approved')::boolean THEN 'APPROVED' ELSE 'REJECTED' END
                ELSE r.row ->> 'status' END AS status,
           CASE WHEN c.name = 'connector_results' THEN r.row #>> '{blocked_by,0}' ELSE r.row ->> 'rule' END AS rule,
           (r.row ->> 'contracts')::numeric AS contracts
    FROM newest n
    CROSS JOIN LATERAL jsonb_each(n.body) AS c (name, checks)
    CROSS JOIN LATERAL jsonb_array_elements(
        CASE WHEN c.name IN ('risk_checks', 'program_sizing', 'account_breaches', 'connector_results')
             THEN c.checks ELSE '[]' END) AS r (row)
)
SELECT name, firm_code, program_id, status, rule, count(*) AS n, COALESCE(sum(contracts), 0) AS contracts
FROM rows
GROUP BY name, firm_code, program_id, status, rule
ORDER BY name, firm_code, program_id, status, rule

-- name: observe_sends
-- What became of the newest orders of the window that were handed to a venue or should have been; dry-run sends none.
SELECT firm_code, program_id, state, cause, filled > 0 AS some_filled, count(*) AS n
FROM (SELECT firm_code, program_id, state, cause, filled, created_at
      FROM execution_orders ORDER BY id DESC LIMIT %(most_orders)s) o
WHERE created_at > now() - make_interval(secs => %(window)s)
GROUP BY firm_code, program_id, state, cause, filled > 0

-- name: observe_unresolved
-- Orders of which nobody knows whether their venue took them, the oldest first.
SELECT id, trade_id, firm_code, program_id, symbol, extract(epoch FROM now() - updated_at) AS age
FROM execution_orders
WHERE state = 'UNRESOLVED'
ORDER BY id
LIMIT %(limit)s

-- name: observe_unprotected
-- What is held without a stop: none was sent along, or the venue said that something is amiss with it. Each log is read
-- once, however many accounts hold its trade.
WITH held AS MATERIALIZED (
    SELECT id, task_id, trade_id, firm_code, program_id, symbol, filled - closed AS held, stop_price
    FROM execution_orders
    WHERE open_quantity > 0 AND purpose = 'ENTRY' AND filled > closed
), said AS (
    SELECT l.task_id, r.firm_code, r.program_id, r.message
    FROM (SELECT DISTINCT task_id FROM held) AS tasks
    JOIN execution_logs l ON l.task_id = tasks.task_id AND l.status = 'SUCCESS'
    CROSS JOIN LATERAL jsonb_path_query(
        l.response_body, '$.connector_results[*] ? (@.message like_regex "stop" flag "i")') AS q (row)
    CROSS JOIN LATERAL jsonb_to_record(q.row) AS r (firm_code TEXT, program_id INTEGER, message TEXT)
)
SELECT DISTINCT ON (h.id) h.id, h.trade_id, h.firm_code, h.program_id, h.symbol, h.held, s.message
FROM held h
LEFT JOIN said s USING (task_id, firm_code, program_id)
WHERE h.stop_price IS NULL OR s.message IS NOT NULL
ORDER BY h.id
LIMIT %(limit)s

-- name: observe_accounts
-- Each account's newest figures and last reset. Ages and lags in seconds.
SELECT s.firm_code, s.program_id, s.no_data_since IS NOT NULL AS no_data,
       extract(epoch FROM now() - s.observed_at) AS age,
       extract(epoch FROM r.performed_at - r.due_at) AS reset_lag
FROM account_states s
LEFT JOIN LATERAL (
    SELECT performed_at, due_at FROM account_resets
    WHERE firm_code = s.firm_code AND program_id = s.program_id ORDER BY day DESC LIMIT 1) r ON true
ORDER BY s.firm_code, s.program_id

-- name: observe_account_alerts
-- What is true of accounts and somebody should know.
SELECT firm_code, program_id, rule, mark, severity, value, limit_value, raised_at
FROM account_alerts
WHERE cleared_at IS NULL AND NOT is_event AND severity <> 'INFO'
ORDER BY id

-- name: observe_processes
SELECT process, kind, routes, extract(epoch FROM clock_timestamp() - beat_at) AS age, stages
FROM router_heartbeats
ORDER BY kind, process
