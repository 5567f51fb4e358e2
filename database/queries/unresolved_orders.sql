-- Of which orders does nobody know whether their venue took them, the oldest first?
SELECT o.id, o.firm_code AS firm, o.program_id AS program, o.trade_id, o.purpose, o.contract ->> 'symbol' AS contract,
       o.side, o.quantity, o.client_order_id, o.venue_order_id, o.state, o.cause, o.sent_at, o.updated_at AS since
FROM execution_orders o
WHERE o.state = 'UNRESOLVED' OR (o.state = 'SENDING' AND o.lease_until < now())
ORDER BY o.updated_at, o.id;
