-- A closed run has a seal that covers all it says and the run before it. Runs that were closed earlier
-- have none and are verified by computing them again.
ALTER TABLE invoicing_run ADD COLUMN prev_hash BLOB;
ALTER TABLE invoicing_run ADD COLUMN hash BLOB;

-- Since when an effect is parked.
ALTER TABLE outbox ADD COLUMN parked_at INTEGER;

-- Who retried parked work, and what it had failed of.
CREATE TABLE retry (
    key         TEXT NOT NULL,
    at          INTEGER NOT NULL,
    by          TEXT NOT NULL,
    error       TEXT NOT NULL,
    PRIMARY KEY (key, at)
) STRICT, WITHOUT ROWID;

-- Written to find out whether writing works.
CREATE TABLE heartbeat (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    at          INTEGER NOT NULL
) STRICT;
