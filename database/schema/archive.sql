-- Where finished work goes when it is old: tables of the same columns as those it came from, so that a question asked of
-- the record can be asked of the archive (SET search_path = archive, public). database/archive.py moves; the audit goes
-- on covering what was moved. Run all files before it first; may be run again. A column that is added to one of the
-- four tables later has to be added here, too.

CREATE SCHEMA IF NOT EXISTS archive;

CREATE TABLE IF NOT EXISTS archive.execution_tasks (LIKE public.execution_tasks, PRIMARY KEY (id));
CREATE INDEX IF NOT EXISTS idx_archived_tasks_trade_id ON archive.execution_tasks (trade_id);
CREATE TABLE IF NOT EXISTS archive.execution_logs (LIKE public.execution_logs, PRIMARY KEY (id));
CREATE INDEX IF NOT EXISTS idx_archived_logs_task_id ON archive.execution_logs (task_id);
-- A delivery of an event that is here is a repeat, for ever: it makes no second task.
CREATE TABLE IF NOT EXISTS archive.automated_signals (
    LIKE public.automated_signals, PRIMARY KEY (id), UNIQUE (event_key));
CREATE INDEX IF NOT EXISTS idx_archived_signals_trade_id ON archive.automated_signals (trade_id);
CREATE TABLE IF NOT EXISTS archive.decision_facts (LIKE public.decision_facts, PRIMARY KEY (task_id));

-- What those ask who store a signal or claim a task. As functions, because a plan of its own for each would cost every
-- delivery a tenth more.
CREATE OR REPLACE FUNCTION archive.has_event(key TEXT) RETURNS BOOLEAN LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM archive.automated_signals a WHERE a.event_key = key);
END $$;
CREATE OR REPLACE FUNCTION archive.has_entry(trade TEXT) RETURNS BOOLEAN LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM archive.automated_signals a WHERE a.trade_id = trade AND a.lifecycle = 'ENTRY');
END $$;
CREATE OR REPLACE FUNCTION archive.has_exit(trade TEXT) RETURNS BOOLEAN LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM archive.execution_tasks a WHERE a.trade_id = trade AND a.event_type = 'EXIT');
END $$;

-- Each step of the archive in the audit: which tasks were moved into it, and which were dropped from it for good.
CREATE TABLE IF NOT EXISTS archive_batches (
    id                 BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at                 TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    kind               TEXT NOT NULL CHECK (kind IN ('MOVED', 'DROPPED')),
    -- What had been finished before this.
    older_than         TIMESTAMPTZ NOT NULL,
    tasks              INTEGER NOT NULL,
    logs               INTEGER NOT NULL,
    -- Signals are never dropped.
    signals            INTEGER NOT NULL,
    facts              INTEGER NOT NULL,
    task_ids           INT8MULTIRANGE NOT NULL,
    by                 TEXT NOT NULL DEFAULT session_user
);
CREATE INDEX IF NOT EXISTS idx_archive_batches_task_ids ON archive_batches USING gist (task_ids);
CREATE OR REPLACE TRIGGER audited AFTER INSERT ON archive_batches
    FOR EACH ROW EXECUTE FUNCTION audit_row('ARCHIVED', 'kind', 'by');

-- What keeps a trade out of the archive; NULL where nothing does. Whole trades are moved, never parts of them.
CREATE OR REPLACE FUNCTION archive.kept_because(trade TEXT, older_than TIMESTAMPTZ) RETURNS TEXT LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN EXISTS (SELECT FROM public.execution_tasks t WHERE t.trade_id = trade AND t.finished_at IS NULL)
            THEN 'it has a task that is not finished'
        WHEN EXISTS (
            SELECT FROM public.execution_orders o
            WHERE o.trade_id = trade AND (
                o.open_quantity > 0 OR o.state IN ('PLANNED', 'SENDING', 'UNRESOLVED', 'ACCEPTED', 'PARTIALLY_FILLED')))
            THEN 'it has a position or an order that is open or unresolved'
        WHEN EXISTS (
            SELECT FROM public.execution_tasks t
            WHERE t.trade_id = trade AND t.status = 'FAILED' AND t.dealt_with_at IS NULL)
            OR EXISTS (
            SELECT FROM public.execution_orders o
            WHERE o.trade_id = trade AND o.state = 'NOT_SENT' AND o.dealt_with_at IS NULL AND NOT EXISTS (
                SELECT FROM public.execution_orders n
                WHERE n.task_id = o.task_id AND n.firm_code = o.firm_code AND n.program_id = o.program_id
                  AND n.purpose = o.purpose AND n.leg > o.leg))
            THEN 'it has a dead letter that nobody has dealt with'
        WHEN EXISTS (SELECT FROM public.execution_tasks t WHERE t.trade_id = trade AND t.finished_at >= older_than)
            OR EXISTS (SELECT FROM public.automated_signals s WHERE s.trade_id = trade AND s.received_at >= older_than)
            OR EXISTS (SELECT FROM public.execution_orders o WHERE o.trade_id = trade AND o.updated_at >= older_than)
            THEN 'something of it is younger'
        WHEN EXISTS (
            SELECT FROM public.automated_signals s JOIN public.refused_webhooks r ON r.signal_id = s.id
            WHERE s.trade_id = trade)
            THEN 'a refused body contradicts its signal'
    END $$;

-- Looked for by each signal that is moved.
CREATE INDEX IF NOT EXISTS idx_refused_webhooks_signal_id ON refused_webhooks (signal_id) WHERE signal_id IS NOT NULL;

-- The ledger stays where it is, whole, and so does what persons did; both go on naming tasks that were moved.
ALTER TABLE execution_orders DROP CONSTRAINT IF EXISTS execution_orders_task_id_fkey;
ALTER TABLE operator_acts DROP CONSTRAINT IF EXISTS operator_acts_task_id_fkey;

CREATE OR REPLACE FUNCTION order_has_a_task() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM execution_tasks WHERE id = NEW.task_id FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'an order needs a task, and there is no task %', NEW.task_id
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER order_has_a_task AFTER INSERT ON execution_orders
    FOR EACH ROW EXECUTE FUNCTION order_has_a_task();

CREATE OR REPLACE FUNCTION task_with_orders_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM execution_orders WHERE task_id = OLD.id)
       AND NOT EXISTS (SELECT FROM archive.execution_tasks WHERE id = OLD.id)
    THEN
        RAISE EXCEPTION 'task % has orders: it may be archived, not deleted', OLD.id
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER task_with_orders_stays AFTER DELETE ON execution_tasks
    FOR EACH ROW EXECUTE FUNCTION task_with_orders_stays();

-- The service reads the archive wherever it asks whether something was there before; it changes nothing of it. Here and
-- not in roles.sql alone, because without it the service could claim no task.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'router_service') THEN
        GRANT USAGE ON SCHEMA archive TO router_service;
        GRANT SELECT ON ALL TABLES IN SCHEMA archive TO router_service;
        GRANT SELECT ON archive_batches TO router_service;
    END IF;
END $$;
