-- Which alerts of accounts are open, the most severe first?
SELECT severity, firm_code AS firm, program_id AS program, rule, mark, value, limit_value AS "limit", raised_at
FROM account_alerts
WHERE cleared_at IS NULL AND NOT is_event
ORDER BY array_position(ARRAY['CRITICAL', 'WARNING', 'INFO'], severity), raised_at DESC, firm_code, program_id, rule, mark;
