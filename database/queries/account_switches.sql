-- Which accounts are paused, halted or overridden, by whom and why?
SELECT firm_code AS firm, program_id AS program, name AS switch, value::text AS value, set_by, reason, set_at,
       NULL::timestamptz AS expires_at
FROM account_flags
WHERE value <> 'false'
UNION ALL
SELECT firm_code, program_id, 'override', figures::text, set_by, reason, set_at, expires_at
FROM account_overrides
WHERE withdrawn_at IS NULL AND expires_at > now()
ORDER BY firm, program, switch;
