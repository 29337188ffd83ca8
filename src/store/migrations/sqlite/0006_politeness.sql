-- Who is connected to a host that is not ours, in the whole installation, and who was there last.
CREATE TABLE turn (
    target      TEXT PRIMARY KEY,
    holder      TEXT,
    until       INTEGER,
    left_by     TEXT,
    left_at     INTEGER
) STRICT, WITHOUT ROWID;

-- How often one vantage has looked at it in the 24 hours from `since` on.
CREATE TABLE turn_visit (
    target      TEXT NOT NULL,
    vantage     TEXT NOT NULL,
    since       INTEGER NOT NULL,
    looks       INTEGER NOT NULL,
    look_at     INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    PRIMARY KEY (target, vantage)
) STRICT, WITHOUT ROWID;

-- What all nodes together have asked a target since the allowance began.
CREATE TABLE allowance (
    target      TEXT PRIMARY KEY,
    since       INTEGER NOT NULL,
    drawn       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
