-- name: make_months
-- One row with an empty name where somebody was in the way.
SELECT name FROM months.make_ahead(%(ahead)s) AS made (name)

-- name: drop_months
-- As make_months.
SELECT name FROM months.drop_before(%(table)s, %(older_than)s, %(filled)s) AS dropped (name)

-- name: list_months
-- The parts that ended before a moment, the oldest first.
SELECT name, until, bytes FROM months.parts
WHERE divided = %(table)s AND until <= LEAST(%(older_than)s, date_trunc('month', now(), 'UTC'))
ORDER BY until

-- name: observe_strayed
SELECT divided, moment FROM months.strayed()
