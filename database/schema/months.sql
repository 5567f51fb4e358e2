-- execution_logs and account_snapshots lie in a table a month, by UTC, in the schema months: a month that nobody needs any
-- more goes as a whole. Each has
--     <table>_before      what was there when this file was applied, and whatever is older than the first month
--     <table>_2026_12     a month; made ahead, at least two of them
--     <table>_outside     what belongs into none of them, so that nothing is ever refused; it should be empty
-- Ask the tables by their old names; python -m database.archive drops months. Run decided_before.sql first; may be run
-- again.

SET LOCAL lock_timeout = '500ms';

CREATE SCHEMA IF NOT EXISTS months;

-- Which tables lie in months, and by which of their columns.
CREATE OR REPLACE FUNCTION months.divided() RETURNS TABLE (name TEXT, moment TEXT) LANGUAGE sql IMMUTABLE AS $$
    VALUES ('execution_logs', 'created_at'), ('account_snapshots', 'observed_at')
$$;

CREATE OR REPLACE VIEW months.parts AS
SELECT p.relname AS divided, c.relname AS name, bound.text = 'DEFAULT' AS outside,
       substring(bound.text FROM 'FROM \(''([^'']+)''\)')::timestamptz AS since,
       substring(bound.text FROM 'TO \(''([^'']+)''\)')::timestamptz AS until,
       pg_total_relation_size(c.oid) AS bytes, c.oid AS part
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid
JOIN pg_class p ON p.oid = i.inhparent
JOIN months.divided() d ON p.oid = to_regclass('public.' || d.name)
CROSS JOIN LATERAL (SELECT pg_get_expr(c.relpartbound, c.oid)) AS bound (text);

-- What a table of a month needs besides what the whole gives it, once it is attached: its own triggers for rows that
-- somebody writes into it directly.
CREATE OR REPLACE FUNCTION months.guard(divided TEXT, part TEXT) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
    definition TEXT;
BEGIN
    FOR definition IN
        SELECT replace(pg_get_triggerdef(oid), format(' ON public.%I ', divided), format(' ON months.%I ', part))
        FROM pg_trigger
        WHERE tgrelid = format('public.%I', divided)::regclass AND NOT tgisinternal AND tgtype & 1 = 0
    LOOP
        EXECUTE regexp_replace(definition, '^CREATE TRIGGER', 'CREATE OR REPLACE TRIGGER');
    END LOOP;
END $$;

-- Make one month's table like the one outside, move in what lies there of it, and attach it.
CREATE OR REPLACE FUNCTION months.make(divided TEXT, moment TEXT, since TIMESTAMPTZ) RETURNS TEXT LANGUAGE plpgsql
SET timezone = 'UTC' AS $$
DECLARE
    until CONSTANT TIMESTAMPTZ := since + interval '1 month';
    part CONSTANT TEXT := divided || to_char(since, '_YYYY_MM');
    options TEXT;
BEGIN
    EXECUTE format('CREATE TABLE months.%I (LIKE months.%I INCLUDING ALL EXCLUDING IDENTITY)', part, divided || '_outside');
    SELECT array_to_string(reloptions, ', ') INTO options
    FROM pg_class WHERE oid = format('months.%I', divided || '_outside')::regclass;
    IF options IS NOT NULL THEN
        EXECUTE format('ALTER TABLE months.%I SET (%s)', part, options);
    END IF;
    EXECUTE format('LOCK TABLE months.%I IN ACCESS EXCLUSIVE MODE', divided || '_outside');
    EXECUTE format('WITH gone AS (DELETE FROM months.%I WHERE %3$I >= %4$L AND %3$I < %5$L RETURNING *)
                    INSERT INTO months.%2$I SELECT * FROM gone', divided || '_outside', part, moment, since, until);
    EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION months.%I FOR VALUES FROM (%L) TO (%L)',
                   divided, part, since, until);
    PERFORM months.guard(divided, part);
    RETURN part;
END $$;

-- Make the months up to ``ahead`` after the running one that are not there, and return their names. Whoever works is not
-- made to wait: where a lock is not to be had in a moment nothing is made, and NULL alone returned.
CREATE OR REPLACE FUNCTION months.make_ahead(ahead INTEGER, today TIMESTAMPTZ DEFAULT now()) RETURNS SETOF TEXT
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET lock_timeout = '200ms'
AS $$
DECLARE
    last CONSTANT TIMESTAMPTZ := date_trunc('month', today) + make_interval(months => ahead);
    made TEXT[] := '{}';
    missing RECORD;
