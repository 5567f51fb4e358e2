-- Alerts of the whole service and what has to be said of them. May be run again.

-- Raised once, resolved once: one row is open at a time for each rule and what it is about.
CREATE TABLE IF NOT EXISTS service_alerts (
    id                 BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule               TEXT NOT NULL,
    -- What of the rule: an account, a task, an order, a process; empty where a rule has one alert only.
    subject            TEXT NOT NULL DEFAULT '',
    severity           TEXT NOT NULL CHECK (severity IN ('WARNING', 'CRITICAL')),
    text               TEXT NOT NULL,
    raised_at          TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    -- When it was last found to be so; it is resolved once it has not been so for a while.
    seen_at            TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    resolved_at        TIMESTAMPTZ
);
CREATE UNIQUE INDEX IF NOT EXISTS idx_service_alerts_open
    ON service_alerts (rule, subject) WHERE resolved_at IS NULL;

-- What somebody has to be told, written in the transaction that raised or resolved the alert.
CREATE TABLE IF NOT EXISTS alert_outbox (
    id                 BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id           BIGINT NOT NULL REFERENCES service_alerts (id),
    kind               TEXT NOT NULL CHECK (kind IN ('RAISED', 'RESOLVED')),
    written_at         TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    -- The channels that took it, by their names without secrets; delivered once all of them have.
    delivered_to       TEXT[] NOT NULL DEFAULT '{}',
    delivered_at       TIMESTAMPTZ,
    attempts           INTEGER NOT NULL DEFAULT 0,
    last_error         TEXT,
    CONSTRAINT noticed_once UNIQUE (alert_id, kind)
);
CREATE INDEX IF NOT EXISTS idx_alert_outbox_waiting ON alert_outbox (id) WHERE delivered_at IS NULL;
