-- What is known of each account: now, in history, by firm day; what was switched, overridden, reset and raised.
-- Figures in dollars, losses negative; times in UTC. May be run again.

-- One row an account: the newest figures and what follows from them. ``version`` counts the writes and fences them:
-- a write that was worked out from an older row finds nothing to change.
CREATE TABLE IF NOT EXISTS account_states (
    firm_code          TEXT NOT NULL,
    program_id         INTEGER NOT NULL CHECK (program_id > 0),
    version            BIGINT NOT NULL CHECK (version > 0),
    source             TEXT NOT NULL CHECK (source IN ('FIRM_API', 'PLATFORM', 'PROGRAM')),
    -- When the platform saw the figures, and when they reached us; both empty while none ever came.
    observed_at        TIMESTAMPTZ,
    received_at        TIMESTAMPTZ,
    -- The platform says that it has no connection: the figures below are the last it had.
    no_data_since      TIMESTAMPTZ,
    equity             NUMERIC,
    balance            NUMERIC,
    unrealized_pl      NUMERIC,
    realized_pl        NUMERIC,
    day_pl             NUMERIC,
    total_pl           NUMERIC,
    drawdown           NUMERIC,
    positions          JSONB,
    details            JSONB NOT NULL DEFAULT '{}',
    -- High-water marks: with open profit, of the closed balance, at the end of a firm's day.
    hwm_intraday       NUMERIC,
    hwm_intraday_at    TIMESTAMPTZ,
    hwm_closed         NUMERIC,
    hwm_closed_at      TIMESTAMPTZ,
    hwm_eod            NUMERIC,
    hwm_eod_at         TIMESTAMPTZ,
    -- Counts the resets by which the firm gave the account a new start; only then may a mark or a floor fall.
    life               INTEGER NOT NULL DEFAULT 1 CHECK (life > 0),
    -- The last of them; what is told of earlier moments is of a former life.
    life_began_at      TIMESTAMPTZ,
    firm_day           DATE,
    day_start_balance  NUMERIC,
    day_start_equity   NUMERIC,
    day_high_equity    NUMERIC,
    day_low_equity     NUMERIC,
    -- Whether the start was told or seen; not, on the day an account is first seen and nobody says.
    day_start_known    BOOLEAN NOT NULL DEFAULT true,
    -- Where the drawdown rule in force stands.
    rule_set           TEXT,
    rule_digest        TEXT,
    trail_mark         NUMERIC,
    floor              NUMERIC,
    floor_locked       BOOLEAN NOT NULL DEFAULT false,
    floor_locked_at    TIMESTAMPTZ,
    breached_at        TIMESTAMPTZ,
    day_start          NUMERIC,
    daily_floor        NUMERIC,
    daily_breached_at  TIMESTAMPTZ,
    standing_equity    NUMERIC,
    last_snapshot_at   TIMESTAMPTZ,
    PRIMARY KEY (firm_code, program_id),
    CONSTRAINT figures_have_a_time CHECK ((observed_at IS NULL) = (received_at IS NULL)),
    CONSTRAINT intraday_mark_has_a_time CHECK ((hwm_intraday IS NULL) = (hwm_intraday_at IS NULL)),
    CONSTRAINT closed_mark_has_a_time CHECK ((hwm_closed IS NULL) = (hwm_closed_at IS NULL)),
    CONSTRAINT eod_mark_has_a_time CHECK ((hwm_eod IS NULL) = (hwm_eod_at IS NULL))
);

-- Never falling is no promise of the program alone.
CREATE OR REPLACE FUNCTION account_marks_never_fall() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.life = OLD.life AND (
        NEW.hwm_intraday < OLD.hwm_intraday OR NEW.hwm_closed < OLD.hwm_closed OR NEW.hwm_eod < OLD.hwm_eod
        OR (NEW.floor < OLD.floor AND NEW.rule_digest IS NOT DISTINCT FROM OLD.rule_digest)
        OR (NEW.hwm_intraday IS NULL AND OLD.hwm_intraday IS NOT NULL)
        OR (NEW.hwm_closed IS NULL AND OLD.hwm_closed IS NOT NULL)
        OR (NEW.hwm_eod IS NULL AND OLD.hwm_eod IS NOT NULL))
    THEN
        RAISE EXCEPTION 'a high-water mark or floor of %/% would fall', OLD.firm_code, OLD.program_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER marks_never_fall BEFORE UPDATE ON account_states
    FOR EACH ROW EXECUTE FUNCTION account_marks_never_fall();

-- History, append-only: at most one a second and account, plus every new extreme, each day's close, and what came late.
CREATE TABLE IF NOT EXISTS account_snapshots (
    id                 BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    firm_code          TEXT NOT NULL,
    program_id         INTEGER NOT NULL,
    observed_at        TIMESTAMPTZ NOT NULL,
    received_at        TIMESTAMPTZ NOT NULL,
    kind               TEXT NOT NULL CHECK (kind IN ('UPDATE', 'EXTREME', 'CLOSE', 'LATE', 'NO_DATA')),
    source             TEXT NOT NULL,
    firm_day           DATE,
    equity             NUMERIC,
    balance            NUMERIC,
    day_pl             NUMERIC,
    high_water_mark    NUMERIC,
    floor              NUMERIC,
    daily_floor        NUMERIC,
    CONSTRAINT told_once UNIQUE NULLS NOT DISTINCT (firm_code, program_id, observed_at, equity, balance, kind)
);

