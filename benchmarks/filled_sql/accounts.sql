INSERT INTO account_days (firm_code, program_id, day, start_balance, end_balance, platform_pl, finalised_at)
SELECT firm, program, day, 50000, 50100, 100, day + interval '1 day'
FROM (VALUES ('APEX'), ('FTMO')) AS f (firm), generate_series(1, 5) program,
     generate_series(now() - interval '365 days', now(), interval '1 day') day;
INSERT INTO account_resets (firm_code, program_id, day, due_at, caught_up, closing_balance, closing_equity, released)
SELECT firm_code, program_id, day, day, false, end_balance, end_balance, false FROM account_days;
INSERT INTO account_alerts (
    firm_code, program_id, rule, mark, is_event, severity, value, limit_value, raised_at, cleared_at)
SELECT 'APEX', 1 + n %% 5, 'DAILY_LOSS_USED', '50', false, 'WARNING', 500, 1000, now() - n * interval '5 minutes',
       CASE WHEN n > 5 THEN now() - n * interval '5 minutes' END
FROM generate_series(1, 100000) n;
-- As many as are kept; one in ten contradicts a signal.
INSERT INTO refused_webhooks (received_at, endpoint, status_code, code, message, problems, body, trade_id, signal_id)
SELECT at, '/api/automated-signals/webhook', CASE WHEN conflict THEN 409 ELSE 400 END,
       CASE WHEN conflict THEN 'conflict' ELSE 'invalid_signal' END, 'another content', '[]', '{"trade_id": "x"}',
       trade_id, CASE WHEN conflict THEN id END
FROM (SELECT *, n %% 10 = 0 AS conflict FROM numbered ORDER BY n DESC LIMIT 10000) newest
