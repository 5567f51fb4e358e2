-- When was each account's firm day closed, from which figures, on time or caught up, and did it end a pause?
SELECT day, firm_code AS firm, program_id AS program, due_at, performed_at, caught_up, figures_at, closing_balance,
       closing_equity, released
FROM account_resets
ORDER BY due_at DESC, firm_code, program_id;
