-- name: ledger_identity
SELECT identity::text AS identity FROM ledger_identity

-- name: know_order_accounts
INSERT INTO order_accounts (firm_code, program_id)
SELECT * FROM unnest(%(firm_codes)s::text[], %(program_ids)s::integer[])
ON CONFLICT DO NOTHING

-- name: keep_acknowledgements
INSERT INTO policy_acknowledgements (firm_code, program_id, policy, note, source, checked, acknowledgement)
SELECT * FROM json_to_recordset(%(rows)s::json) AS r (
    firm_code TEXT, program_id INTEGER, policy TEXT, note TEXT, source TEXT, checked TEXT, acknowledgement TEXT)
ON CONFLICT DO NOTHING

-- name: lock_order_accounts
-- Always in the same order, so that two workers never wait for each other.
SELECT firm_code, program_id
FROM order_accounts
WHERE (firm_code, program_id) IN (
    SELECT firm_code, program_id
    FROM unnest(%(firm_codes)s::text[], %(program_ids)s::integer[]) AS k (firm_code, program_id))
ORDER BY firm_code, program_id
FOR UPDATE

-- name: exposures
-- What is open or may be, and what was closed after the newest figures of its account were seen: the loss of that is
-- not in them yet. Added up by product, so that a decision costs the same however many trades are open; what has no known
-- loss stays apart.
SELECT firm_code, program_id, symbol, settled, sum(quantity) AS quantity, sum(risk) AS risk,
       count(*) FILTER (WHERE unresolved) AS unresolved
FROM (
    SELECT o.firm_code, o.program_id, o.symbol, o.open_quantity AS quantity,
           CASE WHEN o.open_quantity > 0 THEN o.worst_case * o.open_quantity / o.quantity ELSE o.worst_case END AS risk,
           o.state = 'FILLED' AND o.open_quantity > 0 AS settled, o.state = 'UNRESOLVED' AS unresolved
    FROM unnest(%(firm_codes)s::text[], %(program_ids)s::integer[]) AS k (firm_code, program_id)
    JOIN execution_orders o USING (firm_code, program_id)
    WHERE o.open_quantity > 0
    UNION ALL
    SELECT o.firm_code, o.program_id, o.symbol, 0, o.worst_case * o.filled / o.quantity, false, false
    FROM unnest(%(firm_codes)s::text[], %(program_ids)s::integer[]) AS k (firm_code, program_id)
    JOIN account_states s USING (firm_code, program_id)
    JOIN execution_orders o USING (firm_code, program_id)
    WHERE o.closed_at > s.observed_at AND o.closed_at > now() - interval '1 day' AND o.open_quantity = 0
    UNION ALL
    -- Of what is closed in part its last change tells; whatever that was, more is reserved and not less.
    SELECT o.firm_code, o.program_id, o.symbol, 0, o.worst_case * o.closed / o.quantity, false, false
    FROM unnest(%(firm_codes)s::text[], %(program_ids)s::integer[]) AS k (firm_code, program_id)
    JOIN account_states s USING (firm_code, program_id)
    JOIN execution_orders o USING (firm_code, program_id)
    WHERE o.open_quantity > 0 AND o.closed > 0 AND o.updated_at > s.observed_at) leg
GROUP BY firm_code, program_id, symbol, settled, risk IS NULL

-- name: open_entries_of_trades
SELECT *
FROM execution_orders
WHERE trade_id = ANY(%(trade_ids)s) AND purpose = 'ENTRY' AND open_quantity > 0
ORDER BY id

-- name: plan_orders
INSERT INTO execution_orders (
    task_id, trade_id, firm_code, program_id, purpose, leg, client_order_id, symbol, contract, side, quantity,
    asked_quantity, asked_percent, entry_price, stop_price, worst_case, expires_at, cause, actor)
SELECT o.task_id, o.trade_id, o.firm_code, o.program_id, o.purpose, o.leg, o.client_order_id, o.symbol, o.contract,
       o.side, o.quantity, o.asked_quantity, o.asked_percent, o.entry_price, o.stop_price, o.worst_case,
       COALESCE(t.requeued_at, t.created_at) + make_interval(secs => o.lifetime), o.cause, %(actor)s
