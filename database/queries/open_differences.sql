-- Where does a venue hold something else than the ledger says, in lots, and what could be done?
SELECT id, firm_code AS firm, program_id AS program, kind, symbol, ledger_quantity, venue_quantity, proposal, details,
       found_at, seen_at
FROM order_differences
WHERE settled_at IS NULL
ORDER BY found_at, id;
