-- name: record_act
WITH act AS (
    INSERT INTO operator_acts (act, task_id, order_id, difference_id, halt_id, by, reason, details)
    VALUES (%(act)s, %(task_id)s, %(order_id)s, %(difference_id)s, %(halt_id)s, %(by)s, %(reason)s, %(details)s)
    RETURNING id
)
SELECT id, pg_notify('router_events', %(event)s) FROM act

-- name: acts_about
SELECT id, at, act, by, reason, details
FROM operator_acts
WHERE task_id = %(task_id)s OR order_id = %(order_id)s OR difference_id = %(difference_id)s OR halt_id = %(halt_id)s
ORDER BY id

-- name: dead_letters
-- Tasks that failed for good and legs that were never sent, not dealt with, the newest first. A leg whose place another
-- one has taken is none. What is open is of the whole trade for a task, of the trade on its account for a leg.
WITH letters AS (
    SELECT 'task' AS kind, t.id, t.id AS task_id, t.trade_id, t.event_type, NULL::text AS firm_code,
           NULL::integer AS program_id, t.attempts, 'FAILED' AS cause, t.last_error, t.finished_at AS since
    FROM execution_tasks t
    WHERE t.status = 'FAILED' AND t.dealt_with_at IS NULL
    UNION ALL
    SELECT 'leg', o.id, o.task_id, o.trade_id, o.purpose, o.firm_code, o.program_id, o.attempts, o.cause,
           o.answer ->> 'error', o.updated_at
    FROM execution_orders o
    WHERE o.state = 'NOT_SENT' AND o.dealt_with_at IS NULL AND NOT EXISTS (
        SELECT FROM execution_orders n
        WHERE n.task_id = o.task_id AND n.firm_code = o.firm_code AND n.program_id = o.program_id
          AND n.purpose = o.purpose AND n.leg > o.leg)
    ORDER BY since DESC, kind, id DESC
    LIMIT %(limit)s
)
SELECT l.*, extract(epoch FROM clock_timestamp() - l.since)::bigint AS age, f.trade_closed, f.open_quantity
FROM letters l
CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT FROM execution_tasks x WHERE x.trade_id = l.trade_id AND x.event_type = 'EXIT')
               AS trade_closed,
           (SELECT COALESCE(sum(e.open_quantity), 0) FROM execution_orders e
            WHERE e.trade_id = l.trade_id AND (l.firm_code IS NULL OR e.firm_code = l.firm_code)
              AND (l.program_id IS NULL OR e.program_id = l.program_id)) AS open_quantity
) f
ORDER BY l.since DESC, l.kind, l.id DESC

-- name: trade_facts
-- Whether an exit of a trade was ever asked for, and how much of it is open or may be.
SELECT EXISTS (SELECT FROM execution_tasks x WHERE x.trade_id = %(trade_id)s AND x.event_type = 'EXIT')
           AS trade_closed,
       (SELECT COALESCE(sum(open_quantity), 0) FROM execution_orders
        WHERE trade_id = %(trade_id)s AND (%(firm_code)s::text IS NULL OR firm_code = %(firm_code)s)
          AND (%(program_id)s::integer IS NULL OR program_id = %(program_id)s)) AS open_quantity

-- name: read_task
SELECT * FROM execution_tasks WHERE id = %(task_id)s

-- name: lock_task
SELECT * FROM execution_tasks WHERE id = %(task_id)s FOR UPDATE

-- name: logs_of_task
SELECT id, status, response_code, response_body, created_at
FROM execution_logs WHERE task_id = %(task_id)s ORDER BY id

-- name: requeue_task
-- Due at once with all its tries before it; its signal's lifetime counts from now.
UPDATE execution_tasks
SET status = 'PENDING', attempts = 0, finished_at = NULL, worker = NULL, lease_until = NULL, due_at = now(),
    requeued_at = clock_timestamp(), updated_at = clock_timestamp()
WHERE id = %(task_id)s AND status = 'FAILED' AND dealt_with_at IS NULL
RETURNING id

-- name: retry_leg
-- Never the leg itself: a new task for its account alone, decided anew.
INSERT INTO execution_tasks (trade_id, event_type, payload)
SELECT o.trade_id, o.purpose, t.payload || jsonb_build_object(
           'only_accounts', jsonb_build_array(o.firm_code || '/' || o.program_id),
           'retry_of', jsonb_build_object('order_id', o.id, 'task_id', t.id))
FROM execution_orders o
JOIN execution_tasks t ON t.id = o.task_id
WHERE o.id = %(order_id)s
RETURNING id

-- name: task_is_dealt_with
UPDATE execution_tasks
SET dealt_with_at = clock_timestamp(), updated_at = clock_timestamp()
WHERE id = %(task_id)s

-- name: leg_is_dealt_with
UPDATE execution_orders
SET dealt_with_at = clock_timestamp(), cause = %(cause)s, actor = %(actor)s
WHERE id = %(order_id)s

-- name: orders_shown
SELECT *
FROM execution_orders
WHERE (%(firm_code)s::text IS NULL OR firm_code = %(firm_code)s)
  AND (%(program_id)s::integer IS NULL OR program_id = %(program_id)s)
  AND (%(trade_id)s::text IS NULL OR trade_id = %(trade_id)s)
  AND (%(state)s::text IS NULL OR state = %(state)s)
  AND (NOT %(only_open)s OR open_quantity > 0
       OR state IN ('PLANNED', 'SENDING', 'UNRESOLVED', 'ACCEPTED', 'PARTIALLY_FILLED'))
ORDER BY id DESC
LIMIT %(limit)s

-- name: events_of_order
SELECT at, from_state, to_state, quantity, filled, closed, venue_order_id, attempt, cause, actor, answer
FROM execution_order_events WHERE order_id = %(order_id)s ORDER BY id

-- name: legs_after
-- The leg that has taken an order's place, if one has.
SELECT * FROM execution_orders
WHERE task_id = %(task_id)s AND firm_code = %(firm_code)s AND program_id = %(program_id)s AND purpose = %(purpose)s
  AND leg > %(leg)s
ORDER BY leg

-- name: lock_for_resolution
SELECT *, COALESCE(lease_until < clock_timestamp(), false) AS lease_is_over
FROM execution_orders WHERE id = %(order_id)s FOR UPDATE

-- name: list_differences
SELECT * FROM order_differences WHERE settled_at IS NULL ORDER BY found_at, id

-- name: lock_difference
SELECT * FROM order_differences WHERE id = %(difference_id)s FOR UPDATE

-- name: settle_difference
UPDATE order_differences
SET settled_at = clock_timestamp(), settled_by = %(by)s, settled_how = %(how)s, reason = %(reason)s
WHERE id = %(difference_id)s

-- name: halts_shown
-- Those in force first, then the newest; with what they have done at each account.
SELECT h.*, COALESCE(a.actions, '[]') AS actions
FROM trading_halts h
LEFT JOIN LATERAL (
    SELECT json_agg(json_build_object(
               'account', x.firm_code || '/' || x.program_id, 'action', x.action, 'done', x.done_at IS NOT NULL,
               'tries', x.tries, 'outcome', x.outcome)
               ORDER BY x.firm_code, x.program_id, x.action) AS actions
    FROM halt_actions x WHERE x.halt_id = h.id
) a ON true
ORDER BY h.released_at IS NOT NULL, h.id DESC
LIMIT %(limit)s

-- name: known_accounts
SELECT firm_code, program_id FROM order_accounts ORDER BY firm_code, program_id
