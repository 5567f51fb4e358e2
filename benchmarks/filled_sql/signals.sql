INSERT INTO automated_signals (
    id, trade_id, lifecycle, event_key, content_digest, source, symbol, direction, entry_price, stop_loss, contracts,
    session, exit_price, be_mfe, no_be_mfe, unknown_trade, task_id, raw_body, received_at)
SELECT n.id, n.trade_id, s.lifecycle, s.lifecycle || ':' || n.trade_id, md5(n.id::text) || md5(n.trade_id), 'webhook',
       s.symbol, s.direction, s.entry_price, s.stop_loss, s.contracts, s.session, s.exit_price, s.be_mfe, s.no_be_mfe,
       slot = 2 AND n.n / 3 %% 500 = 0, n.id, s.raw_body, n.at
FROM numbered n
JOIN automated_signals s ON s.task_id = n.example
