INSERT INTO audit_events (id, at, kind, source, subject, task_id, content) OVERRIDING SYSTEM VALUE
SELECT n.id, n.at + interval '7 ms', 'VERDICT', 'execution_logs', n.trade_id, n.id,
       v.content || jsonb_build_object('log_id', n.id)
FROM numbered n
JOIN audit_events v ON v.task_id = n.example AND v.kind = 'VERDICT'
