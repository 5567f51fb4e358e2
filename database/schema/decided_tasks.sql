-- The last fence against a task that is decided twice, kept apart from the logs: those lie in a table a month, where an
-- index can say only what is unique within a month. Each SUCCESS log, however it comes in, takes its task's one row
-- here, in the same transaction; a second one is refused. Run all files before it first; may be run again.
--
-- This and the next two files are applied in three transactions, so that nobody who stores signals or decides waits for
-- longer than a moment: here what has to hold from now on is declared, decided_before.sql proves it for what is there,
-- and months.sql then only changes names.

SET LOCAL lock_timeout = '500ms';

CREATE TABLE IF NOT EXISTS decided_tasks (
    task_id            BIGINT CONSTRAINT decided_once PRIMARY KEY
);

CREATE OR REPLACE FUNCTION decide_once() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO decided_tasks SELECT task_id FROM inserted WHERE status = 'SUCCESS';
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION decide_once_by_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO decided_tasks VALUES (NEW.task_id);
    RETURN NULL;
END $$;
-- The row goes with its task, not with its log: a task whose log was deleted stays decided.
CREATE OR REPLACE FUNCTION forget_decided() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM decided_tasks;
    ELSE
        DELETE FROM decided_tasks d USING gone g WHERE d.task_id = g.id;
    END IF;
    RETURN NULL;
END $$;

-- They write with the owner's rights, so that the service needs none on the fence; see audit.sql.
DO $$
DECLARE
    name TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['decide_once()', 'decide_once_by_change()', 'forget_decided()'] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path TO %I, pg_temp', name, current_schema());
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', name);
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'router_service') THEN
        GRANT SELECT ON decided_tasks TO router_service;
    END IF;
END $$;

-- Until when the tables that are there keep what comes: the end of the month, or of the next one where the end is near,
-- so that a migration which has to begin anew is not overtaken by it. What a wrong clock wrote later is kept there, too.
-- Locks are taken once what takes time is over, and in the order in which a decision takes them.
DO $$
DECLARE
    divided RECORD;
    newest TIMESTAMPTZ;
    bounds TEXT[] := '{}';
    bound TEXT;
BEGIN
    PERFORM set_config('timezone', 'UTC', true);
    FOR divided IN
        SELECT d.name, d.moment
        FROM (VALUES ('execution_logs', 'created_at'), ('account_snapshots', 'observed_at')) AS d (name, moment)
        JOIN pg_class c ON c.oid = d.name::regclass AND c.relkind = 'r'
        WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = c.oid AND conname = 'before_months')
    LOOP
        EXECUTE format('SELECT max(%I) FROM %I', divided.moment, divided.name) INTO newest;
        bounds := bounds || format(
            'ALTER TABLE %I ADD CONSTRAINT before_months CHECK (%I < %L) NOT VALID', divided.name, divided.moment,
            date_trunc('month', GREATEST(now() + interval '3 days', newest)) + interval '1 month');
    END LOOP;
    IF bounds <> '{}' THEN
        LOCK TABLE execution_tasks IN SHARE ROW EXCLUSIVE MODE;
        LOCK TABLE execution_logs, account_snapshots IN ACCESS EXCLUSIVE MODE;
    END IF;
    FOREACH bound IN ARRAY bounds LOOP
        EXECUTE bound;
    END LOOP;
END $$;

-- Once a statement, not a row: a batch takes its rows together.
CREATE OR REPLACE TRIGGER decided_once AFTER INSERT ON execution_logs
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION decide_once();
CREATE OR REPLACE TRIGGER decided_once_by_change AFTER UPDATE OF status, task_id ON execution_logs
    FOR EACH ROW WHEN (NEW.status = 'SUCCESS' AND (OLD.status, OLD.task_id) IS DISTINCT FROM (NEW.status, NEW.task_id))
    EXECUTE FUNCTION decide_once_by_change();
CREATE OR REPLACE TRIGGER forget_decided AFTER DELETE ON execution_tasks
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION forget_decided();
CREATE OR REPLACE TRIGGER forget_all_decided AFTER TRUNCATE ON execution_tasks
    FOR EACH STATEMENT EXECUTE FUNCTION forget_decided();
