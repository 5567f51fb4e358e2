-- Which risk rules rejected most often in the last 7 days, and at which firm?
SELECT row ->> 'firm_code' AS firm, row ->> 'rule' AS rule, count(*) AS rejection_count
FROM execution_logs el
CROSS JOIN LATERAL jsonb_array_elements(COALESCE(el.response_body -> 'risk_checks', '[]')) AS row
WHERE el.status = 'SUCCESS' AND el.created_at > now() - INTERVAL '7 days' AND row ->> 'status' = 'REJECTED'
GROUP BY firm, rule
ORDER BY rejection_count DESC, firm, rule;