FROM json_to_recordset(%(orders)s::json) AS o (
    task_id BIGINT, trade_id TEXT, firm_code TEXT, program_id INTEGER, purpose TEXT, leg SMALLINT,
    client_order_id TEXT, symbol TEXT, contract JSONB, side TEXT, quantity NUMERIC, asked_quantity NUMERIC,
    asked_percent NUMERIC, entry_price NUMERIC, stop_price NUMERIC, worst_case NUMERIC, lifetime DOUBLE PRECISION,
    cause TEXT)
JOIN execution_tasks t ON t.id = o.task_id
RETURNING id

-- name: pass_gate
-- Whoever halts takes this lock alone: a leg is claimed wholly before a halt is in force or after it, never across.
-- A process that is stopped in here loses the lock after two seconds: a halt waits for nobody longer.
SELECT set_config('idle_in_transaction_session_timeout', '2000', true), pg_advisory_xact_lock_shared(705419230119)

-- name: close_gate
SELECT pg_advisory_xact_lock(705419230119)

-- name: give_up_exits
UPDATE execution_orders
SET state = 'NOT_SENT', cause = 'SIGNAL_EXPIRED', actor = %(actor)s
WHERE state = 'PLANNED' AND purpose = 'EXIT' AND expires_at <= clock_timestamp()
RETURNING *

-- name: give_up_entries
-- Wherever they wait. One that another holds just now is for the next look.
UPDATE execution_orders o
SET state = 'NOT_SENT', cause = l.cause, actor = %(actor)s
FROM (
    SELECT o.id, e.cause
    FROM execution_orders o
    CROSS JOIN LATERAL entry_obstacle(o.firm_code, o.program_id, o.trade_id, o.expires_at) e
    WHERE o.state = 'PLANNED' AND o.purpose = 'ENTRY' AND e.cause IS NOT NULL
    FOR UPDATE OF o SKIP LOCKED) l
WHERE o.id = l.id
RETURNING o.*

-- name: claim_entries (prepared)
-- One entry an account at a time, the oldest; while one is on its way or unresolved, the others wait. One that must not
-- be sent any more is given up instead. One that another holds just now, or has just claimed, is for the next look.
WITH next AS MATERIALIZED (
    SELECT n.id
    FROM unnest(%(firm_codes)s::text[], %(program_ids)s::integer[]) AS k (firm_code, program_id)
    CROSS JOIN LATERAL (
        SELECT o.id, o.due_at
        FROM execution_orders o
        WHERE o.firm_code = k.firm_code AND o.program_id = k.program_id AND o.state = 'PLANNED' AND o.purpose = 'ENTRY'
        ORDER BY o.id
        LIMIT 1) n
    WHERE n.due_at <= now() AND NOT EXISTS (
        SELECT FROM execution_orders x
        WHERE x.firm_code = k.firm_code AND x.program_id = k.program_id AND x.purpose = 'ENTRY'
          AND x.state IN ('SENDING', 'UNRESOLVED'))
    ORDER BY n.id
    LIMIT %(limit)s::bigint
), held AS MATERIALIZED (
    -- By its id alone, and looked at once it is locked: a search for what is planned goes through all that waits.
    SELECT o.id, o.state, o.due_at, o.firm_code, o.program_id, o.trade_id, o.expires_at
    FROM execution_orders o
    WHERE o.id = ANY(ARRAY(SELECT id FROM next))
    FOR UPDATE SKIP LOCKED
)
UPDATE execution_orders o
SET state = CASE WHEN e.cause IS NULL THEN 'SENDING' ELSE 'NOT_SENT' END,
    worker = CASE WHEN e.cause IS NULL THEN %(worker)s END,
    lease_until = CASE WHEN e.cause IS NULL THEN now() + make_interval(secs => %(lease)s) END,
    attempts = o.attempts + CASE WHEN e.cause IS NULL THEN 1 ELSE 0 END,
    sent_at = CASE WHEN e.cause IS NULL THEN clock_timestamp() ELSE o.sent_at END,
    cause = COALESCE(e.cause, 'CLAIMED'), actor = %(worker)s
