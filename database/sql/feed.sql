-- What the pages of signals, tasks and trades show. Each statement reads by an index and at most so many rows: the record may
-- have grown to any size.

-- name: feed_page
-- Signals, the newest first, of those that were looked at: at most ``most``, older than signal ``before``. What an account
-- of a signal was told is only read where it is asked for. The first columns say how far was looked, also where nothing
-- was found; a trade's few signals are found by the trade.
WITH edge AS (
    SELECT received_at, id FROM automated_signals WHERE id = %(before)s
), looked_at AS MATERIALIZED (
    (SELECT * FROM automated_signals s
     WHERE %(trade_id)s::text IS NULL
       AND (%(since)s::timestamptz IS NULL OR s.received_at >= %(since)s)
       AND (%(until)s::timestamptz IS NULL OR s.received_at < %(until)s)
       AND (%(before)s::bigint IS NULL OR (
           s.received_at <= (SELECT received_at FROM edge)
           AND (s.received_at, s.id) < ((SELECT received_at FROM edge), (SELECT id FROM edge))))
     ORDER BY s.received_at DESC, s.id DESC LIMIT %(most)s)
    UNION ALL
    (SELECT * FROM (
         SELECT * FROM automated_signals x WHERE %(trade_id)s::text IS NOT NULL AND x.trade_id = %(trade_id)s
         OFFSET 0) s
     WHERE (%(since)s::timestamptz IS NULL OR s.received_at >= %(since)s)
       AND (%(until)s::timestamptz IS NULL OR s.received_at < %(until)s)
       AND (%(before)s::bigint IS NULL OR (s.received_at, s.id) < (
           (SELECT received_at FROM edge), (SELECT id FROM edge)))
     ORDER BY s.received_at DESC, s.id DESC LIMIT %(most)s)
), horizon AS (
    SELECT count(*) AS looked_at, min(received_at) AS looked_back_to,
           (SELECT id FROM looked_at ORDER BY received_at, id LIMIT 1) AS last_looked_at
    FROM looked_at
), found AS (
    SELECT s.id, s.received_at, s.trade_id, s.lifecycle, s.symbol, s.direction, s.entry_price, s.stop_loss, s.contracts,
           s.unknown_trade, s.task_id, t.status AS task_status, l.created_at AS decided_at,
           l.response_body -> 'connector_results' AS verdicts
    FROM looked_at s
    LEFT JOIN execution_tasks t ON t.id = s.task_id
    LEFT JOIN execution_logs l ON l.task_id = s.task_id AND l.status = 'SUCCESS'
    WHERE NOT %(looks_inside)s
       OR (%(status)s::text = 'WAITING' AND t.status IN ('PENDING', 'PROCESSING'))
       OR (%(status)s::text = 'GIVEN_UP' AND t.status = 'FAILED')
       OR EXISTS (
           SELECT FROM jsonb_array_elements(l.response_body -> 'connector_results') AS r (row)
           WHERE (%(firm_code)s::text IS NULL OR r.row ->> 'firm_code' = %(firm_code)s)
             AND (%(program_id)s::integer IS NULL OR r.row -> 'program_id' = to_jsonb(%(program_id)s::integer))
             AND (%(rule)s::text IS NULL OR r.row -> 'blocked_by' @> to_jsonb(%(rule)s::text))
             AND (%(status)s::text IS NULL OR CASE %(status)s::text
                      WHEN 'APPROVED' THEN r.row -> 'approved' = 'true'
                      WHEN 'REFUSED' THEN r.row -> 'approved' = 'false'
                      ELSE r.row ->> 'status' = %(status)s END))
    ORDER BY s.received_at DESC, s.id DESC
    LIMIT %(limit)s
)
SELECT h.looked_at, h.looked_back_to, h.last_looked_at, f.*
FROM horizon h LEFT JOIN found f ON true
ORDER BY f.received_at DESC, f.id DESC

-- name: signal_shown
-- A signal with its task and the record of it.
SELECT s.*, t.event_type, t.status AS task_status, t.attempts, t.last_error, t.last_attempt_at, t.requeued_at,
       t.finished_at, l.created_at AS decided_at, l.response_body
FROM automated_signals s
LEFT JOIN execution_tasks t ON t.id = s.task_id
LEFT JOIN execution_logs l ON l.task_id = s.task_id AND l.status = 'SUCCESS'
WHERE s.id = %(signal_id)s

