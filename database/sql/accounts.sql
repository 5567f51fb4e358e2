-- name: write_accounts (prepared)
-- States, history, days, resets and alerts of many accounts in one statement. A state that was worked out from an older
-- version than the one that is there writes nothing, and nothing of its account is written with it.
WITH given AS MATERIALIZED (
    SELECT * FROM json_populate_recordset(NULL::account_states, %(states)s::json)
), written AS (
    INSERT INTO account_states AS known SELECT * FROM given
    ON CONFLICT (firm_code, program_id) DO UPDATE SET
        version = EXCLUDED.version, source = EXCLUDED.source, observed_at = EXCLUDED.observed_at,
        received_at = EXCLUDED.received_at, no_data_since = EXCLUDED.no_data_since, equity = EXCLUDED.equity,
        balance = EXCLUDED.balance, unrealized_pl = EXCLUDED.unrealized_pl, realized_pl = EXCLUDED.realized_pl,
        day_pl = EXCLUDED.day_pl, total_pl = EXCLUDED.total_pl, drawdown = EXCLUDED.drawdown,
        positions = EXCLUDED.positions, details = EXCLUDED.details, hwm_intraday = EXCLUDED.hwm_intraday,
        hwm_intraday_at = EXCLUDED.hwm_intraday_at, hwm_closed = EXCLUDED.hwm_closed,
        hwm_closed_at = EXCLUDED.hwm_closed_at, hwm_eod = EXCLUDED.hwm_eod, hwm_eod_at = EXCLUDED.hwm_eod_at,
        life = EXCLUDED.life, life_began_at = EXCLUDED.life_began_at, firm_day = EXCLUDED.firm_day,
        day_start_balance = EXCLUDED.day_start_balance, day_start_equity = EXCLUDED.day_start_equity,
        day_high_equity = EXCLUDED.day_high_equity, day_low_equity = EXCLUDED.day_low_equity,
        day_start_known = EXCLUDED.day_start_known, rule_set = EXCLUDED.rule_set, rule_digest = EXCLUDED.rule_digest,
        trail_mark = EXCLUDED.trail_mark, floor = EXCLUDED.floor, floor_locked = EXCLUDED.floor_locked,
        floor_locked_at = EXCLUDED.floor_locked_at, breached_at = EXCLUDED.breached_at,
        day_start = EXCLUDED.day_start, daily_floor = EXCLUDED.daily_floor,
        daily_breached_at = EXCLUDED.daily_breached_at, standing_equity = EXCLUDED.standing_equity,
        last_snapshot_at = EXCLUDED.last_snapshot_at
    WHERE known.version = EXCLUDED.version - 1
    RETURNING firm_code, program_id, version
), history AS (
    INSERT INTO account_snapshots (
        firm_code, program_id, observed_at, received_at, kind, source, firm_day, equity, balance, day_pl,
        high_water_mark, floor, daily_floor)
    SELECT s.firm_code, s.program_id, s.observed_at, s.received_at, s.kind, s.source, s.firm_day, s.equity, s.balance,
           s.day_pl, s.high_water_mark, s.floor, s.daily_floor
    FROM json_populate_recordset(NULL::account_snapshots, %(snapshots)s::json) s
    JOIN written USING (firm_code, program_id)
    ORDER BY s.observed_at
    ON CONFLICT DO NOTHING
), restart AS (
    INSERT INTO account_restarts (firm_code, program_id, life, restarted_at, reason, set_by)
    SELECT r.firm_code, r.program_id, r.life, r.restarted_at, r.reason, r.set_by
    FROM json_populate_recordset(NULL::account_restarts, %(restarts)s::json) r
    JOIN written USING (firm_code, program_id)
), reset AS (
    INSERT INTO account_resets AS done (
        firm_code, program_id, day, due_at, caught_up, closing_balance, closing_equity, figures_at, released)
    SELECT r.firm_code, r.program_id, r.day, r.due_at, r.caught_up, r.closing_balance, r.closing_equity, r.figures_at,
           r.released
    FROM json_populate_recordset(NULL::account_resets, %(resets)s::json) r
    JOIN written USING (firm_code, program_id)
    ORDER BY r.day
    ON CONFLICT (firm_code, program_id, day) DO UPDATE SET
        closing_balance = EXCLUDED.closing_balance, closing_equity = EXCLUDED.closing_equity,
        figures_at = EXCLUDED.figures_at
), day AS (
    INSERT INTO account_days AS known (
        firm_code, program_id, day, start_balance, start_equity, high_equity, low_equity, end_balance, end_equity,
        platform_pl, finalised_at, caught_up, corrected)
    SELECT d.firm_code, d.program_id, d.day, d.start_balance, d.start_equity, d.high_equity, d.low_equity,
           d.end_balance, d.end_equity, d.platform_pl, d.finalised_at, COALESCE(d.caught_up, false),
           COALESCE(d.corrected, false)
    FROM json_populate_recordset(NULL::account_days, %(days)s::json) d
    JOIN written USING (firm_code, program_id)
    ON CONFLICT (firm_code, program_id, day) DO UPDATE SET
        start_balance = COALESCE(EXCLUDED.start_balance, known.start_balance),
        start_equity = COALESCE(EXCLUDED.start_equity, known.start_equity),
        high_equity = GREATEST(EXCLUDED.high_equity, known.high_equity),
        low_equity = LEAST(EXCLUDED.low_equity, known.low_equity),
        end_balance = COALESCE(EXCLUDED.end_balance, known.end_balance),
        end_equity = COALESCE(EXCLUDED.end_equity, known.end_equity),
        platform_pl = COALESCE(EXCLUDED.platform_pl, known.platform_pl),
        finalised_at = COALESCE(known.finalised_at, EXCLUDED.finalised_at),
        caught_up = known.caught_up OR EXCLUDED.caught_up,
        corrected = known.corrected OR EXCLUDED.corrected
), cleared AS (
    UPDATE account_alerts a SET cleared_at = GREATEST(a.raised_at, c.cleared_at)
    FROM json_populate_recordset(NULL::account_alerts, %(cleared)s::json) c
    JOIN written USING (firm_code, program_id)
    WHERE a.firm_code = c.firm_code AND a.program_id = c.program_id AND a.rule = c.rule
      AND a.mark = c.mark AND a.cleared_at IS NULL AND NOT a.is_event
), raised AS (
    INSERT INTO account_alerts (
        firm_code, program_id, rule, mark, is_event, severity, value, limit_value, raised_at)
    SELECT r.firm_code, r.program_id, r.rule, r.mark, r.is_event, r.severity, r.value, r.limit_value, r.raised_at
    FROM json_populate_recordset(NULL::account_alerts, %(raised)s::json) r
    JOIN written USING (firm_code, program_id)
    ON CONFLICT DO NOTHING
)
SELECT w.firm_code, w.program_id, w.version, pg_notify('router_events', n.event)
FROM written w
JOIN json_to_recordset(%(events)s::json) AS n (firm_code TEXT, program_id INTEGER, event TEXT)
  USING (firm_code, program_id)

