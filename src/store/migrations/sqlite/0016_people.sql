-- People who sign in to the pages. Addresses are in lower case.
CREATE TABLE person (
    id           TEXT PRIMARY KEY,
    email        TEXT NOT NULL UNIQUE,
    name         TEXT NOT NULL,
    role         TEXT NOT NULL,
    partner_id   TEXT,
    language     TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    created_by   TEXT NOT NULL,
    disabled_at  INTEGER,
    signed_in_at INTEGER
) STRICT, WITHOUT ROWID;

-- Links that were mailed and neither used nor forgotten, by the SHA-256 of their secret.
CREATE TABLE sign_in_link (
    hash       BLOB PRIMARY KEY,
    person_id  TEXT NOT NULL,
    next       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    ends_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_in_link_of_person ON sign_in_link (person_id, created_at);
CREATE INDEX sign_in_link_end ON sign_in_link (ends_at);

-- Who is signed in, by the SHA-256 of what the browser keeps: a person, or the holder of a token.
CREATE TABLE session (
    hash       BLOB PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    person_id  TEXT,
    token_id   TEXT,
    way        TEXT NOT NULL,
    browser    TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    ends_at    INTEGER NOT NULL,
    CHECK ((person_id IS NULL) <> (token_id IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX session_of_person ON session (person_id, created_at) WHERE person_id IS NOT NULL;
CREATE INDEX session_of_token ON session (token_id, created_at) WHERE token_id IS NOT NULL;
CREATE INDEX session_end ON session (ends_at);
