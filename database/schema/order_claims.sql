-- What is looked at to claim an entry. Run orders.sql and accounts.sql first; may be run again.

-- The next entry of each account is found without a look at all that waits.
CREATE INDEX IF NOT EXISTS idx_execution_orders_next_entry ON execution_orders (firm_code, program_id, id)
    WHERE state = 'PLANNED' AND purpose = 'ENTRY';

-- Why an entry must not be sent any more, NULL while it may be: halted, paused, of a trade that is being closed, too old.
-- As a table of one row, because such a function becomes part of the statement that calls it.
CREATE OR REPLACE FUNCTION entry_obstacle(firm TEXT, program INTEGER, trade TEXT, until TIMESTAMPTZ)
RETURNS TABLE (cause TEXT) LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN EXISTS (
            SELECT FROM trading_halts h
            WHERE h.released_at IS NULL AND (h.firm_code IS NULL OR h.firm_code = firm)
              AND (h.program_id IS NULL OR h.program_id = program)) THEN 'TRADING_HALTED'
        WHEN EXISTS (
            SELECT FROM account_flags f
            WHERE f.firm_code = firm AND f.program_id = program
              AND f.name IN ('paused', 'halted', 'reduce_only') AND f.value NOT IN ('false', 'null')
        ) THEN 'ACCOUNT_PAUSED'
        WHEN EXISTS (
            SELECT FROM execution_orders x
            WHERE x.trade_id = trade AND x.firm_code = firm AND x.program_id = program AND x.purpose = 'EXIT'
        ) THEN 'TRADE_CLOSED'
        WHEN until <= clock_timestamp() AND EXISTS (
            SELECT FROM execution_orders x
            WHERE x.firm_code = firm AND x.program_id = program AND x.state = 'UNRESOLVED'
        ) THEN 'ACCOUNT_UNRESOLVED'
        WHEN until <= clock_timestamp() THEN 'SIGNAL_EXPIRED'
    END
$$;
