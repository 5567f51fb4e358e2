-- What did the breach check say of each account in the last hour, trade by trade?
SELECT trade_id, firm_code AS firm, program_id AS program, status, rule
FROM execution_account_breaches
WHERE created_at > now() - INTERVAL '1 hour'
ORDER BY created_at DESC, log_id DESC, firm, program;
