-- What is looked at to find the exits whose turn it is. Run orders.sql first; may be run again.

-- Mostly none waits, and that is seen without a look at the entries that do.
CREATE INDEX IF NOT EXISTS idx_execution_orders_waiting_exits ON execution_orders (firm_code, program_id, id)
    WHERE state = 'PLANNED' AND purpose = 'EXIT';
