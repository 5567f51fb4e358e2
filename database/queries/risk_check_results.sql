-- How often did each firm's risk check approve and reject in the last 24 hours?
SELECT firm_code AS firm, status, count(*) AS count
FROM execution_risk_checks
WHERE created_at > now() - INTERVAL '24 hours'
GROUP BY firm, status
ORDER BY firm, status;