-- One row an account and firm day: what it started and ended with, what the platform itself says of its result.
CREATE TABLE IF NOT EXISTS account_days (
    firm_code          TEXT NOT NULL,
    program_id         INTEGER NOT NULL,
    day                DATE NOT NULL,
    start_balance      NUMERIC,
    start_equity       NUMERIC,
    high_equity        NUMERIC,
    low_equity         NUMERIC,
    end_balance        NUMERIC,
    end_equity         NUMERIC,
    platform_pl        NUMERIC,
    finalised_at       TIMESTAMPTZ,
    -- The service did not run at the reset; the day was closed afterwards from the last figures before it.
    caught_up          BOOLEAN NOT NULL DEFAULT false,
    -- Figures of the day arrived after its reset and replaced the closing ones.
    corrected          BOOLEAN NOT NULL DEFAULT false,
    PRIMARY KEY (firm_code, program_id, day)
);

-- Exactly one row an account and firm day: the key is what makes a reset happen once.
CREATE TABLE IF NOT EXISTS account_resets (
    firm_code          TEXT NOT NULL,
    program_id         INTEGER NOT NULL,
    day                DATE NOT NULL,
    due_at             TIMESTAMPTZ NOT NULL,
    performed_at       TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    caught_up          BOOLEAN NOT NULL,
    closing_balance    NUMERIC,
    closing_equity     NUMERIC,
    figures_at         TIMESTAMPTZ,
    -- The account had been paused until this reset.
    released           BOOLEAN NOT NULL,
    PRIMARY KEY (firm_code, program_id, day)
);

-- Each new start that the firm gave an account, who reported it and why.
CREATE TABLE IF NOT EXISTS account_restarts (
    firm_code          TEXT NOT NULL,
    program_id         INTEGER NOT NULL,
    life               INTEGER NOT NULL CHECK (life > 1),
    restarted_at       TIMESTAMPTZ NOT NULL,
    reason             TEXT NOT NULL CHECK (length(btrim(reason)) > 0),
    set_by             TEXT NOT NULL CHECK (length(btrim(set_by)) > 0),
    PRIMARY KEY (firm_code, program_id, life)
);

-- Switches that a person or a program set: paused, halted, reduce_only, and any other field of that kind.
CREATE TABLE IF NOT EXISTS account_flags (
    firm_code          TEXT NOT NULL,
    program_id         INTEGER NOT NULL,
    name               TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    value              JSONB NOT NULL,
    set_by             TEXT,
    reason             TEXT,
    set_at             TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (firm_code, program_id, name)
);

-- A person's word over every other source, for a while.
CREATE TABLE IF NOT EXISTS account_overrides (
    id                 BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    firm_code          TEXT NOT NULL,
    program_id         INTEGER NOT NULL,
    figures            JSONB NOT NULL CHECK (jsonb_typeof(figures) = 'object' AND figures <> '{}'),
    reason             TEXT NOT NULL CHECK (length(btrim(reason)) > 0),
    set_by             TEXT NOT NULL CHECK (length(btrim(set_by)) > 0),
    set_at             TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    expires_at         TIMESTAMPTZ NOT NULL,
    withdrawn_at       TIMESTAMPTZ,
    withdrawn_by       TEXT,
    CONSTRAINT expires_after_it_was_set CHECK (expires_at > set_at)
);
CREATE INDEX IF NOT EXISTS idx_account_overrides_in_force
    ON account_overrides (firm_code, program_id, id) WHERE withdrawn_at IS NULL;

-- Raised once per crossing, cleared when crossed back. An event (a reset, a lock) happened once and is never cleared.
CREATE TABLE IF NOT EXISTS account_alerts (
    id                 BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    firm_code          TEXT NOT NULL,
    program_id         INTEGER NOT NULL,
    rule               TEXT NOT NULL,
    -- What of the rule: the percent of a limit, the day of a reset; empty where a rule has one alert only.
    mark               TEXT NOT NULL DEFAULT '',
    is_event           BOOLEAN NOT NULL,
    severity           TEXT NOT NULL CHECK (severity IN ('INFO', 'WARNING', 'CRITICAL')),
    value              NUMERIC,
    limit_value        NUMERIC,
    raised_at          TIMESTAMPTZ NOT NULL,
    cleared_at         TIMESTAMPTZ,
    CONSTRAINT cleared_after_it_was_raised CHECK (cleared_at >= raised_at),
    CONSTRAINT events_are_not_cleared CHECK (NOT is_event OR cleared_at IS NULL)
);
-- One open alert of a kind at a time, and an event once for ever.
CREATE UNIQUE INDEX IF NOT EXISTS idx_account_alerts_open
    ON account_alerts (firm_code, program_id, rule, mark) WHERE cleared_at IS NULL;
CREATE INDEX IF NOT EXISTS idx_account_alerts_newest ON account_alerts (raised_at DESC, id DESC);

-- The content of every rule set that a verdict was ever given under: the files may change, the record may not.
CREATE TABLE IF NOT EXISTS rule_sets (
    digest             TEXT PRIMARY KEY,
    id                 TEXT NOT NULL,
    version            DATE NOT NULL,
    content            JSONB NOT NULL,
    first_used_at      TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);
