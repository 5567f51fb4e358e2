-- How often did each account pass or break which of its limits in the last 24 hours?
SELECT firm_code AS firm, program_id AS program, status, rule, count(*) AS count
FROM execution_account_breaches
WHERE created_at > now() - INTERVAL '24 hours'
GROUP BY firm, program, status, rule
ORDER BY firm, program, status, rule;
