-- Vantages elsewhere. What is asked of an agent lies here until its deadline, so that any node may
-- hand it out and any node may take the answer.

CREATE TABLE agent (
    name          TEXT COLLATE "C" PRIMARY KEY,
    session       BIGINT NOT NULL,
    session_since BIGINT NOT NULL,
    version       TEXT NOT NULL,
    seen_at       BIGINT NOT NULL
);

CREATE TABLE agent_task (
    id          TEXT COLLATE "C" PRIMARY KEY,
    agent       TEXT COLLATE "C" NOT NULL,
    body        TEXT NOT NULL,
    asked_at    BIGINT NOT NULL,
    deadline    BIGINT NOT NULL,
    -- To which it was handed out.
    session     BIGINT,
    taken_at    BIGINT,
    answered_at BIGINT,
    -- SHA-256 of the answer, which remains when its text has been collected.
    result_hash BYTEA,
    result      TEXT,
    CHECK ((answered_at IS NULL) = (result_hash IS NULL)),
    CHECK ((session IS NULL) = (taken_at IS NULL))
);
CREATE INDEX agent_task_open ON agent_task (agent, id) WHERE answered_at IS NULL;
CREATE INDEX agent_task_deadline ON agent_task (deadline);

CREATE TABLE agent_route (
    agent       TEXT COLLATE "C" NOT NULL,
    domain      TEXT COLLATE "C" NOT NULL,
    mode        TEXT NOT NULL,
    servers     TEXT NOT NULL,
    generation  BIGINT NOT NULL,
    applied     BIGINT NOT NULL DEFAULT 0,
    applied_at  BIGINT,
    error       TEXT,
    seen        BIGINT,
    PRIMARY KEY (agent, domain)
);
CREATE INDEX agent_route_open ON agent_route (agent, domain) WHERE applied < generation;
CREATE INDEX agent_route_of_domain ON agent_route (domain, agent);

CREATE TABLE vantage (
    id              TEXT COLLATE "C" PRIMARY KEY,
    looked_at       BIGINT,
    outside         TEXT,
    outside_at      BIGINT,
    unreached_since BIGINT,
    quarantined_at  BIGINT,
    quarantined_by  TEXT,
    quarantined_why TEXT,
    released_at     BIGINT,
    released_by     TEXT,
    released_why    TEXT
);

-- The newest look of a vantage at a subject. `turned_at`: when good became bad.
CREATE TABLE vantage_look (
    vantage     TEXT COLLATE "C" NOT NULL,
    subject_id  TEXT COLLATE "C" NOT NULL,
    -- The address that was tried: many customers may share one server.
    target      TEXT COLLATE "C" NOT NULL,
    at          BIGINT NOT NULL,
    good        BIGINT NOT NULL CHECK (good IN (0, 1)),
    turned_at   BIGINT,
    PRIMARY KEY (vantage, subject_id)
);
CREATE INDEX vantage_look_recent ON vantage_look (vantage, at);