-- name: keep_late
-- Points of history that change nothing else. What is there under any kind was told before.
INSERT INTO account_snapshots (
    firm_code, program_id, observed_at, received_at, kind, source, firm_day, equity, balance, day_pl)
SELECT s.firm_code, s.program_id, s.observed_at, s.received_at, s.kind, s.source, s.firm_day, s.equity, s.balance,
       s.day_pl
FROM json_populate_recordset(NULL::account_snapshots, %(snapshots)s::json) s
WHERE NOT EXISTS (
    SELECT FROM account_snapshots known
    WHERE known.firm_code = s.firm_code AND known.program_id = s.program_id AND known.observed_at = s.observed_at
      AND known.equity IS NOT DISTINCT FROM s.equity AND known.balance IS NOT DISTINCT FROM s.balance)
ON CONFLICT DO NOTHING
RETURNING id

-- name: read_accounts
-- All that a decision or a standing needs of accounts, one row each. An account that only has flags has a row, too.
SELECT s.*,
       COALESCE((
           SELECT json_object_agg(f.name, f.value) FROM account_flags f
           WHERE f.firm_code = s.firm_code AND f.program_id = s.program_id), '{}') AS flags,
       (SELECT to_json(o) FROM account_overrides o
        WHERE o.firm_code = s.firm_code AND o.program_id = s.program_id AND o.withdrawn_at IS NULL
        ORDER BY o.id DESC LIMIT 1) AS override,
       COALESCE((
           SELECT json_agg(json_build_array(a.rule, a.mark)) FROM (
               SELECT rule, max(mark) AS mark FROM account_alerts
               WHERE firm_code = s.firm_code AND program_id = s.program_id AND is_event
               GROUP BY rule
               UNION ALL
               SELECT rule, mark FROM account_alerts
               WHERE firm_code = s.firm_code AND program_id = s.program_id AND cleared_at IS NULL AND NOT is_event
           ) a), '[]') AS alerts,
       COALESCE((
           SELECT json_agg(d ORDER BY d.day) FROM account_days d
           WHERE d.firm_code = s.firm_code AND d.program_id = s.program_id), '[]') AS days
