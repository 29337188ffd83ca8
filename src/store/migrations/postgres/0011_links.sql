-- Links to the status page of one domain, by the SHA-256 of their secret.
CREATE TABLE link (
    id           TEXT COLLATE "C" PRIMARY KEY,
    hash         BYTEA NOT NULL UNIQUE,
    subject_id   TEXT COLLATE "C" NOT NULL,
    partner_id   TEXT NOT NULL,
    label        TEXT NOT NULL,
    made_by      TEXT NOT NULL,
    made_at      BIGINT NOT NULL,
    expires_at   BIGINT,
    revoked_at   BIGINT,
    revoked_by   TEXT,
    last_used_at BIGINT
);
CREATE INDEX link_of_subject ON link (subject_id, made_at);
