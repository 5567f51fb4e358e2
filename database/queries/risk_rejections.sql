-- Which risk rules rejected most often in the last 7 days, and at which firm? Nothing but entries is checked.
SELECT row.firm_code AS firm, row.rule, count(*) AS rejection_count
FROM execution_logs el
CROSS JOIN LATERAL jsonb_to_recordset(el.response_body -> 'risk_checks') AS row (firm_code TEXT, rule TEXT, status TEXT)
WHERE el.status = 'SUCCESS' AND el.event_type = 'ENTRY' AND el.created_at > now() - INTERVAL '7 days'
  AND row.status = 'REJECTED'
GROUP BY firm, rule
ORDER BY rejection_count DESC, firm, rule;
