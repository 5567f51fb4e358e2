-- name: try_to_lead
-- True where this session holds the lock already, and where nobody does. The session's end frees it, however often taken.
SELECT pg_try_advisory_lock(%(lock)s) AS leads

-- name: stop_leading
SELECT pg_advisory_unlock(%(lock)s) AS freed