FROM held
CROSS JOIN LATERAL entry_obstacle(held.firm_code, held.program_id, held.trade_id, held.expires_at) e
WHERE o.id = held.id AND held.state = 'PLANNED' AND held.due_at <= now()
RETURNING o.*

-- name: exits_due (prepared)
-- Exits whose turn it is: one an account and symbol at a time, the oldest, once nothing of the trade is in doubt and its
-- entry is sent or given up: what was not sent cannot be closed. One that has to wait for its trade holds up no other.
-- A row without an id where none is due; waiting: whether any is planned at all.
SELECT w.waiting, due.*
FROM (SELECT EXISTS (SELECT FROM execution_orders WHERE state = 'PLANNED' AND purpose = 'EXIT') AS waiting) w
LEFT JOIN LATERAL (
    SELECT DISTINCT ON (o.firm_code, o.program_id, o.symbol) o.*
    FROM execution_orders o
    WHERE w.waiting AND o.state = 'PLANNED' AND o.purpose = 'EXIT' AND o.due_at <= now()
      AND (o.firm_code, o.program_id) IN (
          SELECT firm_code, program_id
          FROM unnest(%(firm_codes)s::text[], %(program_ids)s::integer[]) AS k (firm_code, program_id))
      AND NOT EXISTS (
          SELECT FROM execution_orders x
          WHERE x.firm_code = o.firm_code AND x.program_id = o.program_id
            AND ((x.purpose = 'EXIT' AND x.symbol = o.symbol AND x.state = 'SENDING')
                 OR (x.trade_id = o.trade_id
                     AND (x.state IN ('SENDING', 'UNRESOLVED', 'ACCEPTED', 'PARTIALLY_FILLED')
                          OR (x.purpose = 'ENTRY' AND x.state = 'PLANNED')))))
      -- While everything is being closed there is nothing left to close; unless that goes wrong again and again. Never
      -- both at a time.
      AND NOT EXISTS (
          SELECT FROM halt_actions h
          WHERE h.firm_code = o.firm_code AND h.program_id = o.program_id AND h.action = 'FLATTEN'
            AND ((h.done_at IS NULL AND h.tries <= 3) OR h.running_until > clock_timestamp()))
    ORDER BY o.firm_code, o.program_id, o.symbol, o.id
    LIMIT %(limit)s) due ON true

-- name: claim_exit
-- Under the lock of its account: what is open of the trade now, less what exits on their way may close.
WITH entries AS (
    SELECT COALESCE(sum(open_quantity), 0) AS open
    FROM execution_orders
    WHERE trade_id = %(trade_id)s AND firm_code = %(firm_code)s AND program_id = %(program_id)s AND purpose = 'ENTRY'
), size AS (
    SELECT o.id, e.open, LEAST(e.open, COALESCE(
               o.asked_quantity,
               CASE WHEN o.asked_percent < 100 THEN ceil(e.open * o.asked_percent / 100) END,
               e.open)) AS quantity
    FROM execution_orders o, entries e
    WHERE o.id = %(order_id)s AND o.state = 'PLANNED'
      AND NOT EXISTS (
          SELECT FROM execution_orders x
          WHERE x.firm_code = o.firm_code AND x.program_id = o.program_id
            AND ((x.purpose = 'EXIT' AND x.symbol = o.symbol AND x.state = 'SENDING')
                 OR (x.trade_id = o.trade_id
                     AND (x.state IN ('SENDING', 'UNRESOLVED', 'ACCEPTED', 'PARTIALLY_FILLED')
                          OR (x.purpose = 'ENTRY' AND x.state = 'PLANNED')))))
      AND NOT EXISTS (
          SELECT FROM halt_actions h
          WHERE h.firm_code = o.firm_code AND h.program_id = o.program_id AND h.action = 'FLATTEN'
            AND h.running_until > clock_timestamp())
    FOR UPDATE OF o SKIP LOCKED
)
UPDATE execution_orders o
SET state = CASE WHEN s.quantity > 0 THEN 'SENDING' ELSE 'NOT_SENT' END,
    quantity = NULLIF(s.quantity, 0),
    worker = CASE WHEN s.quantity > 0 THEN %(worker)s END,
    lease_until = CASE WHEN s.quantity > 0 THEN now() + make_interval(secs => %(lease)s) END,
    attempts = o.attempts + 1, sent_at = CASE WHEN s.quantity > 0 THEN clock_timestamp() END,
    cause = CASE WHEN s.quantity > 0 THEN 'CLAIMED' ELSE 'NOTHING_OPEN' END, actor = %(worker)s
