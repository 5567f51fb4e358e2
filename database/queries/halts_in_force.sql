-- What is halted, by whom and why, how many accounts are still to be served, and what releases it?
SELECT h.id, COALESCE(h.firm_code || COALESCE('/' || h.program_id, ''), 'ALL') AS scope, h.level, h.set_by, h.set_at,
       h.reason, count(a.halt_id) FILTER (WHERE a.done_at IS NULL) AS still_to_do, count(a.halt_id) AS accounts,
       'RELEASE ' || COALESCE(h.firm_code || COALESCE('/' || h.program_id, ''), 'ALL') AS release_phrase
FROM trading_halts h
LEFT JOIN halt_actions a ON a.halt_id = h.id
WHERE h.released_at IS NULL
GROUP BY h.id
ORDER BY h.id;
