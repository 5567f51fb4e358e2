-- The order ledger: what was handed to a venue, what became of it, and what may still be open. May be run again.
-- Quantities in contracts, prices in points, risks in dollars (above 0), times in UTC.

-- Whose ledger this is: part of every client order id, so that a new database never repeats the ids of an old one.
CREATE TABLE IF NOT EXISTS ledger_identity (
    only_one           BOOLEAN PRIMARY KEY DEFAULT true CHECK (only_one),
    identity           UUID NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO ledger_identity DEFAULT VALUES ON CONFLICT DO NOTHING;

-- One row an account that trades live. Whoever decides an entry or sizes an exit holds its lock; nobody holds it while
-- a venue is called.
CREATE TABLE IF NOT EXISTS order_accounts (
    firm_code          TEXT NOT NULL,
    program_id         INTEGER NOT NULL CHECK (program_id > 0),
    -- When orders and positions were last held against the venue's own, and by which process.
    reconciled_at      TIMESTAMPTZ,
    reconciled_by      TEXT,
    reconcile_error    TEXT,
    PRIMARY KEY (firm_code, program_id)
);

CREATE TABLE IF NOT EXISTS order_transitions (
    from_state         TEXT NOT NULL,
    to_state           TEXT NOT NULL,
    PRIMARY KEY (from_state, to_state)
);
INSERT INTO order_transitions (from_state, to_state) VALUES
    ('PLANNED', 'SENDING'), ('PLANNED', 'NOT_SENT'),
    ('SENDING', 'PLANNED'), ('SENDING', 'NOT_SENT'), ('SENDING', 'UNRESOLVED'), ('SENDING', 'ACCEPTED'),
    ('SENDING', 'PARTIALLY_FILLED'), ('SENDING', 'FILLED'), ('SENDING', 'REJECTED'), ('SENDING', 'CANCELLED'),
    ('UNRESOLVED', 'NOT_SENT'), ('UNRESOLVED', 'ACCEPTED'), ('UNRESOLVED', 'PARTIALLY_FILLED'),
    ('UNRESOLVED', 'FILLED'), ('UNRESOLVED', 'REJECTED'), ('UNRESOLVED', 'CANCELLED'),
    ('ACCEPTED', 'PARTIALLY_FILLED'), ('ACCEPTED', 'FILLED'), ('ACCEPTED', 'REJECTED'), ('ACCEPTED', 'CANCELLED'),
    ('PARTIALLY_FILLED', 'FILLED'), ('PARTIALLY_FILLED', 'CANCELLED')
ON CONFLICT DO NOTHING;

-- One row a leg: one entry or exit of one task for one account.
CREATE TABLE IF NOT EXISTS execution_orders (
    id                 BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Without a cascade: what was sent does not vanish with its task.
    task_id            BIGINT NOT NULL REFERENCES execution_tasks (id),
    trade_id           TEXT NOT NULL,
    firm_code          TEXT NOT NULL,
    program_id         INTEGER NOT NULL,
    purpose            TEXT NOT NULL CHECK (purpose IN ('ENTRY', 'EXIT')),
    leg                SMALLINT NOT NULL DEFAULT 1 CHECK (leg > 0),
    client_order_id    TEXT NOT NULL UNIQUE CHECK (client_order_id ~ '^[a-z0-9]{20}$'),
    state              TEXT NOT NULL DEFAULT 'PLANNED' CHECK (state IN (
                           'PLANNED', 'SENDING', 'ACCEPTED', 'PARTIALLY_FILLED', 'FILLED', 'REJECTED', 'CANCELLED',
                           'NOT_SENT', 'UNRESOLVED')),
    symbol             TEXT NOT NULL,
    contract           JSONB NOT NULL,
    side               TEXT NOT NULL CHECK (side IN ('BUY', 'SELL')),
    -- Of an exit the size is worked out when it is sent, from what is open then.
    quantity           NUMERIC CHECK (quantity > 0),
    asked_quantity     NUMERIC CHECK (asked_quantity > 0),
    asked_percent      NUMERIC CHECK (asked_percent > 0 AND asked_percent <= 100),
    entry_price        NUMERIC,
    stop_price         NUMERIC,
    -- Dollars lost at the stop by the whole quantity; empty where that is not known.
    worst_case         NUMERIC CHECK (worst_case >= 0),
    filled             NUMERIC NOT NULL DEFAULT 0 CHECK (filled >= 0),
    average_price      NUMERIC,
    -- Of an exit: how much of its quantity the account did not hold any more.
    not_held           NUMERIC NOT NULL DEFAULT 0 CHECK (not_held >= 0),
    -- Of an entry: how much of what was filled has been closed again, by our exits or at the venue.
    closed             NUMERIC NOT NULL DEFAULT 0 CHECK (closed >= 0),
    closed_at          TIMESTAMPTZ,
    venue_order_id     TEXT,
    attempts           INTEGER NOT NULL DEFAULT 0,
    due_at             TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    expires_at         TIMESTAMPTZ NOT NULL,
    worker             TEXT,
    lease_until        TIMESTAMPTZ,
    -- What brought the row to where it is: rule or event, who did it, and the venue's own words without secrets.
    cause              TEXT NOT NULL,
    actor              TEXT NOT NULL,
    answer             JSONB,
    -- A dead letter that a person has dealt with.
    dealt_with_at      TIMESTAMPTZ,
    created_at         TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    sent_at            TIMESTAMPTZ,
    updated_at         TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    -- What of an entry is open, or may be: this much is reserved, and no exit is larger.
    open_quantity      NUMERIC NOT NULL GENERATED ALWAYS AS (
                           CASE
                               WHEN purpose <> 'ENTRY' THEN 0
                               WHEN state IN ('PLANNED', 'SENDING', 'UNRESOLVED', 'ACCEPTED', 'PARTIALLY_FILLED')
                                   THEN quantity - closed
                               ELSE filled - closed
                           END) STORED,
    CONSTRAINT one_row_a_leg UNIQUE (task_id, firm_code, program_id, purpose, leg),
    CONSTRAINT entries_have_a_size CHECK (purpose <> 'ENTRY' OR quantity IS NOT NULL),
    CONSTRAINT sent_with_a_size CHECK (state IN ('PLANNED', 'NOT_SENT') OR quantity IS NOT NULL),
    CONSTRAINT filled_up_to_its_size CHECK (filled <= COALESCE(quantity, 0)),
    CONSTRAINT filled_is_filled CHECK (state <> 'FILLED' OR filled = quantity - not_held),
    CONSTRAINT nothing_filled_unsent CHECK (state NOT IN ('PLANNED', 'NOT_SENT', 'REJECTED') OR filled = 0),
    CONSTRAINT closed_what_was_open CHECK (closed <= GREATEST(filled, 0)),
    CONSTRAINT sending_has_a_worker CHECK ((state = 'SENDING') = (worker IS NOT NULL)),
    CONSTRAINT sending_has_a_lease CHECK ((state = 'SENDING') = (lease_until IS NOT NULL)),
    CONSTRAINT sent_has_a_time CHECK (state IN ('PLANNED', 'NOT_SENT') OR sent_at IS NOT NULL)
);
CREATE INDEX IF NOT EXISTS idx_execution_orders_waiting ON execution_orders (due_at, id) WHERE state = 'PLANNED';
CREATE INDEX IF NOT EXISTS idx_execution_orders_sending ON execution_orders (lease_until) WHERE state = 'SENDING';
CREATE INDEX IF NOT EXISTS idx_execution_orders_unsettled ON execution_orders (firm_code, program_id, id)
    WHERE state IN ('SENDING', 'UNRESOLVED', 'ACCEPTED', 'PARTIALLY_FILLED');
CREATE INDEX IF NOT EXISTS idx_execution_orders_open ON execution_orders (firm_code, program_id, id)
    WHERE open_quantity > 0;
CREATE INDEX IF NOT EXISTS idx_execution_orders_closed ON execution_orders (firm_code, program_id, closed_at)
    WHERE closed_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS idx_execution_orders_dead ON execution_orders (id)
    WHERE state = 'NOT_SENT' AND dealt_with_at IS NULL;
CREATE INDEX IF NOT EXISTS idx_execution_orders_trade ON execution_orders (trade_id, firm_code, program_id);

-- Every change of a leg, in order; never changed, never deleted.
CREATE TABLE IF NOT EXISTS execution_order_events (
    id                 BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id           BIGINT NOT NULL REFERENCES execution_orders (id),
    task_id            BIGINT NOT NULL,
    firm_code          TEXT NOT NULL,
    program_id         INTEGER NOT NULL,
    client_order_id    TEXT NOT NULL,
    at                 TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    from_state         TEXT,
    to_state           TEXT NOT NULL,
    quantity           NUMERIC,
    filled             NUMERIC NOT NULL,
    closed             NUMERIC NOT NULL,
    venue_order_id     TEXT,
    attempt            INTEGER NOT NULL,
    cause              TEXT NOT NULL,
    actor              TEXT NOT NULL,
    answer             JSONB
);
CREATE INDEX IF NOT EXISTS idx_execution_order_events_order ON execution_order_events (order_id, id);

-- The state machine is no promise of the program alone.
CREATE OR REPLACE FUNCTION check_order_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'order % is part of the record and stays', OLD.id USING ERRCODE = 'check_violation';
    ELSIF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'PLANNED' THEN
            RAISE EXCEPTION 'an order begins as PLANNED, not as %', NEW.state USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.state <> OLD.state AND NOT EXISTS (
        SELECT FROM order_transitions WHERE from_state = OLD.state AND to_state = NEW.state)
    THEN
        RAISE EXCEPTION 'order % may not change from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    IF (NEW.task_id, NEW.trade_id, NEW.firm_code, NEW.program_id, NEW.purpose, NEW.leg, NEW.client_order_id, NEW.side,
        NEW.symbol) IS DISTINCT FROM
       (OLD.task_id, OLD.trade_id, OLD.firm_code, OLD.program_id, OLD.purpose, OLD.leg, OLD.client_order_id, OLD.side,
        OLD.symbol)
    THEN
        RAISE EXCEPTION 'what order % is for may not change', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.filled < OLD.filled OR NEW.closed < OLD.closed
       OR (OLD.state <> 'PLANNED' AND NEW.state <> 'PLANNED' AND NEW.quantity IS DISTINCT FROM OLD.quantity)
    THEN
        RAISE EXCEPTION 'what was sent, filled or closed of order % would shrink', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    NEW.updated_at := clock_timestamp();
    IF NEW.purpose = 'ENTRY' AND NEW.closed > OLD.closed AND NEW.closed = NEW.filled THEN
        NEW.closed_at := clock_timestamp();
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER order_change_is_allowed BEFORE INSERT OR UPDATE OR DELETE ON execution_orders
    FOR EACH ROW EXECUTE FUNCTION check_order_change();

