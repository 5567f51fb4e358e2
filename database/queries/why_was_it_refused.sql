-- Which entries of the last day were refused, by which rule, and which value stood against which limit?
WITH decided AS (
    SELECT id AS log_id, created_at, trade_id, response_body AS body
    FROM execution_logs
    WHERE status = 'SUCCESS' AND event_type = 'ENTRY' AND created_at > now() - INTERVAL '1 day'
)
SELECT d.created_at, d.trade_id, r.firm_code AS firm, r.program_id AS program, r.refused_by, r.rule,
       c.value, c."limit", r.reason
FROM decided d
CROSS JOIN LATERAL (
    SELECT checks.refused_by, row ->> 'firm_code' AS firm_code, (row ->> 'program_id')::integer AS program_id,
           row ->> 'rule' AS rule, row ->> 'reason' AS reason, row -> 'compared' AS compared
    FROM (VALUES ('risk', d.body -> 'risk_checks'), ('sizing', d.body -> 'program_sizing'),
                 ('breach', d.body -> 'account_breaches'), ('enforcement', d.body -> 'enforcement_checks'))
        AS checks (refused_by, rows)
    CROSS JOIN LATERAL jsonb_array_elements(COALESCE(checks.rows, '[]')) AS row
    WHERE row ->> 'status' = 'REJECTED'
    UNION ALL
    SELECT 'size', row ->> 'firm_code', (row ->> 'program_id')::integer, 'ZERO_CONTRACTS',
           'The size comes to 0 contracts.',
           jsonb_build_array(jsonb_build_object(
               'rule', 'ZERO_CONTRACTS', 'value', row -> 'contracts', 'limit', 'at least 1', 'passed', false))
    FROM jsonb_array_elements(COALESCE(d.body -> 'connector_results', '[]')) AS row
    WHERE row -> 'blocked_by' ? 'ZERO_CONTRACTS'
) AS r
LEFT JOIN LATERAL (
    SELECT item ->> 'value' AS value, item ->> 'limit' AS "limit"
    FROM jsonb_array_elements(r.compared) AS item
    WHERE item ->> 'rule' = r.rule AND item -> 'passed' = 'false'
    LIMIT 1
) AS c ON true
ORDER BY d.created_at DESC, d.log_id DESC, firm, program NULLS FIRST, r.refused_by;
