-- name: begin_form
-- Comes back with a row for one sender alone; for the same sender also where he asks again because the answer was lost.
INSERT INTO web_forms (key, sender) VALUES (%(key)s, %(sender)s)
ON CONFLICT (key) DO UPDATE SET sent_at = web_forms.sent_at WHERE web_forms.sender = EXCLUDED.sender
RETURNING key

-- name: sent_form
SELECT location, sent_at, extract(epoch FROM clock_timestamp() - sent_at)::float AS age
FROM web_forms WHERE key = %(key)s

-- name: form_is_done
UPDATE web_forms SET location = %(location)s WHERE key = %(key)s AND sender = %(sender)s

-- name: forget_form
DELETE FROM web_forms WHERE key = %(key)s AND sender = %(sender)s

-- name: forget_old_forms
DELETE FROM web_forms WHERE sent_at < now() - make_interval(secs => %(keep)s)