CREATE OR REPLACE FUNCTION append_order_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO execution_order_events (
        order_id, task_id, firm_code, program_id, client_order_id, from_state, to_state, quantity, filled, closed,
        venue_order_id, attempt, cause, actor, answer)
    VALUES (NEW.id, NEW.task_id, NEW.firm_code, NEW.program_id, NEW.client_order_id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state, NEW.quantity, NEW.filled, NEW.closed,
            NEW.venue_order_id, NEW.attempts, NEW.cause, NEW.actor, NEW.answer);
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER order_is_new AFTER INSERT ON execution_orders
    FOR EACH ROW EXECUTE FUNCTION append_order_event();
-- A lease that is prolonged is no news; everything else is.
CREATE OR REPLACE TRIGGER order_has_changed AFTER UPDATE ON execution_orders
    FOR EACH ROW WHEN (
        (OLD.state, OLD.filled, OLD.closed, OLD.venue_order_id, OLD.cause, OLD.actor, OLD.answer, OLD.dealt_with_at)
        IS DISTINCT FROM
        (NEW.state, NEW.filled, NEW.closed, NEW.venue_order_id, NEW.cause, NEW.actor, NEW.answer, NEW.dealt_with_at))
    EXECUTE FUNCTION append_order_event();

CREATE OR REPLACE FUNCTION refuse_change_of_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are part of the record and stay as they are', TG_TABLE_NAME
        USING ERRCODE = 'check_violation';
