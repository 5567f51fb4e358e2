-- name: store_signals
-- Signals and tasks in one statement, so that both are stored or none. An event that is already there, or lies in the
-- archive, comes back without a row. Within the statement a trade is known by an entry that stands before it. What is
-- told of it comes back as text: a NOTIFY here would make every writer wait for the flush of the one before. Never
-- prepared: a statement that had to wait for the archive must not look with the eyes of before, as EXECUTE would.
WITH given AS MATERIALIZED (
    SELECT *
    FROM ROWS FROM (json_to_recordset(%(signals)s::json) AS (
        trade_id TEXT, lifecycle TEXT, event_key TEXT, content_digest TEXT, source TEXT, symbol TEXT, direction TEXT,
        entry_price NUMERIC, stop_loss NUMERIC, contracts INTEGER, session TEXT, bias TEXT, exit_type TEXT,
        exit_price NUMERIC, be_mfe NUMERIC, no_be_mfe NUMERIC, current_price NUMERIC, alert_time TIMESTAMPTZ,
        raw_body TEXT, event_type TEXT, payload TEXT)) WITH ORDINALITY
), signal AS (
    INSERT INTO automated_signals (
        trade_id, lifecycle, event_key, content_digest, source, symbol, direction, entry_price, stop_loss, contracts,
        session, bias, exit_type, exit_price, be_mfe, no_be_mfe, current_price, alert_time, raw_body, unknown_trade,
        task_id)
    SELECT
        g.trade_id, g.lifecycle, g.event_key, g.content_digest, g.source, g.symbol, g.direction, g.entry_price,
        g.stop_loss, g.contracts, g.session, g.bias, g.exit_type, g.exit_price, g.be_mfe, g.no_be_mfe,
        g.current_price, g.alert_time, g.raw_body::json,
        g.lifecycle <> 'ENTRY'
            AND NOT EXISTS (
                SELECT 1 FROM automated_signals a WHERE a.trade_id = g.trade_id AND a.lifecycle = 'ENTRY')
            AND NOT EXISTS (
                SELECT 1 FROM given e
                WHERE e.trade_id = g.trade_id AND e.lifecycle = 'ENTRY' AND e.ordinality < g.ordinality)
            AND NOT archive.has_entry(g.trade_id),
        CASE WHEN g.event_type IS NOT NULL
             THEN nextval(pg_get_serial_sequence('execution_tasks', 'id')) END
    FROM given g
    WHERE NOT archive.has_event(g.event_key)
    ORDER BY g.ordinality
    ON CONFLICT (event_key) DO NOTHING
    RETURNING id, event_key, trade_id, lifecycle, symbol, direction, unknown_trade, task_id, received_at
), task AS (
    INSERT INTO execution_tasks (id, trade_id, event_type, payload)
    SELECT s.task_id, s.trade_id, g.event_type, g.payload::jsonb
    FROM signal s
    JOIN given g USING (event_key)
    WHERE s.task_id IS NOT NULL
)
SELECT id AS signal_id, event_key, task_id, unknown_trade,
       json_build_object(
           'event', 'signal_stored', 'signal_id', id, 'task_id', task_id, 'trade_id', trade_id,
           'lifecycle', lifecycle, 'symbol', symbol, 'direction', direction, 'unknown_trade', unknown_trade,
           'received_at', received_at)::text AS event
FROM signal

-- name: announce
SELECT count(pg_notify('router_events', e.event)) AS told
FROM unnest(%(events)s::text[]) AS e (event)

-- name: signal_of_event
SELECT id AS signal_id, task_id, content_digest, unknown_trade, raw_body
FROM automated_signals
WHERE event_key = %(event_key)s
UNION ALL
SELECT id, task_id, content_digest, unknown_trade, raw_body
FROM archive.automated_signals
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
            -- Empty where the signal lies in the archive.
            (SELECT id FROM automated_signals WHERE id = %(signal_id)s))
    RETURNING id
), pruned AS (
    DELETE FROM refused_webhooks WHERE id <= (SELECT id - %(newest)s FROM kept)
)
SELECT id FROM kept
