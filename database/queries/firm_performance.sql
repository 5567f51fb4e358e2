-- How many orders for each firm went through, failed or were not sent in the last 7 days?
SELECT firm,
       count(*) AS total_attempts,
       count(*) FILTER (WHERE status = 'SUCCESS') AS successes,
       count(*) FILTER (WHERE status = 'FAILED') AS failures,
       count(*) FILTER (WHERE status = 'SKIPPED') AS skipped,
       round(100.0 * count(*) FILTER (WHERE status = 'SUCCESS') / count(*), 2) AS success_rate
FROM (
    SELECT row.firm_code AS firm, row.status
    FROM execution_logs el
    CROSS JOIN LATERAL jsonb_to_recordset(el.response_body -> 'connector_results') AS row (firm_code TEXT, status TEXT)
    WHERE el.status = 'SUCCESS' AND el.event_type <> 'MFE_UPDATE' AND el.created_at > now() - INTERVAL '7 days'
) AS results
GROUP BY firm
ORDER BY firm;
