-- Forms of the page that were sent, so that one sent twice acts once. May be run again.

-- key: a digest of the form's own number, its address, its fields and who sent it. location: where its act is shown;
-- empty while it is under way, and for ever where the process died over it: then a person has to look.
CREATE TABLE IF NOT EXISTS web_forms (
    key      TEXT PRIMARY KEY,
    sender   TEXT NOT NULL,
    sent_at  TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    location TEXT
);

CREATE INDEX IF NOT EXISTS idx_web_forms_sent_at ON web_forms (sent_at);