FROM account_states s
WHERE (s.firm_code, s.program_id) IN (
    SELECT firm_code, program_id
    FROM unnest(%(firm_codes)s::text[], %(program_ids)s::integer[]) AS k (firm_code, program_id))

-- name: account_versions
SELECT firm_code, program_id, version FROM account_states

-- name: set_flags
-- The state's version counts the change, so that every process sees that something is new.
WITH flagged AS (
    INSERT INTO account_flags (firm_code, program_id, name, value, set_by, reason)
    SELECT %(firm_code)s, %(program_id)s, f.key, f.value, %(set_by)s, %(reason)s
    FROM jsonb_each(%(flags)s::jsonb) f
    ON CONFLICT (firm_code, program_id, name) DO UPDATE SET
        value = EXCLUDED.value, set_by = EXCLUDED.set_by, reason = EXCLUDED.reason, set_at = clock_timestamp()
), counted AS (
    INSERT INTO account_states AS known (firm_code, program_id, version, source)
    VALUES (%(firm_code)s, %(program_id)s, 1, 'PROGRAM')
    ON CONFLICT (firm_code, program_id) DO UPDATE SET version = known.version + 1
    RETURNING version
)
SELECT version, pg_notify('router_events', jsonb_build_object(
    'event', 'account_changed', 'firm_code', %(firm_code)s::text, 'program_id', %(program_id)s::integer,
    'version', version)::text)
FROM counted

-- name: set_override
-- A new override replaces the one in force.
WITH withdrawn AS (
    UPDATE account_overrides SET withdrawn_at = clock_timestamp(), withdrawn_by = %(set_by)s
    WHERE firm_code = %(firm_code)s AND program_id = %(program_id)s AND withdrawn_at IS NULL
), added AS (
    INSERT INTO account_overrides (firm_code, program_id, figures, reason, set_by, expires_at)
    SELECT %(firm_code)s, %(program_id)s, %(figures)s::jsonb, %(reason)s, %(set_by)s, %(expires_at)s
    WHERE %(figures)s::jsonb <> '{}'
), counted AS (
    INSERT INTO account_states AS known (firm_code, program_id, version, source)
    VALUES (%(firm_code)s, %(program_id)s, 1, 'PROGRAM')
    ON CONFLICT (firm_code, program_id) DO UPDATE SET version = known.version + 1
    RETURNING version
)
SELECT version, pg_notify('router_events', jsonb_build_object(
    'event', 'account_changed', 'firm_code', %(firm_code)s::text, 'program_id', %(program_id)s::integer,
    'version', version)::text)
FROM counted

-- name: keep_rule_sets
INSERT INTO rule_sets (digest, id, version, content)
SELECT r.digest, r.id, r.version, r.content
FROM json_to_recordset(%(rule_sets)s::json) AS r (digest TEXT, id TEXT, version DATE, content JSONB)
ON CONFLICT (digest) DO NOTHING