FROM size s
WHERE o.id = s.id
RETURNING o.*, s.open - s.quantity AS remaining, ARRAY(
    SELECT x.client_order_id FROM execution_orders x
    WHERE x.trade_id = o.trade_id AND x.firm_code = o.firm_code AND x.program_id = o.program_id
      AND x.purpose = 'ENTRY' AND x.filled > 0 ORDER BY x.id) AS entries

-- name: read_order
SELECT * FROM execution_orders WHERE id = %(order_id)s

-- name: lock_order
SELECT * FROM execution_orders WHERE id = %(order_id)s FOR UPDATE

-- name: write_orders (prepared)
-- What may be written is: the leg is still in one of the states, and the attempt the last one, that a change names; and its
-- state may follow, or more is filled of it. Locked in one order, so that two who write never wait for each other.
WITH before AS MATERIALIZED (
    SELECT o.id, o.state, o.filled, o.not_held, o.attempts
    FROM execution_orders o
    WHERE o.id = ANY(%(order_ids)s::bigint[])
    ORDER BY o.id
    FOR UPDATE
)
UPDATE execution_orders o
SET state = c.state, filled = GREATEST(c.filled, b.filled), not_held = c.not_held,
    average_price = COALESCE(c.average_price, o.average_price),
    venue_order_id = COALESCE(c.venue_order_id, o.venue_order_id), worker = NULL, lease_until = NULL,
    due_at = CASE WHEN c.delay IS NULL THEN o.due_at ELSE clock_timestamp() + make_interval(secs => c.delay) END,
    quantity = CASE WHEN c.state = 'PLANNED' AND o.purpose = 'EXIT' THEN NULL ELSE o.quantity END,
    sent_at = CASE WHEN c.state IN ('PLANNED', 'NOT_SENT') AND o.state = 'SENDING' THEN NULL ELSE o.sent_at END,
    cause = c.cause, actor = c.actor, answer = c.answer
FROM before b
JOIN json_to_recordset(%(changes)s::json) AS c (
    id BIGINT, only_from TEXT[], attempt INTEGER, state TEXT, filled NUMERIC, not_held NUMERIC, average_price NUMERIC,
    venue_order_id TEXT, delay DOUBLE PRECISION, cause TEXT, actor TEXT, answer JSONB) USING (id)
WHERE o.id = b.id AND (c.only_from IS NULL OR b.state = ANY(c.only_from))
  AND (c.attempt IS NULL OR b.attempts = c.attempt)
  AND (EXISTS (SELECT FROM order_transitions t WHERE t.from_state = b.state AND t.to_state = c.state)
       OR (b.state = c.state AND c.filled > b.filled))
RETURNING o.*, b.filled AS filled_before, b.not_held AS not_held_before

-- name: close_entries
-- What was closed of a trade on an account goes to its entries, the oldest first.
WITH entries AS (
    SELECT id, filled - closed AS open,
           sum(filled - closed) OVER (ORDER BY id) - (filled - closed) AS before
    FROM execution_orders
    WHERE trade_id = %(trade_id)s AND firm_code = %(firm_code)s AND program_id = %(program_id)s
      AND purpose = 'ENTRY' AND filled > closed
)
UPDATE execution_orders o
SET closed = o.closed + LEAST(e.open, %(quantity)s::numeric - e.before), cause = %(cause)s, actor = %(actor)s,
    answer = NULL
FROM entries e
WHERE o.id = e.id AND %(quantity)s::numeric > e.before
RETURNING o.*

