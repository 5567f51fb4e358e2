-- name: store_signal
-- Signal, task and wake-up in one statement, so that all of them are stored or none. No row comes back when the event
-- is already there.
WITH trade AS (
    SELECT EXISTS (
        SELECT 1 FROM automated_signals WHERE trade_id = %(trade_id)s AND lifecycle = 'ENTRY'
    ) AS is_known
), signal AS (
    INSERT INTO automated_signals (
        trade_id, lifecycle, event_key, content_digest, source, symbol, direction, entry_price, stop_loss, contracts,
        session, bias, exit_type, exit_price, be_mfe, no_be_mfe, current_price, alert_time, raw_body, unknown_trade,
        task_id)
    SELECT
        %(trade_id)s, %(lifecycle)s, %(event_key)s, %(content_digest)s, %(source)s, %(symbol)s, %(direction)s,
        %(entry_price)s::numeric, %(stop_loss)s::numeric, %(contracts)s::integer, %(session)s, %(bias)s,
        %(exit_type)s, %(exit_price)s::numeric, %(be_mfe)s::numeric, %(no_be_mfe)s::numeric,
        %(current_price)s::numeric, %(alert_time)s::timestamptz, %(raw_body)s::json,
        %(lifecycle)s <> 'ENTRY' AND NOT trade.is_known,
        CASE WHEN %(event_type)s::text IS NOT NULL
             THEN nextval(pg_get_serial_sequence('execution_tasks', 'id')) END
    FROM trade
    ON CONFLICT (event_key) DO NOTHING
    RETURNING id, trade_id, lifecycle, symbol, direction, unknown_trade, task_id, received_at
), task AS (
    INSERT INTO execution_tasks (id, trade_id, event_type, payload)
    SELECT task_id, trade_id, %(event_type)s, %(payload)s::jsonb
    FROM signal
    WHERE task_id IS NOT NULL
)
SELECT id AS signal_id, task_id, unknown_trade,
       pg_notify('router_events', json_build_object(
           'event', 'signal_stored', 'signal_id', id, 'task_id', task_id, 'trade_id', trade_id,
           'lifecycle', lifecycle, 'symbol', symbol, 'direction', direction, 'unknown_trade', unknown_trade,
           'received_at', received_at)::text)
FROM signal

-- name: signal_of_event
SELECT id AS signal_id, task_id, content_digest, unknown_trade, raw_body
FROM automated_signals
WHERE event_key = %(event_key)s

-- name: lock_unnamed_content
-- Two deliveries of one unnamed body at the same moment: the second waits until it can see the first.
SELECT pg_advisory_xact_lock(hashtextextended(%(content)s, 0))

-- name: recent_unnamed_trade
SELECT trade_id
FROM automated_signals
WHERE received_at > now() - make_interval(secs => %(window)s)
  AND starts_with(trade_id, 'LIVE_') AND right(trade_id, length(%(content)s)) = %(content)s
ORDER BY id DESC
LIMIT 1

-- name: keep_price
-- An older price never replaces a newer one.
INSERT INTO latest_prices AS latest (symbol, price, price_time)
VALUES (%(symbol)s, %(price)s::numeric, COALESCE(%(price_time)s::timestamptz, now()))
ON CONFLICT (symbol) DO UPDATE
SET price = EXCLUDED.price, price_time = EXCLUDED.price_time, received_at = now()
WHERE EXCLUDED.price_time >= latest.price_time
RETURNING symbol

-- name: keep_refused
-- The table keeps its newest rows only: a stranger who posts rubbish all night must not fill the disk.
WITH kept AS (
    INSERT INTO refused_webhooks (endpoint, status_code, code, message, problems, body, trade_id, signal_id)
    VALUES (%(endpoint)s, %(status_code)s, %(code)s, %(message)s, %(problems)s::json, %(body)s, %(trade_id)s,
            %(signal_id)s)
    RETURNING id
), pruned AS (
    DELETE FROM refused_webhooks WHERE id <= (SELECT id - %(newest)s FROM kept)
)
SELECT id FROM kept
