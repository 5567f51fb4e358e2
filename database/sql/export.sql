-- Whole records for a file, read page by page: what was moved into the archive is part of them.

-- name: begin_export
-- One moment for all that is read. Whoever reads the output may be slow.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SET LOCAL idle_in_transaction_session_timeout = 0

-- name: open_logs
DECLARE pages NO SCROLL CURSOR FOR
SELECT id, task_id, trade_id, event_type, status, response_code, response_body, created_at
FROM (SELECT id, task_id, trade_id, event_type, status, response_code, response_body, created_at FROM execution_logs
      UNION ALL
      SELECT id, task_id, trade_id, event_type, status, response_code, response_body, created_at
      FROM archive.execution_logs) l
WHERE created_at >= %(since)s::timestamptz AND created_at < %(until)s::timestamptz
ORDER BY created_at, id

-- name: open_signals
DECLARE pages NO SCROLL CURSOR FOR
SELECT *
FROM (SELECT id, trade_id, lifecycle, source, symbol, direction, entry_price, stop_loss, contracts, session, bias,
             exit_type, exit_price, be_mfe, no_be_mfe, alert_time, received_at, task_id, unknown_trade
      FROM automated_signals
      UNION ALL
      SELECT id, trade_id, lifecycle, source, symbol, direction, entry_price, stop_loss, contracts, session, bias,
             exit_type, exit_price, be_mfe, no_be_mfe, alert_time, received_at, task_id, unknown_trade
      FROM archive.automated_signals) s
WHERE received_at >= %(since)s::timestamptz AND received_at < %(until)s::timestamptz
ORDER BY received_at, id

-- name: open_orders
DECLARE pages NO SCROLL CURSOR FOR
SELECT id, task_id, trade_id, firm_code, program_id, purpose, leg, client_order_id, venue_order_id, state, symbol,
       contract ->> 'symbol' AS contract, side, quantity, filled, average_price, closed, not_held, open_quantity,
       entry_price, stop_price, worst_case, cause, actor, attempts, created_at, sent_at, updated_at, closed_at
FROM execution_orders
WHERE created_at >= %(since)s::timestamptz AND created_at < %(until)s::timestamptz
ORDER BY created_at, id
