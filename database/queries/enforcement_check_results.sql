-- How often was an order allowed or refused on each account, and by which rule, in the last 24 hours?
SELECT firm_code AS firm, program_id AS program, allowed, breach_type, rule, count(*) AS count
FROM execution_enforcement_checks
WHERE created_at > now() - INTERVAL '24 hours'
GROUP BY firm, program, allowed, breach_type, rule
ORDER BY firm, program, allowed DESC, rule;
