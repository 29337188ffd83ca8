-- Links to the status page of one domain, by the SHA-256 of their secret.
CREATE TABLE link (
    id           TEXT PRIMARY KEY,
    hash         BLOB NOT NULL UNIQUE,
    subject_id   TEXT NOT NULL,
    partner_id   TEXT NOT NULL,
    label        TEXT NOT NULL,
    made_by      TEXT NOT NULL,
    made_at      INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    revoked_by   TEXT,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX link_of_subject ON link (subject_id, made_at);
