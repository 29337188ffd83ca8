-- A closed run has a seal that covers all it says and the run before it. Runs that were closed earlier
-- have none and are verified by computing them again.
ALTER TABLE invoicing_run ADD COLUMN prev_hash BYTEA;
ALTER TABLE invoicing_run ADD COLUMN hash BYTEA;

-- Since when an effect is parked.
ALTER TABLE outbox ADD COLUMN parked_at BIGINT;

-- Who retried parked work, and what it had failed of.
CREATE TABLE retry (
    key         TEXT COLLATE "C" NOT NULL,
    at          BIGINT NOT NULL,
    by          TEXT NOT NULL,
    error       TEXT NOT NULL,
    PRIMARY KEY (key, at)
);

-- Written to find out whether writing works.
CREATE TABLE heartbeat (
    one         BIGINT PRIMARY KEY CHECK (one = 1),
    at          BIGINT NOT NULL
);
