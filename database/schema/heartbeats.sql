-- Which processes run: each writes its row every few seconds, and the rows of those long gone are taken away. May be run
-- again.
CREATE TABLE IF NOT EXISTS router_heartbeats (
    process            TEXT PRIMARY KEY,
    kind               TEXT NOT NULL CHECK (kind IN ('WEB', 'WORKER')),
    -- Whether it serves the queue; and in which mode, so that two that disagree are seen.
    routes             BOOLEAN NOT NULL,
    dry_run            BOOLEAN NOT NULL,
    armed              TEXT[] NOT NULL,
    started_at         TIMESTAMPTZ NOT NULL,
    beat_at            TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);
