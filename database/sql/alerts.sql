-- name: lock_alerts
-- One evaluation at a time, also where two processes believe that they lead; the number is any.
SELECT pg_advisory_xact_lock(705419230120)

-- name: open_service_alerts
SELECT id, rule, subject, severity, extract(epoch FROM clock_timestamp() - seen_at) AS unseen
FROM service_alerts
WHERE resolved_at IS NULL
ORDER BY id

-- name: raise_alert
WITH raised AS (
    INSERT INTO service_alerts (rule, subject, severity, text)
    VALUES (%(rule)s, %(subject)s, %(severity)s, %(text)s)
    ON CONFLICT DO NOTHING
    RETURNING id
)
INSERT INTO alert_outbox (alert_id, kind) SELECT id, 'RAISED' FROM raised WHERE %(tell)s
RETURNING alert_id

-- name: alerts_seen
UPDATE service_alerts SET seen_at = clock_timestamp() WHERE id = ANY(%(ids)s)

-- name: resolve_alert
-- Told only where its raising was to be told.
WITH resolved AS (
    UPDATE service_alerts SET resolved_at = clock_timestamp() WHERE id = %(id)s AND resolved_at IS NULL RETURNING id
)
INSERT INTO alert_outbox (alert_id, kind)
SELECT r.id, 'RESOLVED' FROM resolved r
WHERE %(tell)s AND EXISTS (SELECT FROM alert_outbox o WHERE o.alert_id = r.id AND o.kind = 'RAISED')

-- name: waiting_notices
-- What a channel was not told yet, in the order in which it happened.
SELECT o.id, o.kind, o.written_at, a.rule, a.subject, a.severity, a.text, a.raised_at, a.resolved_at,
       extract(epoch FROM clock_timestamp() - o.written_at) AS age
FROM alert_outbox o
JOIN service_alerts a ON a.id = o.alert_id
WHERE o.delivered_at IS NULL AND NOT (%(channel)s = ANY(o.delivered_to))
ORDER BY o.id
LIMIT %(limit)s

-- name: notices_delivered
UPDATE alert_outbox
SET delivered_to = array_append(delivered_to, %(channel)s), attempts = attempts + 1,
    delivered_at = CASE WHEN %(channels)s::text[] <@ array_append(delivered_to, %(channel)s)
                        THEN clock_timestamp() END
WHERE id = ANY(%(ids)s) AND NOT (%(channel)s = ANY(delivered_to))

-- name: notices_failed
UPDATE alert_outbox SET attempts = attempts + 1, last_error = %(error)s WHERE id = ANY(%(ids)s)
