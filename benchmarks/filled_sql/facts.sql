INSERT INTO decision_facts (task_id, facts)
SELECT n.id, f.facts
FROM numbered n
JOIN decision_facts f ON f.task_id = n.example
WHERE NOT n.failed
