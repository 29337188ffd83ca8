-- Who is connected to a host that is not ours, in the whole installation, and who was there last.
CREATE TABLE turn (
    target      TEXT COLLATE "C" PRIMARY KEY,
    holder      TEXT,
    until       BIGINT,
    left_by     TEXT,
    left_at     BIGINT
);

-- How often one vantage has looked at it in the 24 hours from `since` on.
CREATE TABLE turn_visit (
    target      TEXT COLLATE "C" NOT NULL,
    vantage     TEXT COLLATE "C" NOT NULL,
    since       BIGINT NOT NULL,
    looks       BIGINT NOT NULL,
    look_at     BIGINT NOT NULL,
    last_at     BIGINT NOT NULL,
    PRIMARY KEY (target, vantage)
);

-- What all nodes together have asked a target since the allowance began.
CREATE TABLE allowance (
    target      TEXT COLLATE "C" PRIMARY KEY,
    since       BIGINT NOT NULL,
    drawn       BIGINT NOT NULL
);
