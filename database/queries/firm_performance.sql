-- How many orders for each firm went through, failed or were not sent in the last 7 days?
SELECT firm_code AS firm,
       count(*) AS total_attempts,
       count(*) FILTER (WHERE status = 'SUCCESS') AS successes,
       count(*) FILTER (WHERE status = 'FAILED') AS failures,
       count(*) FILTER (WHERE status = 'SKIPPED') AS skipped,
       round(100.0 * count(*) FILTER (WHERE status = 'SUCCESS') / count(*), 2) AS success_rate
FROM execution_connector_results
WHERE created_at > now() - INTERVAL '7 days'
GROUP BY firm
ORDER BY firm;
