-- name: ledger_positions
-- What an account holds by the ledger, in the venue's lots, and whether anything of a contract is under way.
SELECT contract ->> 'symbol' AS symbol,
       sum(CASE WHEN purpose = 'ENTRY' AND state IN ('FILLED', 'CANCELLED')
                THEN (CASE side WHEN 'BUY' THEN 1 ELSE -1 END) * open_quantity * (contract ->> 'lots')::numeric
                ELSE 0 END) AS quantity,
       bool_or(state IN ('SENDING', 'UNRESOLVED', 'ACCEPTED', 'PARTIALLY_FILLED')
               OR updated_at > clock_timestamp() - make_interval(secs => %(settling)s)) AS under_way,
       COALESCE(json_agg(json_build_object('trade_id', trade_id, 'open', open_quantity) ORDER BY id)
                FILTER (WHERE open_quantity > 0), '[]') AS trades
FROM execution_orders
WHERE firm_code = %(firm_code)s AND program_id = %(program_id)s
  AND (open_quantity > 0 OR state IN ('SENDING', 'UNRESOLVED', 'ACCEPTED', 'PARTIALLY_FILLED')
       OR updated_at > clock_timestamp() - make_interval(secs => %(settling)s))
GROUP BY contract ->> 'symbol'

-- name: known_order_names
SELECT client_order_id FROM execution_orders WHERE client_order_id = ANY(%(names)s)

-- name: reconciled
-- What is seen is listed once; what is not seen any more is gone; what a person has accepted stays accepted while it
-- is the same.
WITH seen AS (
    SELECT * FROM json_to_recordset(%(differences)s::json) AS d (
        kind TEXT, symbol TEXT, ledger_quantity NUMERIC, venue_quantity NUMERIC, proposal TEXT, details JSONB)
), accepted AS (
    SELECT DISTINCT ON (kind, symbol) kind, symbol, ledger_quantity, venue_quantity
    FROM order_differences
    WHERE firm_code = %(firm_code)s AND program_id = %(program_id)s AND settled_how = 'ACCEPTED'
    ORDER BY kind, symbol, id DESC
), news AS (
    SELECT s.*
    FROM seen s
    LEFT JOIN accepted a USING (kind, symbol, ledger_quantity, venue_quantity)
    WHERE a.kind IS NULL
), listed AS (
    INSERT INTO order_differences AS known (
        firm_code, program_id, kind, symbol, ledger_quantity, venue_quantity, proposal, details)
    SELECT %(firm_code)s, %(program_id)s, n.* FROM news n
    ON CONFLICT (firm_code, program_id, kind, symbol) WHERE settled_at IS NULL DO UPDATE SET
        seen_at = clock_timestamp(), ledger_quantity = EXCLUDED.ledger_quantity,
        venue_quantity = EXCLUDED.venue_quantity, proposal = EXCLUDED.proposal, details = EXCLUDED.details
    RETURNING id, xmax = 0 AS is_new
), gone AS (
    UPDATE order_differences d
    SET settled_at = clock_timestamp(), settled_by = %(worker)s, settled_how = 'GONE'
    WHERE d.firm_code = %(firm_code)s AND d.program_id = %(program_id)s AND d.settled_at IS NULL
      AND NOT EXISTS (SELECT FROM news n WHERE n.kind = d.kind AND n.symbol = d.symbol)
), account AS (
    INSERT INTO order_accounts AS known (firm_code, program_id, reconciled_at, reconciled_by)
    VALUES (%(firm_code)s, %(program_id)s, clock_timestamp(), %(worker)s)
    ON CONFLICT (firm_code, program_id) DO UPDATE SET
        reconciled_at = EXCLUDED.reconciled_at, reconciled_by = EXCLUDED.reconciled_by, reconcile_error = NULL
)
SELECT count(*) FILTER (WHERE is_new) AS new FROM listed

-- name: reconcile_failed
UPDATE order_accounts SET reconcile_error = %(error)s
WHERE firm_code = %(firm_code)s AND program_id = %(program_id)s

-- name: out_of_sync
-- Accounts that hold more at their venue than the ledger says: what they risk is not known.
SELECT firm_code, program_id, min(symbol) AS symbol, min(found_at) AS since
FROM order_differences
WHERE settled_at IS NULL AND kind IN ('POSITION_WITHOUT_TRADE', 'DIFFERENT_SIZE')
  AND (abs(venue_quantity) > abs(ledger_quantity) OR sign(venue_quantity) <> sign(ledger_quantity))
GROUP BY firm_code, program_id
