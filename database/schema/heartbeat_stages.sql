-- How long the stages of a process's work took, counted in classes since it began: a worker has no port of its own, so any
-- web process tells it for all. May be run again.
ALTER TABLE router_heartbeats ADD COLUMN IF NOT EXISTS stages JSONB NOT NULL DEFAULT '{}';
