-- What became of each attempt to tell the accounting system of a run, the newest as lines of JSON.
ALTER TABLE outbox ADD COLUMN log TEXT NOT NULL DEFAULT '';
