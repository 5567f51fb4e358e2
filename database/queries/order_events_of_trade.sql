-- What happened to each order of one trade, step by step, and who did it?
SELECT e.at, e.order_id, o.firm_code AS firm, o.program_id AS program, o.purpose, e.from_state, e.to_state, e.quantity,
       e.filled, e.closed, e.venue_order_id, e.attempt, e.cause, e.actor, e.answer
FROM execution_order_events e
JOIN execution_orders o ON o.id = e.order_id
WHERE o.trade_id = :'trade_id'
ORDER BY e.id;
