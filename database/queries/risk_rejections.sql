-- Which risk rules rejected most often in the last 7 days, and at which firm?
SELECT firm_code AS firm, rule, count(*) AS rejection_count
FROM execution_risk_checks
WHERE created_at > now() - INTERVAL '7 days' AND status = 'REJECTED'
GROUP BY firm, rule
ORDER BY rejection_count DESC, firm, rule;