BEGIN
    FOR missing IN
        SELECT d.name, d.moment, m.since
        FROM months.divided() d
        CROSS JOIN LATERAL (SELECT max(until) AS until FROM months.parts p WHERE p.divided = d.name) known
        CROSS JOIN LATERAL generate_series(known.until, last, interval '1 month') AS m (since)
        ORDER BY d.name, m.since
    LOOP
        -- First what attaching takes last: a decision takes it first, too.
        LOCK TABLE public.execution_tasks IN SHARE ROW EXCLUSIVE MODE;
        made := made || months.make(missing.name, missing.moment, missing.since);
    END LOOP;
    RETURN QUERY SELECT unnest(made);
EXCEPTION WHEN lock_not_available OR deadlock_detected OR duplicate_table THEN
    -- Somebody works, or makes the same month; nothing of it is kept.
    RETURN NEXT NULL;
END $$;

-- Return the space of months that ended before ``older_than`` and in which nothing is left; with ``filled`` also of those
-- that still hold something. The oldest ones go, and <table>_before stands for their time; one behind an older one that
-- stays is only emptied. Returns their names; NULL alone where somebody was in the way and nothing was done.
CREATE OR REPLACE FUNCTION months.drop_before(whole TEXT, older_than TIMESTAMPTZ, filled BOOLEAN) RETURNS SETOF TEXT
LANGUAGE plpgsql SET timezone = 'UTC' SET lock_timeout = '200ms' AS $$
DECLARE
    before CONSTANT TEXT := whole || '_before';
    reaches TIMESTAMPTZ;
    gone TEXT[] := '{}';
    oldest BOOLEAN := true;
    rest BOOLEAN;
    old RECORD;
BEGIN
    IF filled AND whole <> 'account_snapshots' THEN
        RAISE EXCEPTION 'months of % go when they are empty: what is left there was not archived', whole;
    END IF;
    -- Detaching and attaching take it last, because of the foreign key; a decision takes it first.
    LOCK TABLE public.execution_tasks IN ACCESS EXCLUSIVE MODE;
    FOR old IN
        SELECT * FROM months.parts p
        WHERE p.divided = whole AND until <= LEAST(older_than, date_trunc('month', now()))
        ORDER BY until
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM months.%I)', old.name) INTO rest;
        IF rest AND NOT filled THEN
            oldest := false;
            CONTINUE;
        END IF;
        EXECUTE format('LOCK TABLE months.%I IN ACCESS EXCLUSIVE MODE', old.name);
        -- Again, now that nobody can add to it.
        EXECUTE format('SELECT EXISTS (SELECT FROM months.%I)', old.name) INTO rest;
        IF rest AND NOT filled THEN
            oldest := false;
        ELSIF old.name = before OR NOT oldest THEN
            IF pg_relation_size(old.part) > 0 THEN
                EXECUTE format('TRUNCATE months.%I', old.name);
                gone := gone || old.name::text;
            END IF;
        ELSE
            EXECUTE format('DROP TABLE months.%I', old.name);
            reaches := old.until;
            gone := gone || old.name::text;
        END IF;
    END LOOP;
    IF reaches IS NOT NULL THEN
        EXECUTE format('ALTER TABLE public.%I DETACH PARTITION months.%I', whole, before);
        EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION months.%I FOR VALUES FROM (MINVALUE) TO (%L)',
                       whole, before, reaches);
    END IF;
    RETURN QUERY SELECT unnest(gone);
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
    RETURN NEXT NULL;
END $$;

-- Put a table that is not divided yet under the name of its first part, and the whole in its place: with the same
-- columns, checks, indexes, foreign keys, triggers, rights and views. No row is read. A unique index that does not hold
-- the column by which the table is divided stays with each part and says what is unique within it.
CREATE OR REPLACE FUNCTION months.divide(divided TEXT, moment TEXT) RETURNS VOID LANGUAGE plpgsql
SET timezone = 'UTC' AS $$
DECLARE
    old CONSTANT REGCLASS := format('public.%I', divided)::regclass;
    before CONSTANT TEXT := divided || '_before';
    outside CONSTANT TEXT := divided || '_outside';
    bound CONSTANT TEXT := (
        SELECT substring(pg_get_constraintdef(oid) FROM $r$< '([^']+)'$r$) FROM pg_constraint
        WHERE conrelid = old AND conname = 'before_months' AND convalidated);
    key RECORD;
    next_key BIGINT;
    options TEXT;
    again TEXT[];
    views TEXT[];
    statement TEXT;
    name TEXT;
