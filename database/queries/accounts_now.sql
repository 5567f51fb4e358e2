-- Where does each account stand: equity, room to today's limit and to the floor in dollars, age of the figures in seconds?
SELECT firm_code AS firm, program_id AS program, equity, balance, day_pl, equity - daily_floor AS daily_room,
       equity - floor AS floor_room, floor_locked, hwm_intraday AS high_water_mark, breached_at, daily_breached_at,
       no_data_since, source, extract(epoch FROM now() - observed_at)::integer AS age_seconds, rule_set
FROM account_states
ORDER BY LEAST(equity - daily_floor, equity - floor) NULLS LAST, firm_code, program_id;
