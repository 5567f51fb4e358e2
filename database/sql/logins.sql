-- name: make_web_key
INSERT INTO web_keys (name, key) VALUES (%(name)s, decode(%(key)s, 'hex')) ON CONFLICT (name) DO NOTHING

-- name: web_key
SELECT encode(key, 'hex') AS key FROM web_keys WHERE name = %(name)s

-- name: begin_login
INSERT INTO web_logins (digest, name, role, credential, source)
VALUES (%(digest)s, %(name)s, %(role)s, %(credential)s, %(source)s)

-- name: forget_old_logins
WITH attempts AS (
    DELETE FROM login_attempts WHERE last_at < now() - make_interval(secs => %(keep)s)
)
DELETE FROM web_logins WHERE begun_at < now() - make_interval(secs => %(keep)s)

-- name: see_login
-- The login if it holds. That it was seen is written once a minute at most: a page asks many times a second.
WITH found AS (
    SELECT digest, name, role, credential, seen_at
    FROM web_logins
    WHERE digest = %(digest)s AND ended_at IS NULL
      AND begun_at > now() - make_interval(secs => %(lifetime)s)
      AND seen_at > now() - make_interval(secs => %(idle)s)
), seen AS (
    UPDATE web_logins l SET seen_at = now()
    FROM found f
    WHERE l.digest = f.digest AND f.seen_at < now() - make_interval(secs => %(note_after)s)
)
SELECT name, role, credential FROM found

-- name: logins_in_force
SELECT digest, credential
FROM web_logins
WHERE digest = ANY(%(digests)s) AND ended_at IS NULL
  AND begun_at > now() - make_interval(secs => %(lifetime)s)
  AND seen_at > now() - make_interval(secs => %(idle)s)

-- name: end_login
UPDATE web_logins SET ended_at = now() WHERE digest = %(digest)s AND ended_at IS NULL

-- name: end_all_logins
UPDATE web_logins SET ended_at = now() WHERE ended_at IS NULL

-- name: count_login_attempt
-- An attempt counts as failed before the password is looked at, so that attempts at the same moment count, too. Comes
-- back without a row while the source has to wait. The wait doubles with each attempt beyond those that are free.
INSERT INTO login_attempts AS a (source, failures) VALUES (%(source)s, 1)
ON CONFLICT (source) DO UPDATE SET
    failures = CASE WHEN a.last_at < now() - make_interval(secs => %(forget)s) THEN 1 ELSE a.failures + 1 END,
    last_at = now(),
    free_at = now() + make_interval(secs => CASE
        WHEN a.last_at < now() - make_interval(secs => %(forget)s) OR a.failures + 1 < %(free)s THEN 0
        ELSE LEAST(%(longest)s, power(2, LEAST(a.failures + 1 - %(free)s, 20))) END)
WHERE a.free_at <= now()
RETURNING a.failures, COALESCE(a.succeeded_at > now() - make_interval(secs => %(known)s), FALSE) AS known

-- name: login_wait
SELECT GREATEST(0, ceil(extract(epoch FROM free_at - clock_timestamp())))::integer AS seconds
FROM login_attempts WHERE source = %(source)s

-- name: forgive_login_attempts
UPDATE login_attempts
SET failures = CASE WHEN source = %(source)s THEN 0 ELSE GREATEST(0, failures - 1) END, free_at = now(),
    succeeded_at = CASE WHEN source = %(source)s THEN now() ELSE succeeded_at END
WHERE source IN (%(source)s, %(all)s)
