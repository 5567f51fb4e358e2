-- What did each account make on each firm day, by our snapshots and by its platform, and where do the two differ?
SELECT day, firm_code AS firm, program_id AS program, end_balance - start_balance AS pl, platform_pl,
       platform_pl - (end_balance - start_balance) AS difference, high_equity, low_equity,
       finalised_at IS NOT NULL AS finalised, caught_up, corrected
FROM account_days
ORDER BY day DESC, firm_code, program_id;
