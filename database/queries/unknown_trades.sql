-- Which exits and updates came for a trade that had no entry, and has its entry come since?
SELECT s.received_at, s.trade_id, s.lifecycle, s.symbol, s.source, s.task_id,
       EXISTS (
           SELECT 1 FROM automated_signals e WHERE e.trade_id = s.trade_id AND e.lifecycle = 'ENTRY'
       ) AS entry_came_later
FROM automated_signals s
WHERE s.unknown_trade
ORDER BY s.received_at DESC, s.id DESC;
