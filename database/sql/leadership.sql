-- name: try_to_lead
-- True where this session holds the lock already, and where nobody does. The session's end frees it, however often taken.
SELECT pg_try_advisory_lock(%(lock)s) AS leads

-- name: stop_leading
-- However often it was taken; this session holds no other.
SELECT pg_advisory_unlock_all()
