-- How was one trade decided, check by check? psql -v trade_id=YOUR_TRADE_ID -f trade_decision.sql
SELECT et.trade_id, et.event_type,
       el.response_body -> 'risk_checks' AS risk_checks,
       el.response_body -> 'program_sizing' AS program_sizing,
       el.response_body -> 'account_breaches' AS account_breaches,
       el.response_body -> 'enforcement_checks' AS enforcement_checks,
       el.response_body -> 'connector_results' AS connector_results
FROM execution_tasks et
JOIN execution_logs el ON et.id = el.task_id AND el.status = 'SUCCESS'
WHERE et.trade_id = :'trade_id'
ORDER BY et.id;
