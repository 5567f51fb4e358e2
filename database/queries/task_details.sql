-- What is known of all tasks of one trade? psql -v trade_id=YOUR_TRADE_ID -f task_details.sql
SELECT et.*, el.status AS log_status, el.response_body
FROM execution_tasks et
LEFT JOIN execution_logs el ON et.id = el.task_id
WHERE et.trade_id = :'trade_id'
ORDER BY et.id, el.id;
