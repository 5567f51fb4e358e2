-- What does the audit say of one trade, in order? psql -v trade_id=YOUR_TRADE_ID -f audit_of_trade.sql
SELECT c.position, e.at, e.kind, e.subject, e.firm_code AS firm, e.program_id AS program, e.actor, e.content
FROM audit_events e
LEFT JOIN audit_chain c ON c.event_id = e.id
WHERE e.task_id IN (SELECT id FROM execution_tasks WHERE trade_id = :'trade_id')
ORDER BY e.id;
