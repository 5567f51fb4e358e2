-- name: server_major
SELECT current_setting('server_version_num')::integer / 10000 AS major, current_database() AS name

-- name: table_sizes
SELECT n.nspname || '.' || c.relname AS name, pg_table_size(c.oid) AS bytes
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'

-- name: what_is_there
-- Whether anything lies in the database, and how much.
SELECT count(*) AS relations, COALESCE(sum(GREATEST(c.reltuples, 0)), 0)::bigint AS about_rows
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')

-- name: schemas_there
SELECT quote_ident(nspname) AS name
FROM pg_namespace
WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
ORDER BY nspname

-- name: who_is_connected
SELECT pid, COALESCE(NULLIF(application_name, ''), 'a program without a name') AS name
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
ORDER BY pid

-- name: disconnect_others
SELECT count(pg_terminate_backend(pid)) AS ended
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()

-- name: roles_there
SELECT rolname AS name FROM pg_roles

-- name: last_restore
SELECT a.halt_id, a.at, a.details FROM operator_acts a WHERE a.act = 'RESTORE' ORDER BY a.id DESC LIMIT 1

-- name: legs_set_aside
SELECT * FROM execution_orders WHERE cause = 'RESTORED' ORDER BY id
