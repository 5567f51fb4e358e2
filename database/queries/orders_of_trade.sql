-- What was sent for one trade, on which accounts, and what became of it?
SELECT id, firm_code AS firm, program_id AS program, purpose, leg, state, contract ->> 'symbol' AS contract, side,
       quantity, filled, average_price, closed, open_quantity, not_held, client_order_id, venue_order_id, cause, actor,
       created_at, sent_at, updated_at
FROM execution_orders
WHERE trade_id = :'trade_id'
ORDER BY id;
