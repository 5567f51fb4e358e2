-- How far is the audit sealed, and does anything wait? A hash that is written down elsewhere proves all before it.
SELECT last.position, last.hash, last.sealed_at, waiting.events AS unsealed, waiting.oldest AS oldest_unsealed
FROM (
    SELECT count(*) AS events, min(e.at) AS oldest
    FROM audit_events e
    WHERE e.xact >= (SELECT xact FROM audit_horizon)
      AND (SELECT c.position FROM audit_chain c WHERE c.event_id = e.id LIMIT 1) IS NULL
) waiting
LEFT JOIN (SELECT position, hash, sealed_at FROM audit_chain ORDER BY position DESC LIMIT 1) last ON true;
