-- One row a task that will be: which example it repeats, of which trade it is, and when it came.
CREATE UNLOGGED TABLE numbered AS
SELECT 1000 + n AS id, e.id AS example, n, n %% 2000 = 0 AS failed,
       'TRADE_' || lpad((n / 3)::text, 9, '0') AS trade_id, slot,
       now() - make_interval(days => %(days)s) * (1 - n::double precision / %(tasks)s) AS at
FROM generate_series(1, %(tasks)s) n
CROSS JOIN LATERAL (SELECT n %% 3 AS slot) s
JOIN execution_tasks e ON e.event_type = (ARRAY['ENTRY', 'MFE_UPDATE', 'EXIT'])[1 + slot]
    AND (slot <> 0 OR e.trade_id = CASE WHEN n / 3 %% 5 = 4 THEN 'REFUSED' ELSE 'APPROVED' END);
ANALYZE numbered;
-- Older bodies are the same many times over, which the planner must not take for a habit.
ALTER TABLE execution_logs ALTER response_body SET (n_distinct = -1)
