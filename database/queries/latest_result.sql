-- How was the newest decided task decided?
SELECT el.trade_id, el.event_type,
       el.response_body ->> 'dry_run' AS dry_run,
       el.response_body -> 'risk_checks' AS risk_checks,
       el.response_body -> 'program_sizing' AS program_sizing,
       el.response_body -> 'account_breaches' AS account_breaches,
       el.response_body -> 'enforcement_checks' AS enforcement_checks,
       el.response_body -> 'connector_results' AS connector_results
FROM execution_logs el
WHERE el.status = 'SUCCESS'
ORDER BY el.created_at DESC, el.id DESC
LIMIT 1;
