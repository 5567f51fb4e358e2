-- What does the record hold of one trade, newest first? psql -v trade_id=YOUR_TRADE_ID -f trade_logs.sql
SELECT *
FROM execution_logs
WHERE trade_id = :'trade_id'
ORDER BY created_at DESC, id DESC;
