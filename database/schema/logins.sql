-- Logins of the page: the key of the cookies, who is logged in, and how often somebody tried. May be run again.

-- Made by the first web process that needs it and shared by all. It signs cookies and opens nothing by itself: a login
-- is its row below, of whose number only a digest is kept.
CREATE TABLE IF NOT EXISTS web_keys (
    name    TEXT PRIMARY KEY,
    key     BYTEA NOT NULL CHECK (length(key) >= 32),
    made_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS web_logins (
    digest     TEXT PRIMARY KEY,
    name       TEXT NOT NULL CHECK (length(btrim(name)) > 0),
    role       TEXT NOT NULL CHECK (role IN ('viewer', 'operator')),
    -- A keyed digest of the password that opened it: with another password it opens nothing any more.
    credential TEXT NOT NULL,
    source     TEXT NOT NULL,
    begun_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    seen_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    ended_at   TIMESTAMPTZ
);

CREATE INDEX IF NOT EXISTS idx_web_logins_begun_at ON web_logins (begun_at);

-- One row a source, and one for all of them together.
CREATE TABLE IF NOT EXISTS login_attempts (
    source       TEXT PRIMARY KEY,
    failures     INTEGER NOT NULL CHECK (failures >= 0),
    last_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    free_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    succeeded_at TIMESTAMPTZ
);