-- name: equity_curve
-- Of each stretch of time the first, the lowest, the highest and the last point; every point where there are few.
-- All points of the range are looked at in the index of told_once alone; only the chosen ones are fetched.
WITH ends AS MATERIALIZED (
    SELECT min(observed_at) AS first_at,
           (max(observed_at) - min(observed_at)) / %(stretches)s + interval '1 microsecond' AS stride
    FROM account_snapshots
    WHERE firm_code = %(firm_code)s AND program_id = %(program_id)s
      AND observed_at >= %(since)s AND observed_at <= %(until)s AND equity IS NOT NULL
), stretch AS MATERIALIZED (
    SELECT count(*) AS points, min(s.observed_at) AS first_at, max(s.observed_at) AS last_at,
           min(s.equity) AS lowest, max(s.equity) AS highest
    FROM account_snapshots s, ends
    WHERE s.firm_code = %(firm_code)s AND s.program_id = %(program_id)s
      AND s.observed_at >= %(since)s AND s.observed_at <= %(until)s AND s.equity IS NOT NULL
    GROUP BY date_bin(ends.stride, s.observed_at, ends.first_at)
), chosen AS (
    SELECT p.*
    -- There are no more; without the limits the planner reckons with as many as there are points.
    FROM (SELECT * FROM stretch LIMIT %(stretches)s) stretch, LATERAL (
        (SELECT * FROM account_snapshots s
         WHERE s.firm_code = %(firm_code)s AND s.program_id = %(program_id)s AND s.observed_at = stretch.first_at
           AND s.equity IS NOT NULL
         ORDER BY s.equity LIMIT 1)
        UNION
        (SELECT * FROM account_snapshots s
         WHERE s.firm_code = %(firm_code)s AND s.program_id = %(program_id)s AND s.observed_at = stretch.last_at
           AND s.equity IS NOT NULL
         ORDER BY s.equity DESC LIMIT 1)
        UNION
        (SELECT * FROM account_snapshots s
         WHERE s.firm_code = %(firm_code)s AND s.program_id = %(program_id)s
           AND s.observed_at >= stretch.first_at AND s.observed_at <= stretch.last_at AND s.equity = stretch.lowest
         ORDER BY s.observed_at LIMIT 1)
        UNION
        (SELECT * FROM account_snapshots s
         WHERE s.firm_code = %(firm_code)s AND s.program_id = %(program_id)s
           AND s.observed_at >= stretch.first_at AND s.observed_at <= stretch.last_at AND s.equity = stretch.highest
         ORDER BY s.observed_at LIMIT 1)
    ) p
    WHERE (SELECT sum(points) FROM stretch) > %(points)s
    UNION ALL
    (SELECT s.* FROM account_snapshots s
     WHERE s.firm_code = %(firm_code)s AND s.program_id = %(program_id)s
       AND s.observed_at >= %(since)s AND s.observed_at <= %(until)s AND s.equity IS NOT NULL
       AND (SELECT sum(points) FROM stretch) <= %(points)s
     ORDER BY s.observed_at LIMIT %(points)s)
)
SELECT c.observed_at, c.equity, c.balance,
       COALESCE(c.high_water_mark, GREATEST(before.high_water_mark, c.equity)) AS high_water_mark,
       COALESCE(c.floor, before.floor) AS floor, COALESCE(c.daily_floor, before.daily_floor) AS daily_floor
FROM chosen c
-- What came late was kept without marks and floors: those of the moment before it held.
LEFT JOIN LATERAL (
    SELECT known.high_water_mark, known.floor, known.daily_floor FROM account_snapshots known
    WHERE c.kind = 'LATE' AND known.firm_code = c.firm_code AND known.program_id = c.program_id
      AND known.observed_at <= c.observed_at AND known.kind NOT IN ('LATE', 'NO_DATA')
    ORDER BY known.observed_at DESC LIMIT 1
) before ON true
ORDER BY c.observed_at, c.id

-- name: list_alerts
SELECT id, firm_code, program_id, rule, mark, is_event, severity, value, limit_value, raised_at, cleared_at
FROM account_alerts
WHERE (%(firm_code)s::text IS NULL OR firm_code = %(firm_code)s)
  AND (%(program_id)s::integer IS NULL OR program_id = %(program_id)s)
  AND (NOT %(only_open)s OR (cleared_at IS NULL AND NOT is_event))
ORDER BY raised_at DESC, id DESC
LIMIT %(limit)s
