-- Times are microseconds since 1970 (UTC). Bodies are JSON made by the layer that owns them.

CREATE TABLE customer (
    id          TEXT PRIMARY KEY,
    partner_id  TEXT NOT NULL,
    order_id    TEXT NOT NULL UNIQUE,
    order_body  TEXT NOT NULL,
    ordered_at  INTEGER NOT NULL,
    ordered_by  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX customer_of_partner ON customer (partner_id, id);

-- The fence stands here and not with the timer: a subject has at most one claim at a time, and the
-- number keeps growing while timers come and go.
CREATE TABLE subject (
    id              TEXT PRIMARY KEY,
    kind            TEXT NOT NULL CHECK (kind IN ('connection', 'subscription')),
    partner_id      TEXT NOT NULL,
    customer_id     TEXT NOT NULL REFERENCES customer (id),
    domain          TEXT,
    held_by         TEXT,
    machine_version INTEGER NOT NULL,
    phase           TEXT NOT NULL,
    state           TEXT NOT NULL,
    state_since     INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    last_seq        INTEGER NOT NULL,
    fence           INTEGER NOT NULL DEFAULT 0,
    lease_kind      TEXT,
    lease_owner     TEXT,
    lease_until     INTEGER,
    CHECK ((kind = 'connection') = (domain IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX subject_of_customer ON subject (customer_id, kind, id);
CREATE INDEX subject_by_domain ON subject (domain, id) WHERE domain IS NOT NULL;
CREATE INDEX subject_of_partner_by_domain ON subject (partner_id, domain, id) WHERE domain IS NOT NULL;
-- One living connection holds a domain; others wait.
CREATE UNIQUE INDEX holder_of_domain ON subject (domain)
    WHERE domain IS NOT NULL AND held_by IS NULL AND phase NOT IN ('released', 'cancelled');

CREATE INDEX subject_leased ON subject (lease_until) WHERE lease_until IS NOT NULL;

CREATE TABLE event (
    subject_id  TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    body        TEXT NOT NULL,
    cause       TEXT NOT NULL,
    PRIMARY KEY (subject_id, seq)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

CREATE TABLE timer (
    subject_id  TEXT NOT NULL,
    kind        TEXT NOT NULL,
    due_at      INTEGER,
    attempt     INTEGER NOT NULL DEFAULT 0,
    parked_at   INTEGER,
    error       TEXT,
    PRIMARY KEY (subject_id, kind),
    CHECK ((due_at IS NULL) = (parked_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX timer_due ON timer (due_at, subject_id, kind) WHERE due_at IS NOT NULL;
CREATE INDEX timer_parked ON timer (subject_id, kind) WHERE parked_at IS NOT NULL;

CREATE TABLE observation (
    subject_id  TEXT NOT NULL,
    kind        TEXT NOT NULL,
    digest      TEXT NOT NULL,
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    body        TEXT NOT NULL,
    PRIMARY KEY (subject_id, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    id          INTEGER PRIMARY KEY,
    subject_id  TEXT NOT NULL,
    dedupe_key  TEXT NOT NULL UNIQUE,
    kind        TEXT NOT NULL,
    payload     TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    due_at      INTEGER,
    attempt     INTEGER NOT NULL DEFAULT 0,
    fence       INTEGER NOT NULL DEFAULT 0,
    lease_owner TEXT,
    lease_until INTEGER,
    status      TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'dropped', 'parked')),
    sent_at     INTEGER,
    detail      TEXT NOT NULL DEFAULT '',
    CHECK ((status = 'pending') = (due_at IS NOT NULL))
) STRICT;
CREATE INDEX outbox_due ON outbox (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX outbox_pending_of_subject ON outbox (subject_id, id) WHERE due_at IS NOT NULL;
CREATE INDEX outbox_of_subject ON outbox (subject_id, kind, id);
CREATE INDEX outbox_leased ON outbox (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX outbox_parked ON outbox (id) WHERE status = 'parked';

-- Requests from outside (with their answer) and facts between subjects that were taken in.
CREATE TABLE inbox (
    key          TEXT PRIMARY KEY,
    request_hash TEXT NOT NULL,
    response     TEXT NOT NULL,
    at           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE route (
    domain      TEXT PRIMARY KEY,
    mode        TEXT NOT NULL,
    servers     TEXT NOT NULL,
    generation  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE token (
    id          TEXT PRIMARY KEY,
    hash        BLOB NOT NULL UNIQUE,
    role        TEXT NOT NULL,
    partner_id  TEXT,
    label       TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER,
    revoked_at  INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE evidence (
    sha256      TEXT PRIMARY KEY,
    content     BLOB NOT NULL,
    kept_at     INTEGER NOT NULL
) STRICT;

CREATE TABLE billing_entry (
    seq         INTEGER PRIMARY KEY,
    customer_id TEXT NOT NULL,
    kind        TEXT NOT NULL,
    valid_from  TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    body        TEXT NOT NULL,
    prev_hash   BLOB NOT NULL CHECK (length(prev_hash) = 32),
    hash        BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX billing_entry_of_customer ON billing_entry (customer_id, seq);
CREATE TRIGGER billing_entry_is_never_changed BEFORE UPDATE ON billing_entry
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER billing_entry_is_never_deleted BEFORE DELETE ON billing_entry
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

CREATE TABLE ledger_head (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    seq         INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    hash        BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE invoicing_run (
    run_date    TEXT PRIMARY KEY,
    closed_at   INTEGER NOT NULL,
    closed_by   TEXT NOT NULL,
    head_seq    INTEGER NOT NULL,
    head_hash   BLOB NOT NULL CHECK (length(head_hash) = 32),
    lines       BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER invoicing_run_is_never_changed BEFORE UPDATE ON invoicing_run
    BEGIN SELECT RAISE(ABORT, 'a closed run is never changed'); END;
CREATE TRIGGER invoicing_run_is_never_deleted BEFORE DELETE ON invoicing_run
    BEGIN SELECT RAISE(ABORT, 'a closed run is never deleted'); END;
