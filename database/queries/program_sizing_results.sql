-- How many contracts were sized on average for each account in the last 24 hours?
SELECT firm_code AS firm, program_id AS program, round(avg(contracts), 2) AS avg_contracts
FROM execution_program_sizing
WHERE created_at > now() - INTERVAL '24 hours'
GROUP BY firm, program
ORDER BY firm, program;
