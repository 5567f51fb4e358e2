-- What may never be altered afterwards: one event for each fact, written in the fact's own transaction by triggers, and a
-- chain over them that finds what was altered. database/audit.py checks it, database/roles.sql keeps the service itself
-- from altering it. Run accounts.sql and execution_logs_schema.sql first; may be run again.

CREATE TABLE IF NOT EXISTS audit_events (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    kind        TEXT NOT NULL,
    -- The table of the fact, and what in it the fact is about; empty where it is in none.
    source      TEXT,
    subject     TEXT,
    firm_code   TEXT,
    program_id  INTEGER,
    task_id     BIGINT,
    actor       TEXT,
    content     JSONB NOT NULL,
    xact        XID8 NOT NULL DEFAULT pg_current_xact_id()
);
-- What is not sealed yet lies at its end; see audit_horizon.
CREATE INDEX IF NOT EXISTS idx_audit_events_xact ON audit_events (xact, id);
CREATE INDEX IF NOT EXISTS idx_audit_events_task_id ON audit_events (task_id) WHERE task_id IS NOT NULL;

-- Each row seals one event: its digest, and a hash over the row and the hash before it. Written by the sealer, in the
-- order in which events became visible; an event that was committed late has a late position.
CREATE TABLE IF NOT EXISTS audit_chain (
    position      BIGINT PRIMARY KEY CHECK (position > 0),
    event_id      BIGINT NOT NULL UNIQUE,
    event_digest  TEXT NOT NULL,
    hash          TEXT NOT NULL,
    sealed_at     TIMESTAMPTZ NOT NULL
);

-- Every event of an older transaction is sealed: where the sealer begins to look. 0 makes it look at all of them again.
CREATE TABLE IF NOT EXISTS audit_horizon (
    single  BOOLEAN PRIMARY KEY DEFAULT true CHECK (single),
    xact    XID8 NOT NULL
);
INSERT INTO audit_horizon (xact) VALUES ('0') ON CONFLICT DO NOTHING;

CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % refused: the audit is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege', HINT = 'A wrong fact is corrected by a new one.';
END $$;
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_chain
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
-- Also for a session that has set session_replication_role to replica.
ALTER TABLE audit_events ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE audit_chain ENABLE ALWAYS TRIGGER append_only;

-- audit_row(kind, subject column, actor column, columns left out ...): copies each row into an event of that kind. '' is
-- no column. firm_code, program_id and task_id are taken from the row's columns of these names, so that a table with
-- task_id is found by the trade. For each row, after INSERT, UPDATE or DELETE:
--     CREATE OR REPLACE TRIGGER audited AFTER INSERT ON execution_order_events
--         FOR EACH ROW EXECUTE FUNCTION audit_row('ORDER', 'order_id', '', 'raw_answer');
-- content is the row as JSON. After an UPDATE, "before" in it holds the old values of what changed (no event where nothing
-- did); after a DELETE nothing but "before", the whole old row. The check compares each row with its newest event: the
-- table needs a primary key, which must not be left out, and every kind of change that is allowed needs its trigger.
CREATE OR REPLACE FUNCTION audit_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET timezone = 'UTC' SET extra_float_digits = 1 SET bytea_output = 'hex' SET intervalstyle = 'iso_8601' AS $$
DECLARE
    -- NULL where there is none.
    former CONSTANT JSONB := to_jsonb(OLD) - TG_ARGV[3:];
    present CONSTANT JSONB := to_jsonb(NEW) - TG_ARGV[3:];
    known CONSTANT JSONB := COALESCE(present, former);
    changed JSONB;
BEGIN
    IF former IS NOT NULL THEN
        SELECT jsonb_object_agg(o.key, o.value) INTO changed
        FROM jsonb_each(former) o WHERE present -> o.key IS DISTINCT FROM o.value;
        IF changed IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO audit_events (kind, source, subject, firm_code, program_id, task_id, actor, content)
    VALUES (TG_ARGV[0], TG_TABLE_NAME, known ->> TG_ARGV[1], known ->> 'firm_code', (known ->> 'program_id')::integer,
            (known ->> 'task_id')::bigint, known ->> TG_ARGV[2],
            COALESCE(present, '{}')
                || CASE WHEN changed IS NULL THEN '{}' ELSE jsonb_build_object('before', changed) END);
    RETURN NULL;
