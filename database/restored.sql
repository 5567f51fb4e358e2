-- What a restored record needs before anybody may work on it; database/restore_script.py runs it in the transaction that
-- restores, with psql's variables by, reason and file. The record ends where the backup was made: what was sent afterwards
-- is at the venues and not in it. So nothing that was waiting or on its way then is sent from here, and no entry leaves
-- until a person has compared the two.
SET LOCAL search_path = public, pg_temp;
SET LOCAL timezone = 'UTC';

-- Orders from here on have other names at the venues than those that were sent after the backup.
UPDATE ledger_identity SET identity = gen_random_uuid();

-- Of this moment, not of the record: who was logged in, and which processes ran.
DELETE FROM web_logins;
DELETE FROM router_heartbeats;

-- Transactions are counted anew on another server: the sealer looks at every event again.
UPDATE audit_horizon SET xact = '0';

CREATE TEMPORARY TABLE set_aside (name TEXT, n BIGINT) ON COMMIT DROP;

WITH legs AS (
    UPDATE execution_orders SET state = 'NOT_SENT', cause = 'RESTORED', actor = :'by'
    WHERE state = 'PLANNED' RETURNING id
)
INSERT INTO set_aside SELECT 'planned_orders', count(*) FROM legs;

WITH legs AS (
    UPDATE execution_orders
    SET state = 'UNRESOLVED', cause = 'RESTORED', actor = :'by', worker = NULL, lease_until = NULL
    WHERE state = 'SENDING' RETURNING id
)
INSERT INTO set_aside SELECT 'orders_on_their_way', count(*) FROM legs;

-- Updates only put figures on record; they are decided as ever.
WITH tasks AS (
    UPDATE execution_tasks
    SET status = 'FAILED', worker = NULL, lease_until = NULL, finished_at = clock_timestamp(),
        updated_at = clock_timestamp(), last_error = :'reason'
    WHERE status IN ('PENDING', 'PROCESSING') AND event_type <> 'MFE_UPDATE'
    RETURNING id, trade_id, event_type, attempts
), logged AS (
    INSERT INTO execution_logs (task_id, trade_id, event_type, status, response_code, response_body)
    SELECT id, trade_id, event_type, 'FAILED', 500, jsonb_build_object('error', :'reason', 'attempt', attempts)
    FROM tasks
)
INSERT INTO set_aside SELECT 'waiting_tasks', count(*) FROM tasks;

-- What persons had ordered to be closed or taken back is long over, or would meet other positions now.
WITH actions AS (
    UPDATE halt_actions
    SET done_at = clock_timestamp(), running_until = NULL, outcome = jsonb_build_object('restored', true)
    WHERE done_at IS NULL RETURNING halt_id
)
INSERT INTO set_aside SELECT 'halt_actions', count(*) FROM actions;

WITH halt AS (
    INSERT INTO trading_halts (level, reason, set_by) VALUES ('ENTRIES', :'reason', :'by') RETURNING id
)
INSERT INTO operator_acts (act, halt_id, by, reason, details)
SELECT 'RESTORE', id, :'by', :'reason',
       (SELECT jsonb_object_agg(name, n) FROM set_aside) || jsonb_build_object('file', :'file')
FROM halt;
