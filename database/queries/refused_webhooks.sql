-- Which bodies were refused at the door lately, and because of which fields?
SELECT r.received_at, r.endpoint, r.status_code, r.code, r.trade_id,
       (SELECT string_agg(problem ->> 'field', ', ' ORDER BY place)
        FROM json_array_elements(r.problems) WITH ORDINALITY AS p (problem, place)) AS fields,
       r.message, r.body
FROM refused_webhooks r
ORDER BY r.received_at DESC, r.id DESC
LIMIT 50;
