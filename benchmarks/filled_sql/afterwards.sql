-- Every event is sealed; what comes next gets the ids after these.
UPDATE audit_horizon SET xact = pg_snapshot_xmax(pg_current_snapshot());
SELECT setval(pg_get_serial_sequence('execution_tasks', 'id'), (SELECT max(id) FROM execution_tasks)),
       setval(pg_get_serial_sequence('execution_logs', 'id'), (SELECT max(id) FROM execution_logs)),
       setval(pg_get_serial_sequence('automated_signals', 'id'), (SELECT max(id) FROM automated_signals)),
       setval(pg_get_serial_sequence('audit_events', 'id'), (SELECT max(id) FROM audit_events)),
       setval(pg_get_serial_sequence('execution_orders', 'id'), (SELECT max(id) FROM execution_orders)),
       setval(pg_get_serial_sequence('execution_order_events', 'id'), (SELECT max(id) FROM execution_order_events));
DROP TABLE numbered
