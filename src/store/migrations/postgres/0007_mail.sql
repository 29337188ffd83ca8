-- Mail that came as evidence. The message and the verdicts of DKIM, SPF and DMARC lie in `evidence`,
-- under the hashes that stand here.
CREATE TABLE inbound_mail (
    id              TEXT COLLATE "C" PRIMARY KEY,
    -- The same for the same message, however often it is delivered.
    dedupe          TEXT COLLATE "C" NOT NULL UNIQUE,
    sha256          TEXT COLLATE "C" NOT NULL,
    authentication  TEXT COLLATE "C" NOT NULL,
    received_at     BIGINT NOT NULL,
    via             TEXT NOT NULL,
    sender          TEXT NOT NULL,
    subject         TEXT NOT NULL,
    message_id      TEXT,
    customer_id     TEXT COLLATE "C",
    state           TEXT COLLATE "C" NOT NULL CHECK (state IN ('quarantined', 'open', 'approved', 'rejected')),
    reason          TEXT NOT NULL,
    body            TEXT NOT NULL,
    copies          BIGINT NOT NULL,
    settled_at      BIGINT,
    settled_by      TEXT,
    note            TEXT NOT NULL
);
CREATE INDEX inbound_mail_by_state ON inbound_mail (state, id);

-- What is settled stays settled, and no mail vanishes.
CREATE FUNCTION refuse_settled() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE EXCEPTION 'this mail is settled' USING ERRCODE = 'restrict_violation'; END$$;
CREATE TRIGGER inbound_mail_stays_settled BEFORE UPDATE OF state, settled_at, settled_by, note, sha256, authentication ON inbound_mail
    FOR EACH ROW WHEN (OLD.settled_at IS NOT NULL) EXECUTE FUNCTION refuse_settled();
CREATE FUNCTION refuse_loss_of_mail() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE EXCEPTION 'mail that came as evidence is kept' USING ERRCODE = 'restrict_violation'; END$$;
CREATE TRIGGER inbound_mail_is_kept BEFORE DELETE ON inbound_mail
    FOR EACH ROW EXECUTE FUNCTION refuse_loss_of_mail();
CREATE TRIGGER inbound_mail_is_never_emptied BEFORE TRUNCATE ON inbound_mail
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss_of_mail();

-- Who may speak for a customer: the newest row of an address counts.
CREATE TABLE allowed_sender (
    customer_id     TEXT COLLATE "C" NOT NULL,
    address         TEXT COLLATE "C" NOT NULL,
    at              BIGINT NOT NULL,
    allowed         BIGINT NOT NULL CHECK (allowed IN (0, 1)),
    by              TEXT NOT NULL,
    PRIMARY KEY (customer_id, address, at)
);
CREATE INDEX allowed_sender_by_address ON allowed_sender (address, customer_id, at);

INSERT INTO allowed_sender (customer_id, address, at, allowed, by)
    SELECT c.id, lower(contact->>'email'), c.ordered_at, 1, 'order'
      FROM customer c, jsonb_array_elements(c.order_body::jsonb->'contacts') contact
     WHERE contact->>'email' IS NOT NULL
    UNION
    SELECT c.id, lower(c.order_body::jsonb->>'sales_rep'), c.ordered_at, 1, 'order'
      FROM customer c WHERE c.order_body::jsonb->>'sales_rep' IS NOT NULL;
