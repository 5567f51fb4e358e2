-- A role for the service that can add to the audit through the record alone, and alter nothing of it. Run by hand as the
-- owner of the tables, again after each upgrade that brings new tables:
--     DATABASE_URL=<the owner's> python -m database.migrate
--     psql <the owner's> -f database/roles.sql
--     psql <the owner's> -c '\password router_service'
-- Then give the service a DATABASE_URL of router_service. It may not create tables, so the first line comes first at
-- each upgrade. The owner of a table can always drop its triggers: python -m database.audit verify finds what came of it.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'router_service') THEN
        CREATE ROLE router_service LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
    END IF;
END $$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO router_service;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO router_service;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO router_service;
-- It looks up there what was moved; only the owner archives.
GRANT USAGE ON SCHEMA archive TO router_service;
GRANT SELECT ON ALL TABLES IN SCHEMA archive TO router_service;
-- It has months made and hears of rows outside them; it reaches the parts through their whole alone.
GRANT USAGE ON SCHEMA months TO router_service;
GRANT EXECUTE ON FUNCTION months.make_ahead(INTEGER, TIMESTAMPTZ), months.strayed() TO router_service;
-- Only the newest of them are kept.
GRANT DELETE ON refused_webhooks, web_logins, web_forms, login_attempts, router_heartbeats TO router_service;

-- Events come from triggers, which write with the owner's rights.
REVOKE INSERT, UPDATE ON audit_events FROM router_service;
REVOKE UPDATE ON audit_chain FROM router_service;
REVOKE UPDATE ON account_snapshots, account_restarts, rule_sets FROM router_service;
-- Filled and emptied by triggers alone.
REVOKE INSERT, UPDATE ON decided_tasks FROM router_service;
REVOKE UPDATE ON web_keys FROM router_service;
REVOKE INSERT, UPDATE ON archive_batches FROM router_service;
REVOKE INSERT, UPDATE ON schema_migrations FROM router_service;
