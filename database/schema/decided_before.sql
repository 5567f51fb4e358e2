-- What was decided before the fence was there, and the proof that the tables hold nothing later than they say. Nobody
-- waits for it, however long it takes. Run decided_tasks.sql first; may be run again.

SET LOCAL statement_timeout = 0;

INSERT INTO decided_tasks SELECT task_id FROM execution_logs WHERE status = 'SUCCESS' ON CONFLICT DO NOTHING;

DO $$
DECLARE
    name TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['execution_logs', 'account_snapshots'] LOOP
        IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = name::regclass AND conname = 'before_months') THEN
            EXECUTE format('ALTER TABLE %I VALIDATE CONSTRAINT before_months', name);
        END IF;
    END LOOP;
END $$;
