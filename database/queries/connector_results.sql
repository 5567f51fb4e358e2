-- What became of the orders for each firm in the last 24 hours?
SELECT firm_code AS firm, status, count(*) AS count
FROM execution_connector_results
WHERE created_at > now() - INTERVAL '24 hours'
GROUP BY firm, status
ORDER BY firm, status;
