-- How the record is kept small and quick to read as it grows: indexes and autovacuum. docs/decisions.md has the figures.
-- Run all files before it first; may be run again.

-- Exits and updates of unknown trades are few among millions of signals.
CREATE INDEX IF NOT EXISTS idx_automated_signals_unknown_trade ON automated_signals (received_at DESC, id DESC)
    WHERE unknown_trade;

-- Orders that never left, dealt with or not.
CREATE INDEX IF NOT EXISTS idx_execution_orders_not_sent ON execution_orders (id) WHERE state = 'NOT_SENT';
DROP INDEX IF EXISTS idx_execution_orders_dead;

-- By default a table is vacuumed when a fifth of it is new or dead: with two million rows after hundreds of thousands,
-- and until then whoever counts rows looks at each new one itself. A hundredth keeps that short at any size.
ALTER TABLE execution_tasks SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.01);
ALTER TABLE automated_signals SET (autovacuum_vacuum_insert_scale_factor = 0.01);
ALTER TABLE audit_events SET (autovacuum_vacuum_insert_scale_factor = 0.01);
ALTER TABLE audit_chain SET (autovacuum_vacuum_insert_scale_factor = 0.01);
DO $$
BEGIN
    -- In months each part has it from the one before.
    IF EXISTS (SELECT FROM pg_class WHERE oid = 'execution_logs'::regclass AND relkind = 'r') THEN
        ALTER TABLE execution_logs
            SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.01);
    END IF;
END $$;
