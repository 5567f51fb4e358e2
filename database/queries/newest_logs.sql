-- What are the 100 newest rows of the record, with all their columns?
SELECT *
FROM execution_logs
ORDER BY created_at DESC, id DESC
LIMIT 100;
