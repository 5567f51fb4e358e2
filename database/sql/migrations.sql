-- name: lock_schema
-- One process at a time; the number is any, as long as nothing else locks it.
SELECT pg_advisory_xact_lock(705419230117)

-- name: find_schema_migrations
SELECT to_regclass('schema_migrations') IS NOT NULL AS found

-- name: create_schema_migrations
CREATE TABLE schema_migrations (
    name       TEXT PRIMARY KEY,
    digest     TEXT NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
)

-- name: applied_migrations
SELECT name, digest FROM schema_migrations

-- name: remember_migration
INSERT INTO schema_migrations (name, digest) VALUES (%(name)s, %(digest)s)
