-- How well it goes, over a window. Each statement reads the newest rows of the window by an index, and at most so many:
-- the page says how many were counted and back to when.

-- name: analytics_decisions
-- Verdicts on entries: a row a firm and rule that refused, and one a firm with rule empty for all its verdicts.
WITH newest AS MATERIALIZED (
    SELECT created_at, body FROM (
        SELECT created_at, event_type, status, response_body AS body FROM execution_logs
        WHERE created_at > now() - make_interval(hours => %(hours)s)
        ORDER BY created_at DESC LIMIT %(most_logs)s) l
    WHERE status = 'SUCCESS' AND event_type = 'ENTRY'
    ORDER BY created_at DESC LIMIT %(most)s
), told AS MATERIALIZED (
    SELECT n.created_at, r.firm_code, r.approved, r.blocked_by
    FROM newest n
    CROSS JOIN LATERAL jsonb_to_recordset(n.body -> 'connector_results')
        AS r (firm_code TEXT, approved BOOLEAN, blocked_by JSONB)
)
SELECT firm_code, NULL AS rule, count(*) AS n, count(*) FILTER (WHERE approved) AS approved,
       min(created_at) AS back_to, (SELECT count(*) FROM newest) AS decisions
FROM told GROUP BY firm_code
UNION ALL
SELECT t.firm_code, b.rule, count(*), 0, min(t.created_at), (SELECT count(*) FROM newest)
FROM told t CROSS JOIN LATERAL jsonb_array_elements_text(t.blocked_by) AS b (rule)
GROUP BY t.firm_code, b.rule
ORDER BY firm_code, n DESC, rule NULLS FIRST

-- name: analytics_orders
-- What became of orders at each firm. Milliseconds from being sent to the venue's answer.
WITH newest AS MATERIALIZED (
    SELECT * FROM (
        SELECT id, firm_code, state, cause, filled, created_at, sent_at FROM execution_orders
        ORDER BY id DESC LIMIT %(most)s) o
    WHERE created_at > now() - make_interval(hours => %(hours)s)
), timed AS (
    SELECT n.*, extract(epoch FROM (
               SELECT min(e.at) FROM execution_order_events e
               WHERE e.order_id = n.id AND e.from_state = 'SENDING'
                 AND e.to_state NOT IN ('SENDING', 'PLANNED', 'NOT_SENT', 'UNRESOLVED')) - n.sent_at) * 1000 AS answer
    FROM newest n
)
SELECT firm_code, count(*) AS n, min(created_at) AS back_to,
       count(*) FILTER (WHERE state IN ('ACCEPTED', 'PARTIALLY_FILLED', 'FILLED')
                           OR (state = 'CANCELLED' AND filled > 0)) AS taken,
       count(*) FILTER (WHERE state = 'REJECTED' OR (state = 'NOT_SENT' AND NOT cause = ANY(%(held_back)s))) AS failed,
       count(*) FILTER (WHERE state = 'UNRESOLVED') AS unresolved,
       count(*) FILTER (WHERE state = 'NOT_SENT' AND cause = ANY(%(held_back)s)) AS held_back,
       percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY answer) AS answer
FROM timed
GROUP BY firm_code
ORDER BY firm_code

-- name: analytics_tasks
-- Milliseconds from a task's being stored to its verdict's being logged, and what was given up.
SELECT count(*) AS n, count(*) FILTER (WHERE status = 'FAILED') AS failed, min(created_at) AS back_to,
       percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (
           ORDER BY extract(epoch FROM finished_at - COALESCE(requeued_at, created_at)) * 1000) AS decided
FROM (SELECT status, created_at, finished_at, requeued_at FROM execution_tasks
      WHERE created_at > now() - make_interval(hours => %(hours)s)
      ORDER BY created_at DESC LIMIT %(most)s) t

-- name: analytics_accounts
-- What each account made by its balance, on closed days and the one that runs; the deepest fall of its equity from a high
-- of the window's days. Within a day the order of high and low is not known: taken as high first.
WITH days AS (
    SELECT firm_code, program_id, day, end_balance - start_balance AS made, high_equity, low_equity
    FROM account_days WHERE day > (now() - make_interval(hours => %(hours)s))::date AND finalised_at IS NOT NULL
    UNION ALL
    SELECT firm_code, program_id, firm_day, balance - day_start_balance, day_high_equity, day_low_equity
    FROM account_states s
    WHERE firm_day > (now() - make_interval(hours => %(hours)s))::date AND NOT EXISTS (
        SELECT FROM account_days d
        WHERE d.firm_code = s.firm_code AND d.program_id = s.program_id AND d.day = s.firm_day
          AND d.finalised_at IS NOT NULL)
), fallen AS (
    SELECT *, max(high_equity) OVER (PARTITION BY firm_code, program_id ORDER BY day) - low_equity AS fall FROM days
)
SELECT firm_code, program_id, count(*) AS days, sum(made) AS made, max(made) AS best, min(made) AS worst,
       max(fall) AS drawdown
FROM fallen
GROUP BY firm_code, program_id
ORDER BY firm_code, program_id

-- name: analytics_trades
-- Trades that ended, by their signals' prices: what each made in multiples of what it risked. The strategy is the field
-- of that name in the alert, or else its session or bias.
SELECT COALESCE(e.raw_body ->> 'strategy', e.session, e.bias) AS strategy, x.received_at,
       (CASE e.direction WHEN 'LONG' THEN 1 ELSE -1 END) * (x.exit_price - e.entry_price)
           / abs(e.entry_price - e.stop_loss) AS made
FROM (SELECT * FROM automated_signals
      WHERE received_at > now() - make_interval(hours => %(hours)s)
      ORDER BY received_at DESC LIMIT %(most)s) x
JOIN LATERAL (
    SELECT * FROM automated_signals s WHERE s.trade_id = x.trade_id AND s.lifecycle = 'ENTRY' LIMIT 1) e
  ON e.direction IS NOT NULL AND e.entry_price <> e.stop_loss
WHERE x.lifecycle LIKE 'EXIT%%' AND x.exit_price IS NOT NULL
ORDER BY x.received_at, x.id
