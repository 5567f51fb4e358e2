-- Which events were sent again with other content, and what did each of the two bodies say?
SELECT received_at, trade_id, lifecycle, first_received_at, first_body, body AS refused_body, task_id
FROM signal_conflicts
ORDER BY received_at DESC, id DESC;
