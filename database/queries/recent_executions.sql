-- What are the ten newest tasks, and how many rows of each check does their record hold?
SELECT et.id, et.trade_id, et.event_type, et.status,
       el.response_body ->> 'dry_run' AS dry_run,
       jsonb_array_length(el.response_body -> 'risk_checks') AS risk_checks_count,
       jsonb_array_length(el.response_body -> 'program_sizing') AS sizing_count,
       jsonb_array_length(el.response_body -> 'account_breaches') AS breach_checks_count,
       jsonb_array_length(el.response_body -> 'enforcement_checks') AS enforcement_count,
       jsonb_array_length(el.response_body -> 'connector_results') AS connector_count,
       et.created_at
FROM execution_tasks et
LEFT JOIN execution_logs el ON et.id = el.task_id AND el.status = 'SUCCESS'
ORDER BY et.created_at DESC, et.id DESC
LIMIT 10;
