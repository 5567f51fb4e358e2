-- name: set_halt
INSERT INTO trading_halts (firm_code, program_id, level, reason, set_by)
VALUES (%(firm_code)s, %(program_id)s, %(level)s, %(reason)s, %(by)s)
RETURNING id, set_at

-- name: plan_halt_actions
INSERT INTO halt_actions (halt_id, firm_code, program_id, action)
SELECT %(halt_id)s, a.firm_code, a.program_id, %(action)s
FROM order_accounts a
WHERE (%(firm_code)s::text IS NULL OR a.firm_code = %(firm_code)s)
  AND (%(program_id)s::integer IS NULL OR a.program_id = %(program_id)s)
ON CONFLICT DO NOTHING

-- name: halts_in_force
SELECT id, firm_code, program_id, level, reason, set_by, set_at
FROM trading_halts
WHERE released_at IS NULL
ORDER BY id

-- name: lock_halt
SELECT * FROM trading_halts WHERE id = %(halt_id)s FOR UPDATE

-- name: release_halt
-- What the halt had still to do is not done any more.
WITH released AS (
    UPDATE trading_halts
    SET released_at = clock_timestamp(), released_by = %(by)s, release_reason = %(reason)s
    WHERE id = %(halt_id)s AND released_at IS NULL
    RETURNING id
)
UPDATE halt_actions
SET done_at = clock_timestamp(), outcome = jsonb_build_object('released', true)
WHERE halt_id IN (SELECT id FROM released) AND done_at IS NULL
RETURNING halt_id

-- name: in_flight_entries
-- Entries on their way, or whose fate is not known, where a halt begins.
SELECT id, firm_code, program_id, trade_id, client_order_id, state
FROM execution_orders
WHERE purpose = 'ENTRY' AND state IN ('SENDING', 'UNRESOLVED')
  AND (%(firm_code)s::text IS NULL OR firm_code = %(firm_code)s)
  AND (%(program_id)s::integer IS NULL OR program_id = %(program_id)s)
ORDER BY id

-- name: halt_changed
SELECT pg_notify('router_events', %(event)s)

-- name: claim_halt_actions
-- Due again after a while, should the process that takes them be lost.
UPDATE halt_actions a
SET tries = a.tries + 1, due_at = clock_timestamp() + make_interval(secs => %(lease)s),
    running_until = clock_timestamp() + make_interval(secs => %(lease)s)
FROM (
    SELECT halt_id, firm_code, program_id, action
    FROM halt_actions
    WHERE done_at IS NULL AND due_at <= clock_timestamp()
      AND (firm_code, program_id) IN (
          SELECT firm_code, program_id
          FROM unnest(%(firm_codes)s::text[], %(program_ids)s::integer[]) AS k (firm_code, program_id))
    FOR UPDATE SKIP LOCKED
) due
WHERE (a.halt_id, a.firm_code, a.program_id, a.action) = (due.halt_id, due.firm_code, due.program_id, due.action)
RETURNING a.*

-- name: halt_action_ended
-- One that was released meanwhile keeps what it was ended with.
UPDATE halt_actions
SET outcome = CASE WHEN done_at IS NULL THEN %(outcome)s::jsonb ELSE outcome END,
    done_at = COALESCE(done_at, CASE WHEN %(done)s THEN clock_timestamp() END),
    due_at = clock_timestamp() + make_interval(secs => %(delay)s), running_until = NULL
WHERE halt_id = %(halt_id)s AND firm_code = %(firm_code)s AND program_id = %(program_id)s AND action = %(action)s

-- name: under_way
-- What may still fill: entries that were sent, exits whose call is running.
SELECT * FROM execution_orders
WHERE firm_code = %(firm_code)s AND program_id = %(program_id)s AND (purpose = 'ENTRY' OR state = 'SENDING')
  AND state IN ('SENDING', 'UNRESOLVED', 'ACCEPTED', 'PARTIALLY_FILLED')
ORDER BY id
