-- The looks that a permit rests on, word for word. A row is named by the SHA-256 of its body.
CREATE TABLE observation_archive (
    subject_id  TEXT NOT NULL,
    sha256      TEXT NOT NULL,
    kind        TEXT NOT NULL,
    observed_at INTEGER NOT NULL,
    body        TEXT NOT NULL,
    PRIMARY KEY (subject_id, sha256)
) STRICT;
CREATE TRIGGER observation_archive_is_never_changed BEFORE UPDATE ON observation_archive
    BEGIN SELECT RAISE(ABORT, 'archived evidence is never changed'); END;

-- Who had a trial: `domain:<name>` and `business:<id in letters and digits>`.
CREATE TABLE trial (
    key         TEXT NOT NULL,
    ordered_at  INTEGER NOT NULL,
    customer_id TEXT NOT NULL REFERENCES customer (id),
    PRIMARY KEY (key, ordered_at, customer_id)
) STRICT, WITHOUT ROWID;
INSERT INTO trial (key, ordered_at, customer_id)
    SELECT 'domain:' || s.domain, c.ordered_at, c.id FROM subject s JOIN customer c ON c.id = s.customer_id
    WHERE s.domain IS NOT NULL AND json_extract(c.order_body, '$.kind') = 'trial';
INSERT INTO trial (key, ordered_at, customer_id)
    SELECT 'business:' || upper(replace(replace(json_extract(c.order_body, '$.business_id'), '-', ''), ' ', '')),
           c.ordered_at, c.id FROM customer c
    WHERE json_extract(c.order_body, '$.business_id') IS NOT NULL AND json_extract(c.order_body, '$.kind') = 'trial';
