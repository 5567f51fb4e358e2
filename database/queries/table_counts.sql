-- How many tasks and log entries are there?
SELECT (SELECT count(*) FROM execution_tasks) AS execution_tasks,
       (SELECT count(*) FROM execution_logs) AS execution_logs;
