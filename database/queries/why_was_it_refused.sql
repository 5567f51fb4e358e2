-- Which entries of the last day were refused, by which rule, and which value stood against which limit?
WITH refused AS (
    SELECT log_id, created_at, trade_id, firm_code, NULL::integer AS program_id, 'risk' AS refused_by,
           rule, reason, compared
    FROM execution_risk_checks
    WHERE status = 'REJECTED'
    UNION ALL
    SELECT log_id, created_at, trade_id, firm_code, program_id, 'sizing', rule, reason, compared
    FROM execution_program_sizing
    WHERE status = 'REJECTED'
    UNION ALL
    SELECT log_id, created_at, trade_id, firm_code, program_id, 'breach', rule, reason, compared
    FROM execution_account_breaches
    WHERE status = 'REJECTED'
    UNION ALL
    SELECT log_id, created_at, trade_id, firm_code, program_id, 'enforcement', rule, reason, compared
    FROM execution_enforcement_checks
    WHERE status = 'REJECTED'
    UNION ALL
    SELECT log_id, created_at, trade_id, firm_code, program_id, 'size', 'ZERO_CONTRACTS',
           'The size comes to 0 contracts.',
           jsonb_build_array(jsonb_build_object(
               'rule', 'ZERO_CONTRACTS', 'value', contracts, 'limit', 'at least 1', 'passed', false))
    FROM execution_connector_results
    WHERE blocked_by ? 'ZERO_CONTRACTS'
)
SELECT r.created_at, r.trade_id, r.firm_code AS firm, r.program_id AS program, r.refused_by, r.rule,
       c.value, c."limit", r.reason
FROM refused r
LEFT JOIN LATERAL (
    SELECT item ->> 'value' AS value, item ->> 'limit' AS "limit"
    FROM jsonb_array_elements(r.compared) AS item
    WHERE item ->> 'rule' = r.rule AND item -> 'passed' = 'false'
    LIMIT 1
) AS c ON true
WHERE r.created_at > now() - INTERVAL '1 day'
ORDER BY r.created_at DESC, r.log_id DESC, firm, program NULLS FIRST, r.refused_by;
