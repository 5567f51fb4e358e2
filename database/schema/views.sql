-- The record flattened: one row per check, so that people can filter and count. May be run again.

CREATE OR REPLACE VIEW execution_risk_checks AS
SELECT el.id AS log_id, el.task_id, el.trade_id, el.event_type, el.created_at,
       c.firm_code, c.status, c.rule, c.reason, c.details, c.compared
FROM execution_logs el
CROSS JOIN LATERAL jsonb_to_recordset(COALESCE(el.response_body -> 'risk_checks', '[]')) AS c
    (firm_code TEXT, status TEXT, rule TEXT, reason TEXT, details JSONB, compared JSONB)
WHERE el.status = 'SUCCESS';

CREATE OR REPLACE VIEW execution_program_sizing AS
SELECT el.id AS log_id, el.task_id, el.trade_id, el.event_type, el.created_at,
       c.firm_code, c.program_id, c.status, c.rule, c.reason, c.contracts, c.details, c.compared
FROM execution_logs el
CROSS JOIN LATERAL jsonb_to_recordset(COALESCE(el.response_body -> 'program_sizing', '[]')) AS c
    (firm_code TEXT, program_id INTEGER, status TEXT, rule TEXT, reason TEXT, contracts INTEGER, details JSONB,
     compared JSONB)
WHERE el.status = 'SUCCESS';

CREATE OR REPLACE VIEW execution_account_breaches AS
SELECT el.id AS log_id, el.task_id, el.trade_id, el.event_type, el.created_at,
       c.firm_code, c.program_id, c.status, c.rule, c.reason, c.details, c.compared
FROM execution_logs el
CROSS JOIN LATERAL jsonb_to_recordset(COALESCE(el.response_body -> 'account_breaches', '[]')) AS c
    (firm_code TEXT, program_id INTEGER, status TEXT, rule TEXT, reason TEXT, details JSONB, compared JSONB)
WHERE el.status = 'SUCCESS';

CREATE OR REPLACE VIEW execution_enforcement_checks AS
SELECT el.id AS log_id, el.task_id, el.trade_id, el.event_type, el.created_at,
       c.firm_code, c.program_id, c.status, c.allowed, c.breach_type, c.rule, c.reason, c.details, c.compared
FROM execution_logs el
CROSS JOIN LATERAL jsonb_to_recordset(COALESCE(el.response_body -> 'enforcement_checks', '[]')) AS c
    (firm_code TEXT, program_id INTEGER, status TEXT, allowed BOOLEAN, breach_type TEXT, rule TEXT, reason TEXT,
     details JSONB, compared JSONB)
WHERE el.status = 'SUCCESS';

CREATE OR REPLACE VIEW execution_connector_results AS
SELECT el.id AS log_id, el.task_id, el.trade_id, el.event_type, el.created_at,
       c.firm_code, c.program_id, c.status, c.reason, c.approved, c.contracts, c.blocked_by, c.blocked_if_live,
       c.order_id, c.message, c.details
FROM execution_logs el
CROSS JOIN LATERAL jsonb_to_recordset(COALESCE(el.response_body -> 'connector_results', '[]')) AS c
    (firm_code TEXT, program_id INTEGER, status TEXT, reason TEXT, approved BOOLEAN, contracts INTEGER,
     blocked_by JSONB, blocked_if_live JSONB, order_id TEXT, message TEXT, details JSONB)
WHERE el.status = 'SUCCESS';

CREATE OR REPLACE VIEW dead_letter_tasks AS
SELECT id, trade_id, event_type, attempts, last_error, payload, created_at, last_attempt_at, finished_at
FROM execution_tasks
WHERE status = 'FAILED';

CREATE OR REPLACE VIEW signal_conflicts AS
SELECT r.id, r.received_at, r.trade_id, r.message, r.problems, r.body, r.signal_id,
       s.lifecycle, s.received_at AS first_received_at, s.raw_body AS first_body, s.task_id
FROM refused_webhooks r
LEFT JOIN automated_signals s ON s.id = r.signal_id
WHERE r.code = 'conflict';
