-- Which orders never left, why, and has a person dealt with them?
SELECT o.id, o.firm_code AS firm, o.program_id AS program, o.trade_id, o.purpose, e.cause, e.at AS given_up_at,
       e.answer ->> 'error' AS error, o.attempts, o.dealt_with_at,
       CASE WHEN o.dealt_with_at IS NOT NULL THEN o.cause END AS dealt_with_how,
       CASE WHEN o.dealt_with_at IS NOT NULL THEN o.actor END AS dealt_with_by
FROM execution_orders o
JOIN LATERAL (
    SELECT at, cause, answer FROM execution_order_events
    WHERE order_id = o.id AND to_state = 'NOT_SENT'
    ORDER BY id
    LIMIT 1
) e ON true
WHERE o.state = 'NOT_SENT'
ORDER BY e.at DESC, o.id DESC;