BEGIN
    SELECT array_agg(text ORDER BY place) INTO again FROM (
        SELECT 1 AS place, pg_get_indexdef(indexrelid) AS text
        FROM pg_index WHERE indrelid = old AND NOT indisunique
        UNION ALL
        SELECT 2, format('ALTER TABLE public.%I ADD CONSTRAINT %I %s', divided, c.conname, pg_get_constraintdef(c.oid))
        FROM pg_constraint c
        WHERE c.conrelid = old AND (c.contype = 'f' OR (c.contype = 'u' AND EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = old AND attname = moment AND attnum = ANY (c.conkey))))
        UNION ALL
        SELECT 3, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = old AND NOT tgisinternal
        UNION ALL
        SELECT 4, format('GRANT %s ON public.%I TO %s', a.privilege_type, divided,
                         COALESCE(quote_ident(r.rolname), 'PUBLIC'))
        FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
        WHERE c.oid = old AND a.grantee <> c.relowner
        UNION ALL
        SELECT 5, format('ALTER TABLE public.%I OWNER TO %I', divided, r.rolname)
        FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.oid = old AND r.rolname <> current_user
    ) parts;
    SELECT array_agg(format('CREATE OR REPLACE VIEW %s%s AS %s', v.oid::regclass,
                            ' WITH (' || array_to_string(v.reloptions, ', ') || ')', pg_get_viewdef(v.oid))) INTO views
    FROM pg_class v
    WHERE v.relkind = 'v' AND v.oid IN (
        SELECT w.ev_class FROM pg_depend d JOIN pg_rewrite w ON w.oid = d.objid
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = old);
    SELECT a.attname, CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END AS kind,
           pg_get_serial_sequence(old::text, a.attname) AS sequence
    INTO key FROM pg_attribute a WHERE a.attrelid = old AND a.attidentity <> '';
    EXECUTE format('SELECT last_value + CASE WHEN is_called THEN 1 ELSE 0 END FROM %s', key.sequence) INTO next_key;
    SELECT array_to_string(reloptions, ', ') INTO options FROM pg_class WHERE oid = old;

    EXECUTE format('ALTER TABLE public.%I ALTER %I DROP IDENTITY', divided, key.attname);
    -- Those of rows come back to it from the whole, those of statements stay.
    FOR name IN SELECT tgname FROM pg_trigger WHERE tgrelid = old AND NOT tgisinternal AND tgtype & 1 = 1 LOOP
        EXECUTE format('DROP TRIGGER %I ON public.%I', name, divided);
    END LOOP;
    EXECUTE format('ALTER TABLE public.%I SET SCHEMA months', divided);
    EXECUTE format('ALTER TABLE months.%I RENAME TO %I', divided, before);

    -- The one outside is the pattern of each month's; the whole is like it, but for the indexes.
    EXECUTE format('CREATE TABLE months.%I (LIKE months.%I INCLUDING ALL)', outside, before);
    EXECUTE format('ALTER TABLE months.%I DROP CONSTRAINT before_months', outside);
    IF options IS NOT NULL THEN
        EXECUTE format('ALTER TABLE months.%I SET (%s)', outside, options);
    END IF;
    EXECUTE format('CREATE TABLE public.%I (LIKE months.%I INCLUDING ALL EXCLUDING INDEXES) PARTITION BY RANGE (%I)',
                   divided, outside, moment);
    EXECUTE format('ALTER TABLE public.%I ALTER %I ADD GENERATED %s AS IDENTITY (SEQUENCE NAME %s START WITH %s)',
                   divided, key.attname, key.kind, key.sequence, next_key);
    FOREACH statement IN ARRAY again || views LOOP
        EXECUTE statement;
    END LOOP;
    EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION months.%I DEFAULT', divided, outside);
    PERFORM months.guard(divided, outside);
    EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION months.%I FOR VALUES FROM (MINVALUE) TO (%L)',
                   divided, before, bound);
    EXECUTE format('ALTER TABLE months.%I DROP CONSTRAINT before_months', before);
END $$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_class c JOIN months.divided() d ON c.oid = to_regclass('public.' || d.name)
               WHERE c.relkind = 'r') THEN
        -- In the order in which a decision takes them; the foreign key's triggers are remade.
        LOCK TABLE execution_tasks, execution_logs, account_snapshots IN ACCESS EXCLUSIVE MODE;
        PERFORM months.divide(name, moment) FROM months.divided();
        PERFORM months.make_ahead(3);
        -- Under the name by which it always was known.
        ALTER TABLE decided_tasks RENAME CONSTRAINT decided_once TO one_success_per_task;
    END IF;
END $$;

-- The tables that hold something outside their months: no month was made for it, or somebody's clock is wrong.
CREATE OR REPLACE FUNCTION months.strayed() RETURNS TABLE (divided TEXT, moment TIMESTAMPTZ)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'execution_logs', created_at FROM (
        SELECT created_at FROM months.execution_logs_outside ORDER BY created_at DESC LIMIT 1) l
    UNION ALL
    SELECT 'account_snapshots', observed_at FROM (SELECT observed_at FROM months.account_snapshots_outside LIMIT 1) s
$$;

-- The service has months made and hears of what strayed; it reaches no part but through the whole.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA months FROM PUBLIC;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'router_service') THEN
        GRANT USAGE ON SCHEMA months TO router_service;
        GRANT EXECUTE ON FUNCTION months.make_ahead(INTEGER, TIMESTAMPTZ), months.strayed() TO router_service;
    END IF;
END $$;