-- name: write_connector_rows (prepared)
-- The documents' rows of these accounts in the task's log say what the ledger says. The whole row is written anew each
-- time, so what is known of several accounts goes together.
UPDATE execution_logs l
SET response_body = l.response_body || jsonb_build_object(
        'connector_results', (
            SELECT jsonb_agg(
                CASE WHEN c.changes IS NULL THEN row
                     ELSE (row - ARRAY['reason', 'message', 'order_id', 'details']) || c.changes END
                ORDER BY place)
            FROM jsonb_array_elements(l.response_body -> 'connector_results') WITH ORDINALITY AS r (row, place)
            LEFT JOIN jsonb_to_recordset(%(changes)s::jsonb) AS c (firm_code TEXT, program_id INTEGER, changes JSONB)
              ON c.firm_code = row ->> 'firm_code' AND c.program_id = (row ->> 'program_id')::integer),
        'routed', (l.response_body ->> 'routed')::boolean OR %(routed)s)
WHERE l.task_id = %(task_id)s AND l.status = 'SUCCESS'
RETURNING l.id, (SELECT count(pg_notify('router_events', event)) FROM unnest(%(events)s::text[]) AS e (event)) AS told

-- name: renew_order_leases
-- One that another holds just now is being answered, or is for the next time: whoever prolongs waits for nobody, so that he
-- and who writes answers never wait for each other.
UPDATE execution_orders o
SET lease_until = now() + make_interval(secs => %(lease)s)
FROM (SELECT id FROM execution_orders
      WHERE id = ANY(%(order_ids)s) AND state = 'SENDING' AND worker = %(worker)s
      ORDER BY id
      FOR UPDATE SKIP LOCKED) held
WHERE o.id = held.id

-- name: entry_names
SELECT client_order_id FROM execution_orders
WHERE trade_id = %(trade_id)s AND firm_code = %(firm_code)s AND program_id = %(program_id)s AND purpose = 'ENTRY'
  AND filled > 0
ORDER BY id

-- name: take_over_lost
-- On their way when their worker was lost: nobody knows whether they arrived.
UPDATE execution_orders o
SET state = 'UNRESOLVED', cause = 'WORKER_LOST', actor = %(actor)s, worker = NULL, lease_until = NULL
FROM (SELECT id FROM execution_orders
      WHERE state = 'SENDING' AND lease_until < now()
      ORDER BY id
      FOR UPDATE SKIP LOCKED) lost
WHERE o.id = lost.id
RETURNING o.*

-- name: waiting_exits
SELECT DISTINCT trade_id, firm_code, program_id FROM execution_orders
WHERE state = 'PLANNED' AND purpose = 'EXIT'
  AND (firm_code, program_id) IN (
      SELECT firm_code, program_id
      FROM unnest(%(firm_codes)s::text[], %(program_ids)s::integer[]) AS k (firm_code, program_id))

-- name: unsettled_orders
SELECT * FROM execution_orders
WHERE state IN ('UNRESOLVED', 'ACCEPTED', 'PARTIALLY_FILLED')
  AND (firm_code, program_id) IN (
      SELECT firm_code, program_id
      FROM unnest(%(firm_codes)s::text[], %(program_ids)s::integer[]) AS k (firm_code, program_id))
ORDER BY id

-- name: open_entries
-- Entries that were filled and not closed again.
SELECT * FROM execution_orders
WHERE purpose = 'ENTRY' AND open_quantity > 0 AND state IN ('FILLED', 'CANCELLED')
  AND (firm_code, program_id) IN (
      SELECT firm_code, program_id
      FROM unnest(%(firm_codes)s::text[], %(program_ids)s::integer[]) AS k (firm_code, program_id))
ORDER BY id

-- name: next_leg
-- A leg that was provably never taken is not sent again; another one takes its place.
INSERT INTO execution_orders (
    task_id, trade_id, firm_code, program_id, purpose, leg, client_order_id, symbol, contract, side, asked_quantity,
    due_at, expires_at, cause, actor)
SELECT task_id, trade_id, firm_code, program_id, purpose, leg + 1, %(client_order_id)s, symbol, contract, side,
       CASE WHEN asked_quantity IS NULL AND asked_percent IS NULL THEN NULL ELSE quantity - filled END,
       clock_timestamp() + make_interval(secs => %(delay)s), expires_at, 'REPLACES_LEG', %(actor)s
FROM execution_orders
WHERE id = %(order_id)s
RETURNING *
