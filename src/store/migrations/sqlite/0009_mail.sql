-- Mail that came as evidence. The message and the verdicts of DKIM, SPF and DMARC lie in `evidence`,
-- under the hashes that stand here.
CREATE TABLE inbound_mail (
    id              TEXT PRIMARY KEY,
    -- The same for the same message, however often it is delivered.
    dedupe          TEXT NOT NULL UNIQUE,
    sha256          TEXT NOT NULL,
    authentication  TEXT NOT NULL,
    received_at     INTEGER NOT NULL,
    via             TEXT NOT NULL,
    sender          TEXT NOT NULL,
    subject         TEXT NOT NULL,
    message_id      TEXT,
    customer_id     TEXT,
    state           TEXT NOT NULL CHECK (state IN ('quarantined', 'open', 'approved', 'rejected')),
    reason          TEXT NOT NULL,
    body            TEXT NOT NULL,
    copies          INTEGER NOT NULL,
    settled_at      INTEGER,
    settled_by      TEXT,
    note            TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX inbound_mail_by_state ON inbound_mail (state, id);

-- What is settled stays settled, and no mail vanishes.
CREATE TRIGGER inbound_mail_stays_settled BEFORE UPDATE OF state, settled_at, settled_by, note, sha256, authentication ON inbound_mail
    WHEN OLD.settled_at IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'this mail is settled'); END;
CREATE TRIGGER inbound_mail_is_kept BEFORE DELETE ON inbound_mail
    BEGIN SELECT RAISE(ABORT, 'mail that came as evidence is kept'); END;

-- Who may speak for a customer: the newest row of an address counts.
CREATE TABLE allowed_sender (
    customer_id     TEXT NOT NULL,
    address         TEXT NOT NULL,
    at              INTEGER NOT NULL,
    allowed         INTEGER NOT NULL CHECK (allowed IN (0, 1)),
    by              TEXT NOT NULL,
    PRIMARY KEY (customer_id, address, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX allowed_sender_by_address ON allowed_sender (address, customer_id, at);

INSERT INTO allowed_sender (customer_id, address, at, allowed, by)
    SELECT DISTINCT c.id, lower(json_extract(contact.value, '$.email')), c.ordered_at, 1, 'order'
      FROM customer c, json_each(c.order_body, '$.contacts') contact
     WHERE json_extract(contact.value, '$.email') IS NOT NULL
    UNION
    SELECT c.id, lower(json_extract(c.order_body, '$.sales_rep')), c.ordered_at, 1, 'order'
      FROM customer c WHERE json_extract(c.order_body, '$.sales_rep') IS NOT NULL;