END $$;
CREATE OR REPLACE TRIGGER events_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON execution_order_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_record();

-- Halts: entries stop; CANCEL takes working entries back, too; FLATTEN closes everything besides. For everything
-- (both codes empty), a firm, or an account. In force until released.
CREATE TABLE IF NOT EXISTS trading_halts (
    id                 BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    firm_code          TEXT,
    program_id         INTEGER,
    level              TEXT NOT NULL CHECK (level IN ('ENTRIES', 'CANCEL', 'FLATTEN')),
    reason             TEXT NOT NULL CHECK (length(btrim(reason)) > 0),
    set_by             TEXT NOT NULL CHECK (length(btrim(set_by)) > 0),
    set_at             TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    released_at        TIMESTAMPTZ,
    released_by        TEXT,
    release_reason     TEXT,
    CONSTRAINT account_has_a_firm CHECK (program_id IS NULL OR firm_code IS NOT NULL),
    CONSTRAINT released_by_somebody CHECK ((released_at IS NULL) = (released_by IS NULL))
);
CREATE INDEX IF NOT EXISTS idx_trading_halts_in_force ON trading_halts (id) WHERE released_at IS NULL;

-- What a halt still has to do at each account, and what came of it: one row each, so that a restart goes on with it.
CREATE TABLE IF NOT EXISTS halt_actions (
    halt_id            BIGINT NOT NULL REFERENCES trading_halts (id),
    firm_code          TEXT NOT NULL,
    program_id         INTEGER NOT NULL,
    action             TEXT NOT NULL CHECK (action IN ('CANCEL', 'FLATTEN')),
    done_at            TIMESTAMPTZ,
    tries              INTEGER NOT NULL DEFAULT 0,
    due_at             TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    outcome            JSONB,
    PRIMARY KEY (halt_id, firm_code, program_id, action)
);

