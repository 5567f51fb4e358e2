-- What the page shows. Each statement reads partial or range indexes only: the record may have grown to any size.

-- name: page_status
-- The bar on top of every page: queue, pace of the last minute, halts in force, processes.
SELECT now() AS at, waiting.n AS pending, waiting.oldest_at AS oldest_pending_at, held.n AS processing,
       (SELECT count(*) FROM execution_logs
        WHERE created_at > now() - interval '1 minute' AND status = 'SUCCESS') AS finished_last_minute,
       COALESCE((SELECT json_agg(h ORDER BY h.id) FROM (
           SELECT id, firm_code, program_id, level, reason, set_by, set_at
           FROM trading_halts WHERE released_at IS NULL) h), '[]') AS halts,
       COALESCE((SELECT json_agg(b ORDER BY b.kind, b.process) FROM (
           SELECT process, kind, routes, dry_run, armed, started_at, beat_at,
                  extract(epoch FROM clock_timestamp() - beat_at) AS age
           FROM router_heartbeats) b), '[]') AS processes
FROM (
    SELECT count(*) AS n, min(created_at) AS oldest_at FROM execution_tasks WHERE status = 'PENDING'
) AS waiting, (
    SELECT count(*) AS n FROM execution_tasks WHERE status = 'PROCESSING'
) AS held

-- name: beat
WITH gone AS (
    DELETE FROM router_heartbeats WHERE beat_at < clock_timestamp() - interval '10 minutes'
)
INSERT INTO router_heartbeats AS known (process, kind, routes, dry_run, armed, started_at, stages)
VALUES (%(process)s, %(kind)s, %(routes)s, %(dry_run)s, %(armed)s, %(started_at)s, %(stages)s)
ON CONFLICT (process) DO UPDATE SET
    routes = EXCLUDED.routes, dry_run = EXCLUDED.dry_run, armed = EXCLUDED.armed, stages = EXCLUDED.stages,
    beat_at = clock_timestamp()

-- name: stop_beating
DELETE FROM router_heartbeats WHERE process = %(process)s

-- name: page_signals
-- The newest signals with what was decided, one row each.
SELECT s.id, s.received_at, s.trade_id, s.lifecycle, s.symbol, s.direction, s.entry_price, s.stop_loss, s.contracts,
       s.task_id, t.status AS task_status, l.created_at AS decided_at,
       l.response_body -> 'connector_results' AS verdicts
FROM (SELECT * FROM automated_signals ORDER BY id DESC LIMIT %(limit)s) s
LEFT JOIN execution_tasks t ON t.id = s.task_id
LEFT JOIN execution_logs l ON l.task_id = s.task_id AND l.status = 'SUCCESS'
ORDER BY s.id DESC

-- name: page_positions
-- What each account holds by the ledger, and what is on its way to it, by contract; in contracts, a sale below zero.
SELECT firm_code, program_id, contract ->> 'symbol' AS symbol,
       sum((CASE side WHEN 'BUY' THEN 1 ELSE -1 END) * (filled - closed)) AS held,
       sum((CASE side WHEN 'BUY' THEN 1 ELSE -1 END) * (open_quantity - (filled - closed))) AS pending,
       count(*) FILTER (WHERE state = 'UNRESOLVED') AS unresolved
FROM execution_orders
WHERE purpose = 'ENTRY' AND open_quantity > 0
GROUP BY firm_code, program_id, contract ->> 'symbol'
ORDER BY firm_code, program_id, symbol

-- name: page_attention
-- What a person has to look at and no other statement tells: orders that nobody knows the fate of, bodies that
-- contradict what was stored, venues that could not be compared.
SELECT COALESCE((SELECT json_agg(u ORDER BY u.id) FROM (
           SELECT id, firm_code, program_id, trade_id, purpose, side, quantity, symbol, cause, updated_at
           FROM execution_orders WHERE state = 'UNRESOLVED' ORDER BY id LIMIT %(limit)s) u), '[]') AS unresolved,
       (SELECT count(*) FROM execution_orders WHERE state = 'UNRESOLVED') AS unresolved_count,
       COALESCE((SELECT json_agg(c ORDER BY c.id DESC) FROM (
           SELECT r.id, r.trade_id, r.received_at, r.signal_id, s.task_id, s.lifecycle
           FROM refused_webhooks r LEFT JOIN automated_signals s ON s.id = r.signal_id
           WHERE r.code = 'conflict' AND r.received_at > now() - interval '1 day'
           ORDER BY r.id DESC LIMIT %(limit)s) c), '[]') AS conflicts,
       (SELECT count(*) FROM refused_webhooks
        WHERE code = 'conflict' AND received_at > now() - interval '1 day') AS conflict_count,
       COALESCE((SELECT json_agg(a ORDER BY a.firm_code, a.program_id) FROM (
           SELECT firm_code, program_id, reconciled_at, reconcile_error
           FROM order_accounts WHERE reconcile_error IS NOT NULL) a), '[]') AS not_compared

-- name: newest_distance
-- Of the newest signals alone: an entry of long ago says little, and nothing else may be looked through for it.
SELECT abs(entry_price - stop_loss) AS distance
FROM (SELECT * FROM automated_signals ORDER BY id DESC LIMIT 200) s
WHERE lifecycle = 'ENTRY' AND entry_price <> stop_loss
ORDER BY id DESC
LIMIT 1
