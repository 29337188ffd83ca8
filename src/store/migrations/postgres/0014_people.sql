-- People who sign in to the pages. Addresses are in lower case.
CREATE TABLE person (
    id           TEXT COLLATE "C" PRIMARY KEY,
    email        TEXT COLLATE "C" NOT NULL UNIQUE,
    name         TEXT NOT NULL,
    role         TEXT NOT NULL,
    partner_id   TEXT,
    language     TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    created_by   TEXT NOT NULL,
    disabled_at  BIGINT,
    signed_in_at BIGINT
);

-- Links that were mailed and neither used nor forgotten, by the SHA-256 of their secret.
CREATE TABLE sign_in_link (
    hash       BYTEA PRIMARY KEY,
    person_id  TEXT COLLATE "C" NOT NULL,
    next       TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ends_at    BIGINT NOT NULL
);
CREATE INDEX sign_in_link_of_person ON sign_in_link (person_id, created_at);
CREATE INDEX sign_in_link_end ON sign_in_link (ends_at);

-- Who is signed in, by the SHA-256 of what the browser keeps: a person, or the holder of a token.
CREATE TABLE session (
    hash       BYTEA PRIMARY KEY,
    id         TEXT COLLATE "C" NOT NULL UNIQUE,
    person_id  TEXT COLLATE "C",
    token_id   TEXT COLLATE "C",
    way        TEXT NOT NULL,
    browser    TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    ends_at    BIGINT NOT NULL,
    CHECK ((person_id IS NULL) <> (token_id IS NULL))
);
CREATE INDEX session_of_person ON session (person_id, created_at) WHERE person_id IS NOT NULL;
CREATE INDEX session_of_token ON session (token_id, created_at) WHERE token_id IS NOT NULL;
CREATE INDEX session_end ON session (ends_at);