-- While it is being carried out no exit is claimed at its account: both would close the same position.
ALTER TABLE halt_actions ADD COLUMN IF NOT EXISTS running_until TIMESTAMPTZ;

-- What a reconciliation found at a venue that the ledger does not say, and what could be done; a person decides.
CREATE TABLE IF NOT EXISTS order_differences (
    id                 BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    firm_code          TEXT NOT NULL,
    program_id         INTEGER NOT NULL,
    kind               TEXT NOT NULL CHECK (kind IN ('POSITION_WITHOUT_TRADE', 'TRADE_WITHOUT_POSITION',
                                                     'DIFFERENT_SIZE', 'UNKNOWN_ORDER')),
    symbol             TEXT NOT NULL,
    ledger_quantity    NUMERIC NOT NULL,
    venue_quantity     NUMERIC NOT NULL,
    proposal           TEXT NOT NULL,
    details            JSONB NOT NULL DEFAULT '{}',
    found_at           TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    seen_at            TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    -- Gone by itself, or settled by a person: who, how and why.
    settled_at         TIMESTAMPTZ,
    settled_by         TEXT,
    settled_how        TEXT,
    reason             TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS idx_order_differences_open
    ON order_differences (firm_code, program_id, kind, symbol) WHERE settled_at IS NULL;

-- What persons did about tasks, orders and differences: who, what, why.
CREATE TABLE IF NOT EXISTS operator_acts (
    id                 BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at                 TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    act                TEXT NOT NULL,
    task_id            BIGINT REFERENCES execution_tasks (id) ON DELETE SET NULL,
    order_id           BIGINT REFERENCES execution_orders (id),
    difference_id      BIGINT REFERENCES order_differences (id),
    halt_id            BIGINT REFERENCES trading_halts (id),
    by                 TEXT NOT NULL CHECK (length(btrim(by)) > 0),
    reason             TEXT NOT NULL CHECK (length(btrim(reason)) > 0),
    details            JSONB NOT NULL DEFAULT '{}'
);

-- A dead letter that was given another try, when and by whom: its signal's lifetime counts from then.
ALTER TABLE execution_tasks ADD COLUMN IF NOT EXISTS requeued_at TIMESTAMPTZ;
ALTER TABLE execution_tasks ADD COLUMN IF NOT EXISTS dealt_with_at TIMESTAMPTZ;

-- The owner's word that he trades by program although the firm does not plainly allow it, with what the firm says.
CREATE TABLE IF NOT EXISTS policy_acknowledgements (
    id                 BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    firm_code          TEXT NOT NULL,
    program_id         INTEGER NOT NULL,
    policy             TEXT NOT NULL,
    note               TEXT,
    source             TEXT,
    checked            TEXT,
    acknowledgement    TEXT NOT NULL,
    first_used_at      TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT acknowledged_once UNIQUE NULLS NOT DISTINCT (
        firm_code, program_id, policy, note, source, checked, acknowledgement)
);

-- What entries were decided from: per task, with texts that many tasks share kept once by their digest. Enough to decide
-- again and compare: database/replay.py.
CREATE TABLE IF NOT EXISTS decision_texts (
    digest             TEXT PRIMARY KEY,
    content            JSON NOT NULL,
    first_used_at      TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE IF NOT EXISTS decision_facts (
    task_id            BIGINT PRIMARY KEY REFERENCES execution_tasks (id) ON DELETE CASCADE,
    facts              JSON NOT NULL
);

-- All of it goes into the audit.
CREATE OR REPLACE TRIGGER audited AFTER INSERT ON execution_order_events
    FOR EACH ROW EXECUTE FUNCTION audit_row('ORDER', 'client_order_id', 'actor');
CREATE OR REPLACE TRIGGER audited AFTER INSERT OR UPDATE ON trading_halts
    FOR EACH ROW EXECUTE FUNCTION audit_row('HALT', 'id', 'set_by');
CREATE OR REPLACE TRIGGER audited AFTER INSERT ON operator_acts
    FOR EACH ROW EXECUTE FUNCTION audit_row('OPERATOR_ACT', 'act', 'by');
CREATE OR REPLACE TRIGGER audited AFTER INSERT ON policy_acknowledgements
    FOR EACH ROW EXECUTE FUNCTION audit_row('POLICY_ACKNOWLEDGED', 'id', '');
