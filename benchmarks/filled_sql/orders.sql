-- The newest tenth of the trades: an entry that was filled and closed, its exit, and what happened to both. Of the
-- youngest trades some are open, some are in doubt; one in a hundred was never sent.
CREATE TEMP TABLE legs AS
SELECT id, trade_id, at, slot = 0 AS entering, n / 3 %% 100 = 7 AS unsent,
       slot = 0 AND max(n) OVER () - n < 60 AND n / 3 %% 100 <> 7 AS open
FROM numbered
WHERE slot <> 1 AND NOT failed AND n / 3 %% 5 <> 4 AND n > (SELECT max(n) * 9 / 10 FROM numbered);
DELETE FROM legs WHERE NOT entering AND trade_id IN (SELECT trade_id FROM legs WHERE open OR unsent);
INSERT INTO execution_orders (
    id, task_id, trade_id, firm_code, program_id, purpose, client_order_id, state, symbol, contract, side, quantity,
    entry_price, stop_price, worst_case, filled, average_price, closed, closed_at, venue_order_id, attempts, due_at,
    expires_at, cause, actor, answer, created_at, sent_at, updated_at) OVERRIDING SYSTEM VALUE
SELECT id, id, trade_id, 'APEX', 1, CASE WHEN entering THEN 'ENTRY' ELSE 'EXIT' END, left(md5(id::text), 20),
       CASE WHEN unsent THEN 'NOT_SENT' WHEN open AND id %% 2 = 0 THEN 'UNRESOLVED' ELSE 'FILLED' END,
       'NQ', '{"symbol": "NQZ6", "root": "NQ", "lots": 1}', CASE WHEN entering THEN 'BUY' ELSE 'SELL' END, 1,
       16500, 16475, 500, CASE WHEN unsent OR (open AND id %% 2 = 0) THEN 0 ELSE 1 END, 16500.25,
       CASE WHEN entering AND NOT open AND NOT unsent THEN 1 ELSE 0 END,
       CASE WHEN entering AND NOT open AND NOT unsent THEN at + interval '1 hour' END, id::text, 1, at,
       at + interval '2 minutes', CASE WHEN unsent THEN 'SIGNAL_EXPIRED' ELSE 'ANSWERED' END, 'host:1:abc',
       '{"orderId": 12345678, "ordStatus": "Filled"}', at, CASE WHEN NOT unsent THEN at + interval '8 ms' END,
       at + interval '90 ms'
FROM legs
ORDER BY legs.id;
INSERT INTO execution_order_events (
    id, order_id, task_id, firm_code, program_id, client_order_id, at, from_state, to_state, quantity, filled, closed,
    attempt, cause, actor, answer) OVERRIDING SYSTEM VALUE
SELECT 3 * o.id + place, o.id, o.id, o.firm_code, o.program_id, o.client_order_id, o.created_at, before,
       COALESCE(after, o.state), 1, 0, 0, 1, o.cause, o.actor, CASE WHEN after IS NULL THEN o.answer END
FROM execution_orders o
CROSS JOIN (VALUES (0, NULL, 'PLANNED'), (1, 'PLANNED', 'SENDING'), (2, 'SENDING', NULL)) AS step (place, before, after)
ORDER BY o.id, place