-- name: signals_of_trade
-- A trade's signals in order; a trade that was told thousands of times is cut off.
SELECT s.id, s.received_at, s.trade_id, s.lifecycle, s.symbol, s.direction, s.entry_price, s.stop_loss, s.contracts,
       s.exit_price, s.unknown_trade, s.task_id, t.status AS task_status, l.created_at AS decided_at,
       l.response_body -> 'connector_results' AS verdicts
FROM (SELECT * FROM automated_signals x WHERE x.trade_id = %(trade_id)s ORDER BY x.id LIMIT %(limit)s) s
LEFT JOIN execution_tasks t ON t.id = s.task_id
LEFT JOIN execution_logs l ON l.task_id = s.task_id AND l.status = 'SUCCESS'
ORDER BY s.id

-- name: conflicts_of_trade
SELECT id, received_at, message, problems, body, signal_id
FROM refused_webhooks WHERE trade_id = %(trade_id)s AND code = 'conflict' ORDER BY id LIMIT %(limit)s

-- name: orders_of_task
-- The orders of a task, each with when it was planned, sent and answered. What comes after SENDING is the venue's answer,
-- or that there was none.
SELECT o.*, (
           SELECT min(e.at) FROM execution_order_events e
           WHERE e.order_id = o.id AND e.from_state = 'SENDING' AND e.to_state NOT IN ('SENDING', 'PLANNED', 'NOT_SENT')
       ) AS answered_at
FROM execution_orders o
WHERE o.task_id = %(task_id)s
ORDER BY o.id

-- name: orders_of_trade
SELECT * FROM execution_orders WHERE trade_id = %(trade_id)s ORDER BY id LIMIT %(limit)s

-- name: events_of_task
-- What became of the orders of a task, in order.
SELECT e.order_id, e.at, e.firm_code, e.program_id, e.from_state, e.to_state, e.quantity, e.filled, e.closed,
       e.venue_order_id, e.attempt, e.cause, e.actor, e.answer
FROM execution_orders o
JOIN execution_order_events e ON e.order_id = o.id
WHERE o.task_id = %(task_id)s
ORDER BY e.id

-- name: signal_of_task
SELECT id, received_at, lifecycle FROM automated_signals WHERE task_id = %(task_id)s

-- name: facts_of_task
SELECT facts FROM decision_facts WHERE task_id = %(task_id)s

-- name: tasks_of_trade
SELECT id, event_type, status, attempts, last_error, created_at, finished_at
FROM execution_tasks WHERE trade_id = %(trade_id)s ORDER BY id LIMIT %(limit)s

-- name: order_list
-- Orders, the newest first, of at most ``most`` that were looked at; see feed_page.
WITH looked_at AS MATERIALIZED (
    (SELECT * FROM execution_orders o
     WHERE %(trade_id)s::text IS NULL AND (%(before)s::bigint IS NULL OR o.id < %(before)s)
     ORDER BY o.id DESC LIMIT %(most)s)
    UNION ALL
    (SELECT * FROM (
         SELECT * FROM execution_orders x WHERE %(trade_id)s::text IS NOT NULL AND x.trade_id = %(trade_id)s
         OFFSET 0) o
     WHERE %(before)s::bigint IS NULL OR o.id < %(before)s
     ORDER BY o.id DESC LIMIT %(most)s)
), horizon AS (
    SELECT count(*) AS looked_at, min(created_at) AS looked_back_to, min(id) AS last_looked_at FROM looked_at
), found AS (
    SELECT * FROM looked_at o
    WHERE (%(firm_code)s::text IS NULL OR o.firm_code = %(firm_code)s)
      AND (%(program_id)s::integer IS NULL OR o.program_id = %(program_id)s)
      AND (%(state)s::text IS NULL OR o.state = %(state)s)
    ORDER BY o.id DESC LIMIT %(limit)s
)
SELECT h.looked_at, h.looked_back_to, h.last_looked_at, f.*
FROM horizon h LEFT JOIN found f ON true
ORDER BY f.id DESC

-- name: unresolved_orders
-- Orders of which nobody knows whether their venue took them, the oldest first.
SELECT * FROM execution_orders WHERE state = 'UNRESOLVED' ORDER BY id LIMIT %(limit)s
