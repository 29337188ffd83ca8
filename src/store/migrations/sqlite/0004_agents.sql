-- Vantages elsewhere. What is asked of an agent lies here until its deadline, so that any node may
-- hand it out and any node may take the answer.

CREATE TABLE agent (
    name          TEXT PRIMARY KEY,
    session       INTEGER NOT NULL,
    session_since INTEGER NOT NULL,
    version       TEXT NOT NULL,
    seen_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_task (
    id          TEXT PRIMARY KEY,
    agent       TEXT NOT NULL,
    body        TEXT NOT NULL,
    asked_at    INTEGER NOT NULL,
    deadline    INTEGER NOT NULL,
    -- To which it was handed out.
    session     INTEGER,
    taken_at    INTEGER,
    answered_at INTEGER,
    -- SHA-256 of the answer, which remains when its text has been collected.
    result_hash BLOB,
    result      TEXT,
    CHECK ((answered_at IS NULL) = (result_hash IS NULL)),
    CHECK ((session IS NULL) = (taken_at IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_task_open ON agent_task (agent, id) WHERE answered_at IS NULL;
CREATE INDEX agent_task_deadline ON agent_task (deadline);

CREATE TABLE agent_route (
    agent       TEXT NOT NULL,
    domain      TEXT NOT NULL,
    mode        TEXT NOT NULL,
    servers     TEXT NOT NULL,
    generation  INTEGER NOT NULL,
    applied     INTEGER NOT NULL DEFAULT 0,
    applied_at  INTEGER,
    error       TEXT,
    seen        INTEGER,
    PRIMARY KEY (agent, domain)
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_route_open ON agent_route (agent, domain) WHERE applied < generation;
CREATE INDEX agent_route_of_domain ON agent_route (domain, agent);

CREATE TABLE vantage (
    id              TEXT PRIMARY KEY,
    looked_at       INTEGER,
    outside         TEXT,
    outside_at      INTEGER,
    unreached_since INTEGER,
    quarantined_at  INTEGER,
    quarantined_by  TEXT,
    quarantined_why TEXT,
    released_at     INTEGER,
    released_by     TEXT,
    released_why    TEXT
) STRICT, WITHOUT ROWID;

-- The newest look of a vantage at a subject. `turned_at`: when good became bad.
CREATE TABLE vantage_look (
    vantage     TEXT NOT NULL,
    subject_id  TEXT NOT NULL,
    -- The address that was tried: many customers may share one server.
    target      TEXT NOT NULL,
    at          INTEGER NOT NULL,
    good        INTEGER NOT NULL CHECK (good IN (0, 1)),
    turned_at   INTEGER,
    PRIMARY KEY (vantage, subject_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX vantage_look_recent ON vantage_look (vantage, at);
