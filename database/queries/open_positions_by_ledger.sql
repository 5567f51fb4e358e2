-- What does each account hold by the ledger (contracts, short below 0), and what more is pending or in doubt?
SELECT firm_code AS firm, program_id AS program, contract ->> 'symbol' AS contract, sum(sign * held) AS held,
       sum(sign * (open_quantity - held)) AS pending,
       COALESCE(sum(sign * (open_quantity - held)) FILTER (WHERE state IN ('SENDING', 'UNRESOLVED')), 0) AS in_doubt,
       string_agg(DISTINCT trade_id, ', ' ORDER BY trade_id) AS trades
FROM (
    SELECT *, filled - closed AS held, CASE side WHEN 'BUY' THEN 1 ELSE -1 END AS sign
    FROM execution_orders
    WHERE purpose = 'ENTRY' AND open_quantity > 0
) AS entries
GROUP BY firm_code, program_id, contract ->> 'symbol'
ORDER BY firm_code, program_id, contract;