END $$;

-- A verdict is what was decided; what became of its orders is added to connector_results later and no part of it.
-- Once a statement, not a row: it writes the events of a batch together.
CREATE OR REPLACE FUNCTION audit_verdicts() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO audit_events (kind, source, subject, task_id, content)
    SELECT 'VERDICT', 'execution_logs', l.trade_id, l.task_id, jsonb_build_object(
        'log_id', l.id, 'event_type', l.event_type, 'status', l.status,
        'digest', encode(sha256(convert_to(
            CASE jsonb_typeof(l.response_body) WHEN 'object' THEN l.response_body - ARRAY['connector_results', 'routed']
                 ELSE l.response_body END::text, 'UTF8')), 'hex'),
        'results', COALESCE((
            SELECT jsonb_agg(r) FROM jsonb_to_recordset(
                CASE jsonb_typeof(l.response_body -> 'connector_results')
                     WHEN 'array' THEN l.response_body -> 'connector_results' END)
                AS r (firm_code JSONB, program_id JSONB, status JSONB, approved JSONB, contracts JSONB,
                      blocked_by JSONB)), '[]'))
    FROM inserted l
    WHERE l.status IN ('SUCCESS', 'FAILED')
    ORDER BY l.id;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER audited AFTER INSERT ON execution_logs
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION audit_verdicts();

CREATE OR REPLACE TRIGGER audited AFTER INSERT OR UPDATE ON account_flags
    FOR EACH ROW EXECUTE FUNCTION audit_row('FLAG_SET', 'name', 'set_by');
CREATE OR REPLACE TRIGGER audited_end AFTER DELETE ON account_flags
    FOR EACH ROW EXECUTE FUNCTION audit_row('FLAG_REMOVED', 'name');
CREATE OR REPLACE TRIGGER audited AFTER INSERT ON account_overrides
    FOR EACH ROW EXECUTE FUNCTION audit_row('OVERRIDE_SET', 'id', 'set_by');
CREATE OR REPLACE TRIGGER audited_end AFTER UPDATE ON account_overrides
    FOR EACH ROW WHEN (OLD.withdrawn_at IS NULL AND NEW.withdrawn_at IS NOT NULL)
    EXECUTE FUNCTION audit_row('OVERRIDE_WITHDRAWN', 'id', 'withdrawn_by');
CREATE OR REPLACE TRIGGER audited AFTER INSERT ON account_restarts
    FOR EACH ROW EXECUTE FUNCTION audit_row('ACCOUNT_RESTARTED', 'life', 'set_by');
CREATE OR REPLACE TRIGGER audited AFTER INSERT ON rule_sets
    FOR EACH ROW EXECUTE FUNCTION audit_row('RULE_SET_FIRST_USED', 'id');

-- They write with the owner's rights, so that the service itself needs none on audit_events (database/roles.sql). So they
-- look for tables nowhere else than here: not among temporary ones, and nobody hangs them on a table of his own.
DO $$
DECLARE
    name TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['audit_row()', 'audit_verdicts()'] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path TO %I, pg_temp', name, current_schema());
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', name);
    END LOOP;
END $$;

-- Where the audit begins: the logs up to now have no event, what the small tables hold gets one.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM audit_events) THEN
        PERFORM set_config('timezone', 'UTC', true);
        INSERT INTO audit_events (kind, content)
        SELECT 'AUDIT_BEGAN', jsonb_build_object('last_log_id', COALESCE(max(id), 0)) FROM execution_logs;
        INSERT INTO audit_events (kind, source, subject, firm_code, program_id, actor, content)
        SELECT 'FOUND_AT_START', 'account_flags', name, firm_code, program_id, set_by, to_jsonb(t)
        FROM account_flags t
        UNION ALL
        SELECT 'FOUND_AT_START', 'account_overrides', id::text, firm_code, program_id, set_by, to_jsonb(t)
        FROM account_overrides t
        UNION ALL
        SELECT 'FOUND_AT_START', 'account_restarts', life::text, firm_code, program_id, set_by, to_jsonb(t)
        FROM account_restarts t
        UNION ALL
        SELECT 'FOUND_AT_START', 'rule_sets', id, NULL, NULL, NULL, to_jsonb(t)
        FROM rule_sets t;
    END IF;
END $$;
